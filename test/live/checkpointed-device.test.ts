import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CheckpointedDevice } from '../../live/tpm/checkpointed-device.js';
import { extend, random, readPcr } from '../support/model-commands.js';
import { codeOf, fakeProgram, newDirectory } from './fake-device.js';

const LOCALITY = { locality: 0 };

type Options = Parameters<typeof CheckpointedDevice.start>[0];

async function checkpointed(t: Parameters<typeof newDirectory>[0], faults: string[], options: Partial<Options> = {}) {
  const directory = newDirectory(t);
  const device = await CheckpointedDevice.start({
    directory,
    state: 'new',
    startup: true,
    program: fakeProgram(...faults),
    ...options,
  });
  t.teardown(() => device.close());
  return device;
}

t.test('what was answered is there after a crash, with the number and response of the last command', async (t) => {
  // Startup, three commands, then the end before the answer to the fifth.
  const device = await checkpointed(t, ['die=5']);
  t.equal(device.lastExecuted, null);
  await device.execute(extend(10), { locality: 0, sequence: 7 });
  const response = await device.execute(extend(10), { locality: 0, sequence: 8 });
  const value = await device.execute(readPcr(10), { locality: 0, sequence: 9 });
  await t.rejects(device.restart(), { code: 'DEVICE_BUSY' });
  await t.rejects(device.execute(extend(10), { locality: 0, sequence: 10 }), { code: 'TPM_LOST' });
  await t.rejects(device.execute(extend(10), { locality: 0, sequence: 10 }), { code: 'TPM_CLOSED' });
  await device.restart();
  t.strictSame(device.lastExecuted, { sequence: 8, response }, 'a command that changes nothing is no news');
  t.strictSame(await device.execute(readPcr(10), LOCALITY), value, 'the PCR is not lost, and not extended again');
});

t.test('the TPM goes on from the checkpoint in another process', async (t) => {
  const directory = newDirectory(t);
  const first = await checkpointed(t, [], { directory });
  await first.execute(extend(10), { locality: 0, sequence: 3 });
  const value = await first.execute(readPcr(10), LOCALITY);
  await first.close();
  t.strictSame(readdirSync(directory), ['checkpoint']);
  await t.rejects(checkpointed(t, [], { directory }), { code: 'CANNOT_START_TPM', message: /existing/ });
  const second = await checkpointed(t, [], { directory, state: 'existing' });
  t.equal(second.lastExecuted?.sequence, 3);
  t.strictSame(await second.execute(readPcr(10), LOCALITY), value);
  await second.close();
  writeFileSync(join(directory, 'checkpoint'), 'something');
  await t.rejects(checkpointed(t, [], { directory, state: 'existing' }), { code: 'BAD_STATE_STREAM' });
  rmSync(join(directory, 'checkpoint'));
  await t.rejects(checkpointed(t, [], { directory, state: 'existing' }), {
    code: 'CANNOT_START_TPM',
    message: /found none/,
  });
});

t.test('a checkpoint that cannot be written ends the TPM, and the command has not happened', async (t) => {
  const directory = newDirectory(t);
  const device = await checkpointed(t, [], { directory });
  await device.execute(extend(10), { locality: 0, sequence: 1 });
  const value = await device.execute(readPcr(10), LOCALITY);
  // A folder in the place of the file to be written, which not even root can write.
  mkdirSync(join(directory, 'checkpoint.new', 'full'), { recursive: true });
  await t.rejects(device.execute(extend(10), { locality: 0, sequence: 2 }), { code: 'TPM_LOST', message: /EISDIR/ });
  await t.rejects(device.execute(readPcr(10), LOCALITY), { code: 'TPM_CLOSED' });
  rmSync(join(directory, 'checkpoint.new'), { recursive: true });
  await device.restart();
  t.equal(device.lastExecuted?.sequence, 1);
  t.strictSame(await device.execute(readPcr(10), LOCALITY), value);
});

t.test('commands of several callers, states in and out, and closing', async (t) => {
  const device = await checkpointed(t, ['milliseconds=10']);
  const answers = await Promise.all(
    [extend(1), random(4), readPcr(1)].map((command) => device.execute(command, LOCALITY)),
  );
  t.strictSame(answers.map(codeOf), [0, 0, 0]);
  const state = await device.saveState();
  await device.execute(extend(1), LOCALITY);
  await device.restoreState(state);
  t.equal(device.lastExecuted, null);
  t.strictSame(await device.execute(readPcr(1), LOCALITY), answers[2]);
  const other = await checkpointed(t, [], { state });
  t.strictSame(await other.execute(readPcr(1), LOCALITY), answers[2]);
  t.not(other.processId, device.processId);
  await device.close();
  await t.rejects(device.execute(readPcr(1), LOCALITY), { code: 'TPM_CLOSED' });
  const open = newDirectory(t);
  chmodSync(open, 0o755);
  await t.rejects(checkpointed(t, [], { directory: open }), { code: 'CANNOT_START_TPM' });
});
