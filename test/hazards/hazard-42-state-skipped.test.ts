/**
 * Hazard 42: state step skipped: 3 never seen, only 4.
 *
 * The tpmfront of 2006 and that of mini-os go from 1 straight to 4, and a watch may swallow a state in any case: it
 * tells that something changed, and what is read is the state now. A backend that connects only when it sees 3 waits
 * for ever, and the frontend with it. Ours connects on 3 or 4.
 */
import t from 'tap';
import { MiniOsTpmfront, OnlyOnThreeTpmback } from '../../scenarios/hazards/designs/mini-os.js';
import type { World } from '../../simulator/world.js';
import { backOf, frontOf, holds, runUntil, shortest, worldOf } from '../support/worlds.js';

const scenario = 'connect';

const miniOs = frontOf('quiesce', (services) => new MiniOsTpmfront(services));
const onlyOnThree = backOf('v2', (services) => new OnlyOnThreeTpmback(services));

/** The states that the guest writes while it connects. */
function statesWritten(world: World): string[] {
  const states: string[] = [];
  world.listen(({ client, operation, path, value }) => {
    if (client === 'guest1' && operation === 'WRITE' && path.endsWith('/state')) states.push(value);
  });
  runUntil(world, () => false);
  return states;
}

t.test('two of the frontends never write 3', async (t) => {
  t.strictSame(statesWritten(worldOf({ front: miniOs, scenario })), ['4']);
  t.strictSame(statesWritten(worldOf({ front: 'wait-loop', scenario })), ['4']);
  t.strictSame(statesWritten(worldOf({ front: 'quiesce', scenario })), ['3', '4']);
});

t.test('a backend that connects only on 3 waits for ever for such a frontend', async (t) => {
  const world = worldOf({ front: miniOs, back: onlyOnThree, scenario });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'no-hang');
  t.notOk(steps.some((step) => step.includes('map_ring')));
  t.ok(holds(worldOf({ front: 'quiesce', back: onlyOnThree, scenario })), 'with one that writes 3 nobody notices');
});

t.test('backends that connect on 3 or 4 find every frontend', async (t) => {
  for (const front of [miniOs, 'quiesce', 'linux']) t.ok(holds(worldOf({ front, scenario })));
  t.ok(holds(worldOf({ front: miniOs, back: 'sequenced', scenario })));
  t.ok(holds(worldOf({ front: 'wait-loop', scenario }), ['no-hang']), 'the v1 backend connects on 4');
});
