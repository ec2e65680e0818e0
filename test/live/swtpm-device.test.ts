import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SwtpmDevice } from '../../live/tpm/swtpm-device.js';
import { TPM_RC } from '../../protocol/tpm/response-codes.js';
import { extend, random, readPcr, startup } from '../support/model-commands.js';
import { toHex } from '../support/tpm-engine.js';
import { codeOf, fakeDevice, fakeProgram, newDirectory } from './fake-device.js';
import { until } from './tcti-support.js';

const LOCALITY = { locality: 0 };

t.test('commands are executed in the order of the calls, one at a time, and each gets its own answer', async (t) => {
  const device = await fakeDevice(t);
  const expected = [0, 0x100, 0, 0];
  const answers = await Promise.all(
    [extend(10), startup, random(8), readPcr(10)].map((command) => device.execute(command, LOCALITY)),
  );
  t.strictSame(answers.map(codeOf), expected);
  t.equal(answers[2]?.length, 20);
});

t.test('a command may be reused once it has been handed over', async (t) => {
  const device = await fakeDevice(t);
  const command = readPcr(10);
  const [first, second] = [device.execute(command, LOCALITY), device.execute(command, LOCALITY)];
  command.fill(0);
  t.strictSame([codeOf(await first), codeOf(await second)], [0, 0]);
});

t.test('answers that come byte by byte, and blobs that come in parts, are put together', async (t) => {
  const device = await fakeDevice(t, ['dribble', 'part=100']);
  await device.execute(extend(10), LOCALITY);
  const state = await device.saveState();
  t.ok(state.permanent.bytes.length > 100);
  const other = await fakeDevice(t, ['part=77'], { state });
  t.strictSame(await other.execute(readPcr(10), LOCALITY), await device.execute(readPcr(10), LOCALITY));
});

t.test('what is no command is refused before anything is sent', async (t) => {
  const device = await fakeDevice(t);
  const refused = { code: 'BAD_TPM_COMMAND' };
  await t.rejects(device.execute(startup.subarray(0, 11), LOCALITY), refused);
  await t.rejects(device.execute(new Uint8Array(9), LOCALITY), refused);
  await t.rejects(device.execute(new Uint8Array(4097), LOCALITY), refused);
  for (const locality of [-1, 5, 1.5]) await t.rejects(device.execute(startup, { locality }), refused);
  t.equal(codeOf(await device.execute(startup, LOCALITY)), TPM_RC.INITIALIZE, 'the device goes on');
});

t.test('a save holds the effect of every command before it and of none after it', async (t) => {
  const device = await fakeDevice(t, ['milliseconds=20']);
  const done = [device.execute(extend(10), LOCALITY)];
  const state = device.saveState();
  done.push(device.execute(extend(10), LOCALITY));
  await Promise.all(done);
  const other = await fakeDevice(t, [], { state: await state });
  const reference = await fakeDevice(t);
  await reference.execute(extend(10), LOCALITY);
  const restored = await other.execute(readPcr(10), LOCALITY);
  t.strictSame(restored, await reference.execute(readPcr(10), LOCALITY));
  t.notSame(restored, await device.execute(readPcr(10), LOCALITY), 'the source has gone on');
});

t.test('a state that swtpm refuses, or takes and does not use, ends the device', async (t) => {
  const source = await fakeDevice(t);
  const state = await source.saveState();
  for (const fault of ['refuse-blob=1', 'refuse-blob=2', 'new-tpm', 'no-resume']) {
    const target = fault === 'new-tpm' || fault === 'no-resume' ? undefined : await fakeDevice(t, [fault]);
    if (target !== undefined) {
      await t.rejects(target.restoreState(state), { code: 'BAD_STATE_BLOB' }, fault);
      await t.rejects(target.execute(readPcr(1), LOCALITY), { code: 'TPM_CLOSED' }, fault);
    }
    const directory = newDirectory(t);
    const start = SwtpmDevice.start({ directory, state, program: fakeProgram(fault) });
    await t.rejects(start, { code: 'BAD_STATE_BLOB' }, fault);
    t.strictSame(readdirSync(directory), [], `${fault}: nothing is left that could be started as that TPM`);
  }
});

t.test('a state that is bad in itself is refused with the device left as it was', async (t) => {
  const device = await fakeDevice(t);
  await device.execute(extend(10), LOCALITY);
  const [before, after] = [await device.saveState(), await device.saveState()];
  const value = await device.execute(readPcr(10), LOCALITY);
  await t.rejects(device.restoreState({ ...after, volatile: before.volatile }), { code: 'BAD_STATE_BLOB' });
  await t.rejects(device.restoreState({ ...after, device: 'model' }), { code: 'BAD_STATE_BLOB' });
  t.strictSame(await device.execute(readPcr(10), LOCALITY), value);
});

t.test('a command is taken back before it begins, and never after', async (t) => {
  const device = await fakeDevice(t, ['milliseconds=30']);
  const abort = new AbortController();
  const first = device.execute(extend(10), LOCALITY);
  const second = device.execute(extend(10), { locality: 0, signal: abort.signal });
  const third = device.execute(readPcr(10), LOCALITY);
  abort.abort();
  await t.rejects(second, { code: 'COMMAND_CANCELLED' });
  await first;
  const reference = await fakeDevice(t);
  await reference.execute(extend(10), LOCALITY);
  t.strictSame(await third, await reference.execute(readPcr(10), LOCALITY), 'extended once');
  await t.rejects(device.execute(startup, { locality: 0, signal: AbortSignal.abort() }), { code: 'COMMAND_CANCELLED' });
});

t.test('a TPM that executes is asked to cancel, and its answer is the answer', async (t) => {
  for (const [fault, code] of [
    ['cancels', TPM_RC.CANCELED],
    ['ignores', 0],
  ] as const) {
    const device = await fakeDevice(t, [fault, 'milliseconds=100']);
    const abort = new AbortController();
    const answer = device.execute(readPcr(10), { locality: 0, signal: abort.signal });
    setTimeout(() => abort.abort(), 10);
    t.equal(codeOf(await answer), code, fault);
  }
});

t.test('the stages of a command that takes too long', async (t) => {
  const limits = { cancelMilliseconds: () => 20, graceMilliseconds: 20, hangMilliseconds: 100 };
  let lost = '';
  // The first command is Startup.
  const device = await fakeDevice(t, ['hang=2'], { limits, onLost: (why) => (lost = why) });
  const begun = Date.now();
  const hanging = device.execute(readPcr(10), LOCALITY);
  const waiting = device.execute(extend(10), LOCALITY);
  waiting.catch(() => undefined);
  await t.rejects(hanging, { code: 'COMMAND_TIMED_OUT', message: /PCR_Read within 40 ms/ });
  await t.rejects(waiting, { code: 'TPM_CLOSED' }, 'what waited was not executed');
  t.ok(Date.now() - begun >= 140, 'not before all stages');
  await until(() => lost !== '');
  t.match(lost, /no answer to PCR_Read within 140 ms.*SIGKILL/);
  t.match(lost, /cancel/, 'it was asked to cancel');
});

t.test('an answer after the caller was told is thrown away, and the next command has its own', async (t) => {
  const limits = { cancelMilliseconds: () => 5, graceMilliseconds: 5 };
  const device = await fakeDevice(t, ['milliseconds=60'], {
    limits: { ...limits, cancelMilliseconds: (code) => (code === 0x17e ? 5 : 10_000) },
  });
  const late = device.execute(readPcr(10), LOCALITY);
  const next = device.execute(random(8), LOCALITY);
  await t.rejects(late, { code: 'COMMAND_TIMED_OUT' });
  t.equal((await next).length, 20);
});

t.test('an swtpm that breaks the protocol is ended, and the caller is told that it does not know', async (t) => {
  for (const fault of ['wrong-size', 'wrong-tail', 'huge', 'twice', 'die=1']) {
    let lost = '';
    const device = await SwtpmDevice.start({
      directory: newDirectory(t),
      state: 'new',
      program: fakeProgram(fault),
      onLost: (why) => (lost = why),
      limits:
        fault === 'wrong-size' ? { cancelMilliseconds: () => 100, graceMilliseconds: 100, hangMilliseconds: 100 } : {},
    });
    const results = await Promise.allSettled([device.execute(startup, LOCALITY), device.execute(startup, LOCALITY)]);
    const codes = results.map((result) => (result.status === 'rejected' ? result.reason.code : 'answered'));
    // An answer that is a byte too short is waited for.
    t.strictSame(codes, [fault === 'wrong-size' ? 'COMMAND_TIMED_OUT' : 'TPM_LOST', 'TPM_CLOSED'], fault);
    await device.close();
    t.not(lost, '', `${fault}: said why`);
  }
});

t.test('a control request without an answer ends the device', async (t) => {
  const device = await fakeDevice(t, ['mute=GET_STATEBLOB'], { limits: { controlMilliseconds: 4000 } });
  await t.rejects(device.saveState(), { code: 'TPM_LOST', message: /no answer to GET_STATEBLOB within 4000 ms/ });
  const other = await fakeDevice(t, ['refuse=GET_STATEBLOB']);
  await t.rejects(other.saveState(), { code: 'TPM_CONTROL_REFUSED' });
  t.equal(codeOf(await other.execute(readPcr(1), LOCALITY)), 0, 'a refusal does not');
});

t.test('starts that cannot be', async (t) => {
  const cannot = (message: RegExp) => ({ code: 'CANNOT_START_TPM', message });
  const start = (...faults: string[]) =>
    SwtpmDevice.start({ directory: newDirectory(t), state: 'new', program: fakeProgram(...faults) });
  await t.rejects(start('exit'), cannot(/told to end at once/));
  await t.rejects(start('capability=1'), cannot(/SHUTDOWN/));
  await t.rejects(start('buffer=3000'), cannot(/found 3000/));
  await t.rejects(start('refuse=INIT'), cannot(/INIT/));
  const directory = newDirectory(t);
  await t.rejects(SwtpmDevice.start({ directory, state: 'new', program: ['no-such-program'] }), cannot(/install/));
  await t.rejects(SwtpmDevice.start({ directory, state: 'existing', program: fakeProgram() }), cannot(/found none/));
  const open = join(directory, 'open');
  mkdirSync(open, { mode: 0o755 });
  await t.rejects(SwtpmDevice.start({ directory: open, state: 'new', program: fakeProgram() }), cannot(/755/));
  writeFileSync(join(directory, 'file'), '');
  const file = join(directory, 'file');
  await t.rejects(SwtpmDevice.start({ directory: file, state: 'new', program: fakeProgram() }), cannot(/EEXIST/));
});

t.test('a TPM that is there is not replaced by a new one, nor a missing one made in its place', async (t) => {
  const directory = newDirectory(t);
  const first = await fakeDevice(t, [], { directory });
  await first.execute(extend(10), LOCALITY);
  const state = await first.saveState();
  await first.close();
  for (const over of ['new', state] as const)
    await t.rejects(SwtpmDevice.start({ directory, state: over, program: fakeProgram() }), {
      code: 'CANNOT_START_TPM',
    });
  const again = await fakeDevice(t, [], { directory, state: 'existing', startup: false });
  t.ok(again.processId > 0);
});

t.test('a volatile state that was left behind is not resumed from', async (t) => {
  const directory = newDirectory(t);
  const first = await fakeDevice(t, [], { directory });
  await first.execute(extend(10), LOCALITY);
  const state = await first.saveState();
  await first.close();
  writeFileSync(join(directory, 'tpm2-00.volatilestate'), state.volatile?.bytes ?? '');
  const again = await fakeDevice(t, [], { directory, state: 'existing', startup: false });
  const { volatile } = await again.saveState();
  t.notSame(toHex(volatile?.bytes.subarray(20) ?? startup), toHex(state.volatile?.bytes.subarray(20) ?? startup));
  t.notOk(readdirSync(directory).includes('tpm2-00.volatilestate'));
});

t.test('a lost TPM is restarted when asked, not by itself, and says what that costs', async (t) => {
  const device = await fakeDevice(t, ['die=2']);
  await t.rejects(device.restart(), { code: 'DEVICE_BUSY' });
  await t.rejects(device.execute(extend(10), LOCALITY), { code: 'TPM_LOST' });
  await t.rejects(device.execute(extend(10), LOCALITY), { code: 'TPM_CLOSED' });
  await t.rejects(device.saveState(), { code: 'TPM_CLOSED' });
  const before = device.processId;
  const restart = await device.restart();
  t.match(restart, { because: /closed|SIGKILL/, kept: /NV indices/, lost: /PCR values/ });
  t.not(device.processId, before);
});

t.test('close ends the process after the command that executes, and may be called twice', async (t) => {
  const device = await fakeDevice(t, ['milliseconds=50']);
  const answer = device.execute(readPcr(10), LOCALITY);
  const closed = device.close();
  await t.rejects(device.execute(readPcr(10), LOCALITY), { code: 'TPM_CLOSED' });
  await t.rejects(device.restart(), { code: 'TPM_CLOSED' });
  t.equal(codeOf(await answer), 0);
  await Promise.all([closed, device.close()]);
  t.throws(() => process.kill(device.processId, 0), { code: 'ESRCH' });
});
