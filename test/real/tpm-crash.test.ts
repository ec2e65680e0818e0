/** A real swtpm that is killed, stopped, cancelled or too slow. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import type { QuiesceError } from '../../protocol/errors.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { readResponseHeader } from '../../protocol/tpm/header.js';
import { TPM_RC } from '../../protocol/tpm/response-codes.js';
import { COUNTER, define, extend, nv, readNv, readPcr, startup } from '../support/model-commands.js';
import { toHex } from '../support/tpm-engine.js';
import { createRsa3072 } from './tpm-slow-command.js';
import { realDevice, testFolder } from './tpm-toolbox.js';
import { pcrValues } from './tpm-values.js';

const LOCALITY = { locality: 0 };
const { QUIESCE_REAL_SEED = '1', QUIESCE_TPM_KILLS = '60' } = process.env;

const codeOf = (response: Uint8Array): number => readResponseHeader(response).code;
const increment = nv(TPM_CC.NV_Increment);
const readCounter = nv(TPM_CC.NV_Read, readNv());

interface Moment {
  /** Commands given before the kill, in the order of the numbers. */
  readonly work: readonly ('increment' | 'extend')[];
  readonly microseconds: number;
}

const moment: fc.Arbitrary<Moment> = fc.record({
  work: fc.array(fc.constantFrom<'increment' | 'extend'>('increment', 'increment', 'extend'), {
    minLength: 1,
    maxLength: 12,
  }),
  microseconds: fc.nat(4000),
});

t.test(
  'killed at any moment: what was answered is kept, one command at most is in doubt, no other was executed',
  { timeout: 300_000 },
  async (t) => {
    const device = await realDevice(t, { startup: true });
    const fresh = await pcrValues(device);
    t.equal(codeOf(await device.execute(define({ attributes: COUNTER }), LOCALITY)), 0);
    t.equal(codeOf(await device.execute(increment, LOCALITY)), 0);
    let counter = 1n;
    let inDoubt = 0;
    let inDoubtAndDone = 0;
    const property = fc.asyncProperty(moment, async ({ work, microseconds }) => {
      const results = Promise.allSettled(
        work.map((name) => device.execute(name === 'increment' ? increment : extend(10), LOCALITY)),
      );
      const until = process.hrtime.bigint() + BigInt(microseconds) * 1000n;
      while (process.hrtime.bigint() < until) await new Promise((resolve) => setImmediate(resolve));
      process.kill(device.processId, 'SIGKILL');
      const outcomes = (await results).map((result) =>
        result.status === 'fulfilled' ? `answered ${codeOf(result.value)}` : (result.reason as QuiesceError).code,
      );
      // Answered ones first, then at most one that nobody knows of, then those that were not executed.
      const text = outcomes.join(' ');
      if (!/^(answered 0 ?)*(TPM_LOST ?)?(TPM_CLOSED ?)*$/.test(text)) throw new Error(text);
      // With no command left to lose, the end of swtpm has to be noticed first.
      while (!(await lost(device))) await delay(1);
      const { lost: cost } = await device.restart();
      if (!/PCR values/.test(cost)) throw new Error(cost);
      const answered = work.filter((name, i) => name === 'increment' && outcomes[i] === 'answered 0').length;
      const doubtful = outcomes.indexOf('TPM_LOST');
      const least = counter + BigInt(answered);
      const value = await device.execute(readCounter, LOCALITY);
      counter = BigInt(`0x${toHex(value.subarray(16, 24))}`);
      const most = least + (doubtful >= 0 && work[doubtful] === 'increment' ? 1n : 0n);
      if (counter < least || counter > most) throw new Error(`expected ${least} to ${most}, found ${counter}: ${text}`);
      if (most > least) inDoubt++;
      if (counter > least) inDoubtAndDone++;
      if ((await pcrValues(device)).join() !== fresh.join()) throw new Error('expected PCRs as after a power cycle');
    });
    await fc.assert(property, {
      numRuns: Number(QUIESCE_TPM_KILLS),
      seed: Number(QUIESCE_REAL_SEED),
      endOnFailure: true,
    });
    t.comment(
      `${inDoubt} of ${QUIESCE_TPM_KILLS} kills left an increment in doubt; ${inDoubtAndDone} of these had been executed`,
    );
  },
);

async function lost(device: {
  restart(): Promise<unknown>;
  execute: Awaited<ReturnType<typeof realDevice>>['execute'];
}): Promise<boolean> {
  try {
    await device.execute(readPcr(0), LOCALITY);
    return false;
  } catch (error) {
    return ['TPM_CLOSED', 'TPM_LOST'].includes((error as QuiesceError).code);
  }
}

t.test('a restarted TPM wants Startup unless it is given', async (t) => {
  const device = await realDevice(t);
  await device.execute(startup, LOCALITY);
  process.kill(device.processId, 'SIGKILL');
  while (!(await lost(device))) await delay(1);
  await device.restart();
  t.equal(codeOf(await device.execute(readPcr(0), LOCALITY)), TPM_RC.INITIALIZE);
  t.equal(codeOf(await device.execute(startup, LOCALITY)), 0);
});

t.test('a directory has one swtpm at a time', async (t) => {
  const directory = join(testFolder(t), 'state');
  await realDevice(t, { directory });
  const { SwtpmDevice } = await import('../../live/tpm/swtpm-device.js');
  const second = SwtpmDevice.start({ directory, state: 'existing' });
  await t.rejects(second, { code: 'CANNOT_START_TPM', message: /[Ll]ock/ });
});

t.test('when we are killed, swtpm ends too', async (t) => {
  const program = fileURLToPath(new URL('./tpm-owner.js', import.meta.url));
  for (const busy of ['idle', 'busy']) {
    const owner = spawn(execPath, [program, join(testFolder(t), 'state'), busy], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const processId = Number(line.toString());
    t.ok(running(processId), `swtpm ${processId} runs`);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    // At most as long as the command that executes.
    const end = Date.now() + 10_000;
    while (running(processId) && Date.now() < end) await delay(5);
    t.notOk(running(processId), busy);
  }
});

function running(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

t.test('a command that is cancelled on the way is answered by the TPM, and the next one is as ever', async (t) => {
  const device = await realDevice(t, { startup: true });
  const slow = await createRsa3072(device);
  const abort = new AbortController();
  const begun = Date.now();
  const answer = device.execute(slow, { locality: 0, signal: abort.signal });
  const queued = device.execute(extend(10), { locality: 0, signal: abort.signal });
  await delay(5);
  abort.abort();
  await t.rejects(queued, { code: 'COMMAND_CANCELLED' });
  t.ok([0, TPM_RC.CANCELED].includes(codeOf(await answer)), `after ${Date.now() - begun} ms`);
  const untouched = await device.execute(readPcr(10), LOCALITY);
  t.equal(codeOf(untouched), 0);
  t.match(toHex(untouched), /0{64}$/, 'what was taken back did not happen');
  // The cancel request has been answered too: the control channel is free.
  t.ok((await device.saveState()).volatile);
});

t.test('a command beyond its time: the caller is told, and the TPM keeps what it holds', async (t) => {
  const limits = { cancelMilliseconds: (code: number) => (code === TPM_CC.Create ? 1 : 60_000), graceMilliseconds: 1 };
  const device = await realDevice(t, { startup: true, limits });
  await device.execute(extend(10), LOCALITY);
  const before = toHex(await device.execute(readPcr(10), LOCALITY));
  const processId = device.processId;
  await t.rejects(device.execute(await createRsa3072(device), LOCALITY), { code: 'COMMAND_TIMED_OUT' });
  t.equal(toHex(await device.execute(readPcr(10), LOCALITY)), before, 'the next answer is its own');
  t.equal(device.processId, processId);
});

t.test('an swtpm that hangs is ended at last', async (t) => {
  const limits = { cancelMilliseconds: () => 500, graceMilliseconds: 500, hangMilliseconds: 500 };
  let why = '';
  const device = await realDevice(t, { startup: true, limits, onLost: (text) => (why = text) });
  process.kill(device.processId, 'SIGSTOP');
  await t.rejects(device.execute(readPcr(0), LOCALITY), { code: 'COMMAND_TIMED_OUT' });
  await t.rejects(device.execute(readPcr(0), LOCALITY), { code: 'TPM_CLOSED' });
  await device.restart();
  t.match(why, /no answer to PCR_Read within 1500 ms/);
  t.equal(codeOf(await device.execute(readPcr(0), LOCALITY)), 0);
});
