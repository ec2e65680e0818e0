/**
 * The oracle *one instance* trips on a toolstack that lets the source run although the target does. It is the
 * toolstack that breaks it: no driver can. What each driver makes of it is hazard 34.
 */
import t from 'tap';
import { oracleBit } from '../../simulator/world-state.js';
import { holds, shortest, worldOf } from '../support/worlds.js';

t.test('a second running copy is seen in the step that lets it run', async (t) => {
  const world = worldOf({ front: 'sequenced', scenario: 'both-copies-run' });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'one-instance');
  t.equal(world.violations, oracleBit('one-instance'), 'and nothing else is wrong');
  t.equal(steps.at(-1), 'fault/resume guest1 as well');
  t.strictSame(
    world.machine.slots.map(({ domain }) => domain.running),
    [true, true],
  );
});

t.test('a source that stands suspended beside a running target passes', async (t) => {
  t.ok(holds(worldOf({ front: 'sequenced', scenario: 'clean-migration' }), ['one-instance']));
});
