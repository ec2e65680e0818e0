/** The state of a real swtpm, out of one process and into another. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { differences } from '../../live/tpm/state-transfer.js';
import { SwtpmDevice } from '../../live/tpm/swtpm-device.js';
import type { CommandExecutor } from '../../live/tpm/vtpm-device.js';
import { newState, type VtpmState } from '../../live/tpm/vtpm-state.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { readResponseHeader } from '../../protocol/tpm/header.js';
import { TPM_RC } from '../../protocol/tpm/response-codes.js';
import { COUNTER, define, extend, nv, readNv, startup } from '../support/model-commands.js';
import { answerDifferences, type ReplayedCommand, Replayer } from '../support/replay/replayer.js';
import { recordedSession, SESSION_FILES } from '../support/sessions.js';
import { command, toHex } from '../support/tpm-engine.js';
import { DirectSwtpm, realDevice, testFolder } from './tpm-toolbox.js';
import { pcrValues } from './tpm-values.js';

const LOCALITY = { locality: 0 };
const REFUSED = { code: 'BAD_STATE_BLOB' };
const CUTS = 3;

/**
 * What a client can tell apart: which algorithms have been tested is not in the state, so after the move (its cut is just
 * before) the TPM lists them again as to be tested. Nothing else differs.
 */
const TOLD_APART: Readonly<Record<string, readonly string[]>> = {
  random_hash: ['27 IncrementalSelfTest: expected 0x0 in 14 bytes, found 0x0 in 36'],
};

const increment = nv(TPM_CC.NV_Increment);
const readCounter = async (tpm: CommandExecutor): Promise<string> =>
  toHex((await tpm.execute(nv(TPM_CC.NV_Read, readNv()), LOCALITY)).subarray(16, 24));

async function counting(t: Parameters<typeof realDevice>[0]): Promise<SwtpmDevice> {
  const device = await realDevice(t, { startup: true });
  for (const step of [define({ attributes: COUNTER }), increment, extend(10)]) {
    const { code } = readResponseHeader(await device.execute(step, LOCALITY));
    t.equal(code, 0);
  }
  return device;
}

/** Bytes by which two saves of one TPM differ, with nothing between them but time. */
const CLOCK_BYTES_MAX = 128;

t.test('a state that is read briefly is the one that is read whole', { timeout: 300_000 }, async (t) => {
  let known = 0;
  // To read it whole is a reason to read it anew next time, so each command has its turn not to be followed by that.
  for (const offset of [0, 1]) {
    for (const file of SESSION_FILES) {
      const session = recordedSession(file.replace('.jsonl', ''));
      const device = await realDevice(t);
      const replayer = new Replayer();
      let last: Uint8Array | null = null;
      for (const entry of session.entries) {
        const sent = replayer.command(entry);
        replayer.learn(entry, sent, await device.executeBriefly(sent, { locality: entry.locality }));
        const brief = await device.saveStateBriefly();
        if (brief.permanent.bytes === last) known++;
        last = brief.permanent.bytes;
        if (entry.sequence % 2 === offset) continue;
        const whole = await device.saveState();
        const where = `${session.name} ${entry.sequence} ${entry.name}`;
        if (differences(last, whole.permanent.bytes) !== 0) t.fail(`${where}: another permanent state`);
        const volatile = differences(brief.volatile?.bytes ?? sent, whole.volatile?.bytes ?? sent);
        if (volatile > CLOCK_BYTES_MAX) t.fail(`${where}: ${volatile} bytes of volatile state differ`);
      }
      await device.close();
    }
  }
  t.ok(known > 0, `${known} times the permanent state was known to be the same`);
});

for (const file of SESSION_FILES) {
  const session = recordedSession(file.replace('.jsonl', ''));
  t.test(`${session.name}: goes on in another swtpm as if nothing had happened`, async (t) => {
    const straight = await (await DirectSwtpm.start(t)).executor(t);
    const reference = new Replayer();
    for (const entry of session.entries) {
      const sent = reference.command(entry);
      reference.learn(entry, sent, await straight.execute(sent, { locality: entry.locality }));
    }
    const expected = await pcrValues(straight);
    // As many processes as there are cuts, one after the other, each with the state of the one before.
    const [cuts = []] = fc.sample(
      fc.uniqueArray(fc.nat(session.entries.length - 1), { minLength: CUTS, maxLength: CUTS }),
      {
        numRuns: 1,
        seed: session.entries.length,
      },
    );
    let device = await realDevice(t);
    const replayer = new Replayer();
    const replayed: ReplayedCommand[] = [];
    for (const entry of session.entries) {
      if (cuts.includes(entry.sequence)) {
        const state = await device.saveState();
        await device.close();
        device = await realDevice(t, { state });
      }
      const sent = replayer.command(entry);
      const response = await device.execute(sent, { locality: entry.locality });
      replayer.learn(entry, sent, response);
      replayed.push({ entry, command: sent, response });
    }
    const expectedDifferences = TOLD_APART[session.name] ?? [];
    t.strictSame(answerDifferences(replayed), expectedDifferences, `cut before ${cuts.toSorted((a, b) => a - b)}`);
    t.strictSame(await pcrValues(device), expected);
  });
}

t.test('the source goes on unchanged, and the target from where it was saved', async (t) => {
  const source = await counting(t);
  const before = await pcrValues(source);
  const state = await source.saveState();
  t.equal(state.savestate, null, 'a TPM 2.0 has none');
  t.strictSame(await pcrValues(source), before);
  await source.execute(increment, LOCALITY);
  const target = await realDevice(t, { state });
  t.strictSame(await pcrValues(target), before);
  t.equal(await readCounter(source), '0000000000000002');
  t.equal(await readCounter(target), '0000000000000001');
  t.equal(readResponseHeader(await target.execute(startup, LOCALITY)).code, TPM_RC.INITIALIZE, 'it has started up');
});

t.test('a running TPM takes over a state in place of its own', async (t) => {
  const source = await counting(t);
  const state = await source.saveState();
  const target = await realDevice(t, { startup: true });
  await target.execute(extend(3), LOCALITY);
  await target.restoreState(state);
  t.strictSame(await pcrValues(target), await pcrValues(source));
  t.equal(await readCounter(target), '0000000000000001');
});

t.test('blobs of two saves are refused; swtpm itself would take them', async (t) => {
  const device = await counting(t);
  const before = await device.saveState();
  await device.execute(increment, LOCALITY);
  await device.execute(extend(11), LOCALITY);
  const after = await device.saveState();
  for (const mixed of [
    { ...after, permanent: before.permanent },
    { ...after, volatile: before.volatile },
    { ...after, volatile: null },
  ]) {
    await t.rejects(device.restoreState(mixed), REFUSED);
    const directory = join(testFolder(t), 'state');
    await t.rejects(SwtpmDevice.start({ directory, state: mixed }), REFUSED);
  }
  t.equal(await readCounter(device), '0000000000000002', 'the device is as it was');
  // The same bytes with a label that we would never give them.
  const { bytes } = before.permanent;
  const labelled = newState('swtpm', { permanent: bytes, volatile: after.volatile?.bytes ?? null, savestate: null });
  const fooled = await realDevice(t, { state: labelled });
  t.equal(await readCounter(fooled), '0000000000000001', 'swtpm took it, and the counter has gone back');
});

t.test('a blob that swtpm refuses ends the device and leaves no new TPM behind', async (t) => {
  const state = await (await counting(t)).saveState();
  const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, bytes.length >> 1);
  const bad: readonly VtpmState[] = [
    newState('swtpm', { permanent: cut(state.permanent.bytes), volatile: null, savestate: null }),
    newState('swtpm', {
      permanent: state.permanent.bytes,
      volatile: cut(state.volatile?.bytes ?? new Uint8Array(0)),
      savestate: null,
    }),
  ];
  for (const one of bad) {
    const directory = join(testFolder(t), 'state');
    await t.rejects(SwtpmDevice.start({ directory, state: one }), REFUSED);
    t.notOk(
      readdirSync(directory).some((name) => name.startsWith('tpm2-')),
      'nothing to start from',
    );
    const running = await realDevice(t, { startup: true });
    await t.rejects(running.restoreState(one), REFUSED);
    await t.rejects(running.execute(startup, LOCALITY), { code: 'TPM_CLOSED' });
    await t.rejects(running.restart(), { code: 'CANNOT_START_TPM' });
  }
});

t.test('damage is found before swtpm sees it', async (t) => {
  const state = await (await counting(t)).saveState();
  const target = await realDevice(t, { startup: true });
  for (const kind of ['permanent', 'volatile'] as const) {
    const blob = state[kind] ?? state.permanent;
    for (let at = 0; at < blob.bytes.length; at += 97) {
      const bytes = Uint8Array.from(blob.bytes);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await t.rejects(target.restoreState({ ...state, [kind]: { ...blob, bytes } }), REFUSED);
    }
  }
  t.equal(readResponseHeader(await target.execute(startup, LOCALITY)).code, TPM_RC.INITIALIZE, 'untouched');
});

t.test('how far apart the volatile states of one and of two TPMs are', async (t) => {
  // What the check after a restore rests on: few bytes between a state and what it becomes, many to any other.
  const device = await counting(t);
  const state = await device.saveState();
  const restored = await realDevice(t, { state });
  await new Promise((resolve) => setTimeout(resolve, 1200));
  const again = await restored.saveState();
  const bytes = (one: VtpmState): Uint8Array => one.volatile?.bytes ?? new Uint8Array(0);
  const same = differences(bytes(state), bytes(again));
  t.ok(same > 0 && same <= 64, `${same} bytes after a second`);
  const other = differences(bytes(state), bytes(await (await counting(t)).saveState()));
  t.ok(other > 256, `${other} bytes to another TPM`);
  await device.powerCycle();
  const cycled = differences(bytes(state), bytes(await device.saveState()));
  t.ok(cycled > 256, `${cycled} bytes over a power cycle`);
});

t.test('the locality holds for one command, and the largest commands arrive whole', async (t) => {
  const device = await realDevice(t, { startup: true });
  const code = async (bytes: Uint8Array, locality: number): Promise<number> =>
    readResponseHeader(await device.execute(bytes, { locality })).code;
  t.equal(await code(extend(20), 2), 0);
  t.equal(await code(extend(20), 0), TPM_RC.LOCALITY, 'not kept');
  for (const size of [4088, 4089, 4096]) {
    // A Hash of too much: refused by the TPM for the size of its buffer, after all of it has come.
    const parameters = `${(size - 18).toString(16).padStart(4, '0')}${'00'.repeat(size - 18)}000b40000007`;
    const hash = command({ code: TPM_CC.Hash, parameters });
    t.equal(hash.length, size);
    t.equal(await code(hash, 0), 0x1d5, `${size} bytes`);
  }
  t.match(JSON.parse(await device.information()), { TPMSpecification: { family: '2.0' } });
});

t.test('a power cycle loses what a power cycle loses', async (t) => {
  const device = await realDevice(t, { startup: true });
  const fresh = await pcrValues(device);
  for (const step of [define({ attributes: COUNTER }), increment, extend(10)]) await device.execute(step, LOCALITY);
  await device.powerCycle();
  t.strictSame(await pcrValues(device), fresh);
  t.equal(await readCounter(device), '0000000000000001');
});
