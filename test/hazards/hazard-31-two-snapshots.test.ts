/**
 * Hazard 31: guest snapshot after n commands, device snapshot after n + 1 or n - 1.
 *
 * The two images are taken at two moments, and the vTPM works on between them. With the memory first, the device may
 * execute one command more; with the device first, the memory may hold an answer that the saved device never gave.
 * A driver that has nothing in flight when its domain suspends leaves the device nothing to do in between; one that
 * numbers its commands finds out afterwards.
 */
import t from 'tap';
import { RequestState } from '../../frontend/guest-memory.js';
import type { World } from '../../simulator/world.js';
import { oracleBit } from '../../simulator/world-state.js';
import { holds, inOrder, runToEnd, runUntil, shortest, take, worldOf } from '../support/worlds.js';

const scenario = 'clean-migration';
const SERVING = ['toolstack', 'tpmback1', 'tpm1'];

t.test('memory first: the saved device is one command ahead of the saved guest', async (t) => {
  const world = worldOf({ front: 'no-hook', scenario });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'in-step');
  t.equal(steps.at(-1), 'toolstack.run/unpause_target');
  const executed = steps.indexOf('tpm1.execute/complete');
  t.ok(
    executed >= 0 && executed < steps.indexOf('toolstack.run/save_vtpm'),
    'the saved device has executed the command',
  );
  t.notOk(inOrder(steps, ['tpmback1.serve/finish', 'toolstack.run/save_memory']), 'the saved memory lacks the answer');
});

/**
 * The guest suspends with a command in the ring, unless its driver waits; then the device is saved before the memory,
 * and the backend answers in between.
 */
function saveDeviceFirst(world: World): void {
  const { toolstack, slots } = world.machine;
  const [source] = slots;
  // The guest is asked to suspend; its command is published, and the backend has not yet looked.
  take(world, 'guest1.user/issue', 'guest1.tpmfront.transmit/fill', 'guest1.tpmfront.transmit/publish');
  take(world, 'guest1.tpmfront.transmit/notify', 'toolstack.run/request_suspend');
  const suspended = (): boolean => toolstack.sourceSuspended();
  // A driver that waits for its response lets the backend and the vTPM come first.
  if (!runUntil(world, suspended, SERVING)) runUntil(world, suspended, ['toolstack']);
  source.device.save(source.deviceImage);
  runUntil(world, () => false, ['toolstack']);
  source.domain.save(source.memoryImage);
  toolstack.state.device_saved = true;
  toolstack.runTask.start('create_target');
}

t.test('device first: the saved guest holds an answer that the saved device never gave', async (t) => {
  const world = worldOf({ front: 'no-hook', scenario });
  saveDeviceFirst(world);
  t.equal(world.violations, 0, 'nothing is wrong until the two are used together');
  runUntil(world, () => world.violations !== 0);
  t.equal(world.failed, 'in-step');
});

t.test('a driver that waits for the response is in step in either order', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', scenario })));
  const world = worldOf({ front: 'quiesce', scenario });
  saveDeviceFirst(world);
  runToEnd(world);
  t.equal(world.violations, 0);
});

t.test('numbers mend either order: what the saved device has not executed, it is given again', async (t) => {
  t.ok(holds(worldOf({ front: 'sequenced', scenario })));
  const world = worldOf({ front: 'sequenced', scenario });
  saveDeviceFirst(world);
  runToEnd(world);
  // The images themselves are out of step; what comes of them is right: each answer arrived, each command changed the device once.
  t.equal(world.violations, oracleBit('in-step'));
  const target = world.machine.slots[1];
  t.equal(target.guest.user.request, RequestState.Answered);
  t.equal(target.device.state.executed, 2);
});
