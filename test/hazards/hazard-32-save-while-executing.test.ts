/**
 * Hazard 32: vTPM asked to serialise while executing.
 *
 * A TPM in the middle of a command has no state that could be written down. The device refuses; a toolstack that
 * wants the state waits until the response is there, however long the command takes.
 */
import t from 'tap';
import { holds, runUntil, shortest, take, worldOf } from '../support/worlds.js';

const slow = { front: 'no-hook', scenario: 'slow-command' };

t.test('the device refuses to be saved while it executes, and is saved right after', async (t) => {
  const world = worldOf({ front: 'no-hook', scenario: 'spurious-event' });
  const [{ device, deviceImage }] = world.machine.slots;
  const { executed } = device.state;
  runUntil(world, () => device.busy);
  t.throws(() => device.save(deviceImage), {
    code: 'DEVICE_BUSY',
    message: /while it executes a command; wait for its response/,
  });
  const empty = world.memory.words[(deviceImage * 4096) >>> 2];
  t.equal(empty, 0, 'nothing was written');
  take(world, 'tpm1.execute/complete');
  t.doesNotThrow(() => device.save(deviceImage));
  t.equal(device.state.executed, executed + 1);
});

t.test('a toolstack that does not wait for a slow command meets the refusal', async (t) => {
  const world = worldOf(slow);
  const { toolstack, slots } = world.machine;
  runUntil(world, () => slots[0].device.busy);
  runUntil(world, () => toolstack.runTask.at('save_vtpm'));
  t.throws(() => toolstack.saveDevice(), { code: 'DEVICE_BUSY' });
  t.notOk(toolstack.state.device_saved);
});

t.test('the toolstack waits: its step becomes possible when the response is there', async (t) => {
  const world = worldOf(slow);
  const { toolstack, slots } = world.machine;
  runUntil(world, () => slots[0].device.busy);
  runUntil(world, () => toolstack.runTask.at('save_vtpm'));
  t.notOk(toolstack.runTask.ready());
  take(world, 'time/320000 ms pass', 'tpm1.execute/complete');
  t.ok(toolstack.runTask.ready());
});

t.test(
  'waiting saves the device but not a driver without numbers; with them the slow command is harmless',
  async (t) => {
    t.equal(shortest(worldOf(slow)).oracle, 'in-step');
    t.ok(holds(worldOf({ front: 'sequenced', scenario: 'slow-command' })));
    t.equal(shortest(worldOf(slow), ['driver-fault']).oracle, null, 'nobody ever meets the refusal');
  },
);
