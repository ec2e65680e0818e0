/** A real swtpm with checkpoints, killed at any moment: each numbered command is executed once, as the PCRs tell. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import { CheckpointedDevice } from '../../live/tpm/checkpointed-device.js';
import type { QuiesceError } from '../../protocol/errors.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { COUNTER, define, digest, extend, nv, readNv, readPcr } from '../support/model-commands.js';
import { toHex } from '../support/tpm-engine.js';
import { testFolder } from './tpm-toolbox.js';

const LOCALITY = { locality: 0 };
const { QUIESCE_REAL_SEED = '1', QUIESCE_TPM_KILLS = '60' } = process.env;
const KILLS_OF_THE_OWNER = 12;

/** PCR 10 after so many times `extend(10)`. */
function pcrAfter(count: number): string {
  let value = Buffer.alloc(32);
  for (let i = 0; i < count; i++)
    value = createHash('sha256').update(value).update(Buffer.from(digest, 'hex')).digest();
  return value.toString('hex');
}

const pcrOf = async (device: CheckpointedDevice): Promise<string> =>
  toHex((await device.execute(readPcr(10), LOCALITY)).subarray(-32));

t.test(
  'swtpm killed: sent again unless its number is the last one executed, each command counts once',
  { timeout: 300_000 },
  async (t) => {
    const device = await CheckpointedDevice.start({
      directory: join(testFolder(t), 'tpm'),
      state: 'new',
      startup: true,
    });
    t.teardown(() => device.close());
    await device.execute(define({ attributes: COUNTER }), { locality: 0, sequence: 0 });
    let sequence = 0;
    let extends_ = 0;
    let increments = 0;
    let lostAnswers = 0;
    const commands = { extend: extend(10), increment: nv(TPM_CC.NV_Increment) };

    const send = async (name: 'extend' | 'increment'): Promise<void> => {
      sequence++;
      for (;;) {
        try {
          await device.execute(commands[name], { locality: 0, sequence });
          break;
        } catch (error) {
          const { code } = error as QuiesceError;
          if (code !== 'TPM_LOST' && code !== 'TPM_CLOSED') throw error;
          await device.restart();
          if (device.lastExecuted?.sequence !== sequence) continue;
          lostAnswers++;
          break;
        }
      }
      if (name === 'extend') extends_++;
      else increments++;
    };

    const moment = fc.record({
      work: fc.array(fc.constantFrom<'extend' | 'increment'>('extend', 'increment'), { minLength: 1, maxLength: 8 }),
      microseconds: fc.nat(6000),
    });
    const property = fc.asyncProperty(moment, async ({ work, microseconds }) => {
      const end = process.hrtime.bigint() + BigInt(microseconds) * 1000n;
      const kill = (async () => {
        while (process.hrtime.bigint() < end) await new Promise((resolve) => setImmediate(resolve));
        process.kill(device.processId, 'SIGKILL');
      })();
      for (const name of work) await send(name);
      await kill;
      await send('extend');
      if ((await pcrOf(device)) !== pcrAfter(extends_)) throw new Error(`expected PCR 10 after ${extends_} extends`);
      if (increments === 0) return;
      const value = await device.execute(nv(TPM_CC.NV_Read, readNv()), LOCALITY);
      const counter = Number(BigInt(`0x${toHex(value.subarray(16, 24))}`));
      if (counter !== increments) throw new Error(`expected ${increments} increments, found ${counter}`);
    });
    await fc.assert(property, {
      numRuns: Number(QUIESCE_TPM_KILLS),
      seed: Number(QUIESCE_REAL_SEED),
      endOnFailure: true,
    });
    t.comment(
      `${sequence} commands, ${QUIESCE_TPM_KILLS} kills, ${lostAnswers} commands executed whose answer was lost`,
    );
  },
);

t.test(
  'the process that owns swtpm killed: the next one finds the state of the last number',
  { timeout: 300_000 },
  async (t) => {
    const directory = join(testFolder(t), 'tpm');
    const program = fileURLToPath(new URL('./tpm-counting-owner.js', import.meta.url));
    let executed = 0;
    for (const milliseconds of fc.sample(fc.nat(120), {
      numRuns: KILLS_OF_THE_OWNER,
      seed: Number(QUIESCE_REAL_SEED),
    })) {
      const state = executed === 0 ? 'new' : 'existing';
      const owner = spawn(execPath, [program, directory, state, String(executed + 1)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let printed = '';
      owner.stdout.on('data', (piece) => {
        printed += piece;
      });
      await once(owner.stdout, 'data');
      await delay(milliseconds);
      owner.kill('SIGKILL');
      await once(owner, 'close');
      const answered = Number(printed.trim().split('\n').at(-1));
      const device = await CheckpointedDevice.start({ directory, state: 'existing' });
      executed = device.lastExecuted?.sequence ?? 0;
      t.ok(executed === answered || executed === answered + 1, `${answered} answered, ${executed} executed`);
      t.equal(await pcrOf(device), pcrAfter(executed));
      await device.close();
    }
  },
);
