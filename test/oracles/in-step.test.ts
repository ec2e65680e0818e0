/**
 * The oracle *in step* trips on a driver that says that it has suspended while a command is in flight. For a device
 * that is behind its guest see hazard 31.
 */
import t from 'tap';
import { QuiesceTpmfront } from '../../frontend/tpmfront/quiesce.js';
import { oracleBit } from '../../simulator/world-state.js';
import { frontOf, holds, shortest, worldOf } from '../support/worlds.js';

/** Asks for quiet and does not wait for it. */
class DoesNotWait extends QuiesceTpmfront {
  override suspended(): boolean {
    return true;
  }
}

const front = frontOf('quiesce', (services) => new DoesNotWait(services));

t.test('over a migration it is seen in the step that lets the target run', async (t) => {
  const world = worldOf({ front, scenario: 'clean-migration' });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'in-step');
  t.equal(world.violations, oracleBit('in-step'), 'and nothing else is wrong');
  t.equal(steps.at(-1), 'toolstack.run/unpause_target');
});

t.test('of a checkpoint it is seen in the step that completes it', async (t) => {
  const world = worldOf({ front, scenario: 'checkpoint' });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'in-step');
  t.equal(world.violations, oracleBit('in-step'));
  t.equal(steps.at(-1), 'toolstack.run/save_vtpm');
});

t.test('a snapshot that nobody uses does not count', async (t) => {
  t.ok(holds(worldOf({ front, scenario: 'restore-fails' }), ['in-step']));
});

t.test('a driver that waits passes', async (t) => {
  for (const scenario of ['clean-migration', 'checkpoint']) t.ok(holds(worldOf({ front: 'quiesce', scenario })));
});
