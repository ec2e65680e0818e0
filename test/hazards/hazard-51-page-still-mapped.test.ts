/**
 * Hazard 51: ring page revoked while the backend still maps it: deferred free, page not reusable (XSA-396).
 *
 * The granter cannot end an access by force: while the other side maps the page, the call fails. A driver that frees
 * the page all the same gives it to somebody else while the backend can still write to it. The kernel of this guest
 * poisons free pages and looks at the poison when it takes one, as Linux can; so it finds out. A driver that keeps the
 * page until the call succeeds never gives away what is still mapped.
 */
import t from 'tap';
import { RING_PAGES, RING_PFN } from '../../frontend/guest-memory.js';
import { FIRST_GREF, GrantEntry } from '../../hypervisor/grant-table.js';
import { FreesAtSuspendTpmfront } from '../../scenarios/hazards/designs/frees-at-suspend.js';
import { frontOf, holds, inOrder, shortest, worldOf } from '../support/worlds.js';

const scenario = 'cancelled-suspend';
t.test('while the backend maps the page, ending the access fails and changes nothing', async (t) => {
  const world = worldOf({ front: 'quiesce', scenario });
  const [{ host, domain, backend }] = world.machine.slots;
  const entry = GrantEntry.view(world.memory).at(domain.grantTable + FIRST_GREF * GrantEntry.size);
  const { flags, frame } = entry;
  t.notOk(host.grants.endAccess(domain, FIRST_GREF));
  t.equal(entry.flags, flags);
  t.equal(entry.frame, frame);
  host.grants.unmapAll(backend.agent);
  t.ok(host.grants.endAccess(domain, FIRST_GREF));
  t.equal(entry.flags, 0);
});

t.test('only the result of ending counts: a page not in use when asked may be mapped a moment later', async (t) => {
  const world = worldOf({ front: 'quiesce', scenario });
  const [{ host, domain, backend }] = world.machine.slots;
  const ref = host.grants.grantAccess(domain, 0, RING_PFN + RING_PAGES - 1);
  const entry = GrantEntry.view(world.memory).at(domain.grantTable + ref * GrantEntry.size);
  const { flags } = entry;
  t.ok(host.grants.map(0, backend.agent, domain.domid, ref) > 0);
  t.not(entry.flags, flags, 'what was read before is no longer true');
  t.notOk(host.grants.endAccess(domain, ref));
});

t.test('a driver that frees the page although ending failed has a free page that the backend writes to', async (t) => {
  const careless = frontOf('no-hook', (services) => new FreesAtSuspendTpmfront(services, false));
  const world = worldOf({ front: careless, scenario });
  const { oracle, fault, steps } = shortest(world, ['driver-fault']);
  t.equal(oracle, 'driver-fault');
  t.match(fault, /free page \d was written to: found 0x80 in place of the poison/);
  t.ok(
    inOrder(steps, ['guest1.kernel/dpm_suspend', 'tpmback1.serve/respond', 'guest1.kernel/dpm_resume']),
    steps.join('\n'),
  );
});

t.test('a driver that keeps the page until ending succeeds loses nothing', async (t) => {
  const deferring = frontOf('no-hook', (services) => new FreesAtSuspendTpmfront(services, true));
  t.ok(holds(worldOf({ front: deferring, scenario })));
});
