/**
 * Hazard 28: v2 resume throws away page and response with no wait and no counter.
 *
 * Linux's resume is remove and probe. A command whose answer comes after the memory was copied has been executed by
 * the device that is saved, and its answer is nowhere in the snapshot. The restored driver waits for it on a page that
 * nobody maps until the command's limit is reached, tells its user ETIME, and offers a new page. Nothing ties the old
 * request to the device, so nobody finds out that it was executed.
 */
import t from 'tap';
import { RequestState } from '../../frontend/guest-memory.js';
import { ETIME } from '../../frontend/tpmfront/v2.js';
import { oracleBit } from '../../simulator/world-state.js';
import { holds, inOrder, runUntil, shortest, take, worldOf } from '../support/worlds.js';

const scenario = 'clean-migration';

t.test('over a restore Linux reports a command as lost that the saved device has executed', async (t) => {
  const world = worldOf({ front: 'linux', scenario });
  const [source, target] = world.machine.slots;
  take(world, 'guest1.user/issue', 'guest1.tpmfront.transmit/fill', 'guest1.tpmfront.transmit/publish');
  take(world, 'guest1.tpmfront.transmit/notify', 'toolstack.run/request_suspend');
  runUntil(world, () => world.machine.toolstack.runTask.at('save_vtpm'), ['tpmback1', 'tpm1']);
  runUntil(world, () => source.device.state.executed === world.machine.oracles.issuedBy(source), ['toolstack']);
  t.equal(world.violations, 0, 'nothing is wrong until the snapshot is used');
  t.ok(runUntil(world, () => target.guest.user.request === RequestState.Failed));
  t.equal(target.guest.user.errno, ETIME);
  t.equal(target.device.state.executed, world.machine.oracles.issuedBy(target), 'every command issued was executed');
  t.equal(world.violations, oracleBit('in-step') | oracleBit('right-answer'));
});

t.test(
  'the shortest way there loses a command that no device has executed: Linux cannot tell the two apart',
  async (t) => {
    const world = worldOf({ front: 'linux', scenario });
    const { oracle, steps } = shortest(world, ['right-answer']);
    t.equal(oracle, 'right-answer');
    t.ok(inOrder(steps, ['toolstack.run/save_memory', 'toolstack.run/unpause_target', 'time/']));
    const target = world.machine.slots[1];
    t.equal(target.guest.user.errno, ETIME);
    t.equal(target.device.state.executed, world.machine.oracles.issuedBy(target) - 1);
  },
);

t.test('a driver without any hook throws the answer away as well, and waits for ever', async (t) => {
  const world = worldOf({ front: 'no-hook', scenario });
  const { oracle } = shortest(world, ['no-hang']);
  t.equal(oracle, 'no-hang');
  t.ok(world.machine.slots[1].guest.userTask.running);
});

t.test('a snapshot in which the answer is missing is out of step the moment it is used', async (t) => {
  for (const front of ['linux', 'no-hook']) {
    const { oracle, steps } = shortest(worldOf({ front, scenario }), ['in-step']);
    t.equal(oracle, 'in-step', front);
    t.match(steps.at(-1), 'toolstack.run/unpause_target', front);
  }
});

t.test('a number kept with the device tells what became of the command', async (t) => {
  t.ok(holds(worldOf({ front: 'sequenced', scenario })));
});

t.test('a page that is handed over with its response loses nothing', async (t) => {
  t.ok(holds(worldOf({ front: 'ring-handoff', scenario })));
});
