/**
 * Hazard 34: both copies of the guest run after a lost final handshake.
 *
 * The target runs, but the word of it never reaches the source's host, which lets the source run again. Two frontends
 * believe in one device. No driver can prevent it: only the toolstack can, by never resuming a source once the target
 * may run. Ours looks at the target first, also after it has died and a successor has to find out what happened.
 */
import t from 'tap';
import { holds, inOrder, runUntil, shortest, take, worldOf } from '../support/worlds.js';

const FRONTS = ['linux', 'quiesce', 'ring-handoff', 'sequenced'];

t.test('whatever the driver, a source that is let run although the target runs is a second instance', async (t) => {
  for (const front of FRONTS) {
    const world = worldOf({ front, scenario: 'both-copies-run' });
    const { oracle, steps } = shortest(world, ['one-instance']);
    t.equal(oracle, 'one-instance', front);
    t.ok(inOrder(steps, ['toolstack.run/unpause_target', 'fault/resume guest1 as well']), front);
    t.equal(steps.at(-1), 'fault/resume guest1 as well', front);
    t.ok(world.machine.slots.every(({ domain }) => domain.running));
  }
});

t.test('a toolstack that dies after the target was let run: its successor ends the source', async (t) => {
  const world = worldOf({ front: 'sequenced', scenario: 'toolstack-dies' });
  const [source, target] = world.machine.slots;
  runUntil(world, () => target.domain.running, ['fault']);
  t.ok(source.exists);
  take(world, 'fault/kill toolstack', 'toolstack/successor starts');
  runUntil(world, () => !source.exists, ['guest2']);
  t.notOk(source.exists);
  t.ok(target.domain.running);
  t.equal(world.violations, 0);
});

t.test('wherever the toolstack dies, at most one copy runs', async (t) => {
  for (const front of FRONTS) t.ok(holds(worldOf({ front, scenario: 'toolstack-dies' }), ['one-instance']), front);
});

t.test('without the fault there is never a second instance, and sequenced holds', async (t) => {
  for (const front of FRONTS) t.ok(holds(worldOf({ front, scenario: 'clean-migration' }), ['one-instance']), front);
  t.ok(holds(worldOf({ front: 'sequenced', scenario: 'clean-migration' })));
});
