/**
 * Hazard 48: notify sent before the peer bound: dropped; repaired only by the event at bind.
 *
 * A send on a port that nobody has bound yet succeeds and does nothing. Linux probes its TPM right after state 3, when
 * the backend may not have mapped the page: the first command is published and its notification is dropped. That it
 * works all the same is due to one rule of the hypervisor: binding a port raises an event at the end that binds.
 */
import t from 'tap';
import { EarlyTpmfront, SilentBindTpmback } from '../../scenarios/hazards/designs/early.js';
import { backOf, choicesOf, frontOf, holds, inOrder, runUntil, shortest, worldOf } from '../support/worlds.js';

const scenario = 'connect';

const early = frontOf('quiesce', (services) => new EarlyTpmfront(services));
const silent = backOf('v2', (services) => new SilentBindTpmback(services));

t.test('a notification before the bind is dropped without an error, and binding raises one event', async (t) => {
  const world = worldOf({ front: early, scenario });
  const [{ guest, backend, host, domain }] = world.machine.slots;
  const { driver } = backend;
  runUntil(world, () => guest.user.position === 1 && guest.front.tasks.every((task) => !task.running), ['tpmback1']);
  t.equal(host.events.send(domain, guest.front.port), 0, 'the hypercall succeeds');
  t.equal(driver.port, 0, 'nobody has bound the other end');
  runUntil(world, () => driver.port !== 0, ['guest1']);
  t.ok(host.events.deliverable(backend.domain, driver.port));
});

t.test('without the event at bind the first command is never seen', async (t) => {
  const world = worldOf({ front: early, back: silent, scenario });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'no-hang');
  t.ok(inOrder(steps, ['guest1.tpmfront.transmit/notify', 'tpmback1.connect/bind_channel']), steps.join('\n'));
  t.notOk(steps.some((step) => step.startsWith('tpmback1.serve')));
  t.strictSame(choicesOf(world), []);
});

t.test('Linux polls up to a limit: without the event its first own command ends in ETIME, never fetched', async (t) => {
  const world = worldOf({ front: 'linux', back: silent, scenario });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'right-answer');
  t.ok(inOrder(steps, ['guest1.tpmfront.transmit/notify', 'tpmback1.connect/bind_channel', 'time/']), steps.join('\n'));
  t.equal(world.machine.slots[0].device.state.executed, 0);
  t.match(steps.at(-1), 'guest1.tpmfront.receive/poll');
});

t.test("with Xen's rule both hold, whenever the backend comes", async (t) => {
  t.ok(holds(worldOf({ front: early, scenario })));
  t.ok(holds(worldOf({ front: 'linux', scenario })));
});

t.test('a frontend that waits for state 4 does not need the rule', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', back: silent, scenario })));
});
