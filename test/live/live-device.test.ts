/**
 * The device behind a live tpmback: after which commands the state of the TPM is kept, and that nothing is shown before.
 */
import t, { type Test } from 'tap';
import { KeptState } from '../../live/device/kept-state.js';
import { LiveTpmDevice } from '../../live/device/live-device.js';
import { Rights } from '../../live/memory/address-space.js';
import { SharedMemory } from '../../live/memory/shared-memory.js';
import type { ExecuteOptions, VtpmDevice, VtpmState } from '../../live/tpm/vtpm-device.js';
import { newState } from '../../live/tpm/vtpm-state.js';
import { QuiesceError } from '../../protocol/errors.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { commandName, TPM_CC } from '../../protocol/tpm/command-codes.js';
import { bigEndian32, errorResponse } from '../../protocol/tpm/header.js';
import { PLAN, testSpaces } from '../support/live/spaces.js';
import { extend, nv, readNv, readPcr } from '../support/model-commands.js';
import { command } from '../support/tpm-engine.js';

const BASE = PLAN.backend.firstFrame * PAGE_SIZE;
const SUCCESS = errorResponse(0);
const FAILURE = errorResponse(0x922);
/** Stirs in what only the TPM knows. */
const stir = command({ code: TPM_CC.StirRandom, parameters: '0000' });
/** Changes nothing that lies in a state; its padding may be drawn. */
const sign = command({ code: TPM_CC.Sign });

const readWithPassword = nv(TPM_CC.NV_Read, readNv());
/** The same with the handle of an HMAC session where that of a password was: after header, two handles and a size. */
const readInSession = Uint8Array.from(readWithPassword);
readInSession.set([0x02, 0, 0, 0], 10 + 4 + 4 + 4);

type Way = 'at once' | 'late';

/** A TPM that answers what it is told to, and counts its states: the number of the last one is in its first byte. */
class ToldTpm implements VtpmDevice {
  answer: Uint8Array = SUCCESS;
  saved = 0;
  /** Code and locality of each command. */
  readonly executed: string[] = [];
  /** What a state waits for. */
  gate: Promise<void> | null = null;
  executeBriefly?: VtpmDevice['execute'] | NonNullable<VtpmDevice['executeBriefly']>;
  saveStateBriefly?: NonNullable<VtpmDevice['saveStateBriefly']>;
  error: Error | null = null;

  constructor(way: Way) {
    if (way === 'late') return;
    this.executeBriefly = (bytes, options) => this.#execute(bytes, options);
    this.saveStateBriefly = () => this.#state();
  }

  async execute(bytes: Uint8Array, options: ExecuteOptions): Promise<Uint8Array> {
    return this.#execute(bytes, options);
  }

  async saveState(): Promise<VtpmState> {
    const state = this.#state();
    await this.gate;
    return state;
  }

  async restoreState(): Promise<void> {}
  async close(): Promise<void> {}

  #execute(bytes: Uint8Array, { locality }: ExecuteOptions): Uint8Array {
    if (this.error !== null) throw this.error;
    this.executed.push(`${bytes.length >= 10 ? commandName(bigEndian32(bytes, 6)) : 'nothing'} ${locality}`);
    return this.answer;
  }

  #state(): VtpmState {
    if (this.error !== null) throw this.error;
    return newState('model', { permanent: Uint8Array.of(++this.saved), volatile: null, savestate: null });
  }
}

interface Bench {
  readonly tpm: ToldTpm;
  readonly device: LiveTpmDevice;
  readonly lost: unknown[];
  /** Which state is kept, and how many commands since. */
  kept(): string;
  /** The same after one more command. */
  send(bytes: Uint8Array, answer?: Uint8Array): Promise<string>;
  /** The next process over the same memory, with a TPM that gives this answer to everything. */
  reopen(answer?: Uint8Array): Promise<ToldTpm>;
  /** Resolves when the state has been kept in place of the commands. */
  settled(): Promise<string>;
}

async function bench(way: Way): Promise<Bench> {
  const [spaces] = testSpaces();
  const space = (spaces as NonNullable<typeof spaces>).create();
  space.open(PLAN.backend.firstFrame, PLAN.backend.pages, Rights.Store);
  const memory = new SharedMemory(space);
  const tpm = new ToldTpm(way);
  const lost: unknown[] = [];
  let done = (): void => undefined;
  const open = (own: ToldTpm): Promise<LiveTpmDevice> =>
    LiveTpmDevice.open(memory, BASE, async () => own, {
      onDone: () => done(),
      onLost: (error) => {
        lost.push(error);
        done();
      },
    });
  const device = await open(tpm);
  let sequence = 0;
  const kept = (): string => {
    const found = new KeptState(memory, BASE).read();
    return `${found?.state.permanent.bytes[0] ?? 0}+${found?.commands.length}`;
  };
  return {
    tpm,
    device,
    lost,
    kept,
    async send(bytes, answer = SUCCESS) {
      tpm.answer = answer;
      memory.bytes.set(bytes, device.commandAddress);
      const finished = new Promise<void>((resolve) => {
        done = resolve;
      });
      device.start({ length: bytes.length, locality: 3, sequence: ++sequence, numbered: true, ordinal: 0 });
      if (device.busy) await finished;
      return kept();
    },
    async reopen(answer = SUCCESS) {
      await device.close();
      const next = new ToldTpm(way);
      next.answer = answer;
      next.saved = tpm.saved;
      await (await open(next)).close();
      return next;
    },
    async settled() {
      while (!kept().endsWith('+0')) await new Promise((resolve) => setTimeout(resolve, 1));
      return kept();
    },
  };
}

for (const way of ['at once', 'late'] as const) {
  t.test(
    `${way}: what changed the state is kept: the command that can be repeated, else the state`,
    async (t: Test) => {
      const { send, device, lost } = await bench(way);
      t.equal(await send(readPcr(10)), '1+0', 'a read leaves the state of before');
      t.equal(await send(extend(10)), '1+1');
      t.equal(await send(readWithPassword), '1+1', 'a password is nothing that changes');
      t.equal(await send(readInSession), '1+2', "a read in a session rolls the session's nonce");
      t.equal(await send(readWithPassword, FAILURE), '2+0', 'a failed authorisation may have been counted');
      t.equal(await send(readPcr(10), FAILURE), '2+0');
      t.equal(await send(new Uint8Array(4), FAILURE), '2+0', 'what is no command');
      t.equal(await send(extend(10), FAILURE), '3+0', 'who knows what a failed command has done');
      t.equal(await send(extend(10)), '3+1');
      t.equal(await send(stir), '4+0', 'what could not be repeated');
      t.equal(device.state.executed_sequence, 10);
      t.equal(device.state.executed, 10);
      t.strictSame(lost, []);
      await device.close();
    },
  );

  t.test(`${way}: no command is kept as such after one that may have drawn random numbers`, async (t: Test) => {
    const { send, settled, device } = await bench(way);
    t.equal(await send(extend(10)), '1+1');
    t.equal(await send(sign), '1+1', 'itself it changes nothing');
    t.equal(await send(readPcr(10)), '1+1');
    t.equal(await send(extend(10)), '2+0', 'which could not be repeated from the state of before');
    t.equal(await send(extend(10)), '2+1');
    t.equal(await send(sign), '2+1');
    t.equal(await settled(), '3+0');
    t.equal(await send(extend(10)), '3+1', 'the state of now is known');
    await device.close();
  });

  t.test(`${way}: where there is no room for another command the state is kept`, async (t: Test) => {
    const { send, device } = await bench(way);
    let found = '1+0';
    for (let sent = 1; found.startsWith('1+'); sent++) {
      found = await send(extend(10));
      if (found.startsWith('1+')) t.equal(found, `1+${sent}`);
    }
    t.equal(found, '2+0');
    await device.close();
  });

  t.test(`${way}: the next process repeats the commands, and shows the last answer as before`, async (t: Test) => {
    const { send, reopen, device, kept } = await bench(way);
    await send(extend(10));
    await send(extend(11));
    await send(readPcr(10));
    const { executed, chain_low, chain_high, executed_sequence } = device.state;
    const next = await reopen();
    t.strictSame(next.executed, ['PCR_Extend 3', 'PCR_Extend 3']);
    t.match(device.state, { executed, chain_low, chain_high, executed_sequence }, 'none is counted twice');
    t.equal(kept(), '1+2', 'and may be repeated again');
    t.equal((await reopen()).executed.length, 2);
    await t.rejects(reopen(FAILURE), { code: 'TPM_LOST' }, 'a TPM that answers otherwise is not the one of before');
  });

  t.test(`${way}: after a while the state is kept in place of the commands`, async (t: Test) => {
    const { send, settled, reopen, lost } = await bench(way);
    await send(extend(10));
    await send(extend(10));
    t.equal(await settled(), '2+0');
    t.equal(await send(extend(10)), '2+1');
    t.equal(await settled(), '3+0');
    t.strictSame((await reopen()).executed, []);
    t.strictSame(lost, []);
  });

  t.test(`${way}: a TPM that is lost when its state is to be kept has not lost a command`, async (t: Test) => {
    const { send, tpm, lost, kept, reopen } = await bench(way);
    await send(extend(10));
    tpm.error = new QuiesceError('TPM_LOST', 'told to');
    while (lost.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    t.match(lost, [{ code: 'TPM_LOST' }]);
    t.equal(kept(), '1+1');
    t.equal((await reopen()).executed.length, 1);
  });

  t.test(
    `${way}: a TPM that refuses what is no command has executed it; one that is lost has not answered`,
    async (t) => {
      const { send, device, tpm, lost } = await bench(way);
      tpm.error = new QuiesceError('BAD_TPM_COMMAND', 'told to');
      t.equal(await send(new Uint8Array(12)), '1+0');
      t.equal(device.state.executed, 1);
      t.equal(device.state.response_length, 10);
      tpm.error = new QuiesceError('TPM_LOST', 'told to');
      await send(extend(10));
      t.match(lost, [{ code: 'TPM_LOST' }]);
      t.equal(device.state.executed, 1);
      t.equal(device.busy, true);
      await device.close();
    },
  );
}

t.test('a state that is late does not take the place of a command that came meanwhile', async (t) => {
  const { send, tpm, settled, device, kept } = await bench('late');
  let open = (): void => undefined;
  tpm.gate = new Promise((resolve) => {
    open = resolve;
  });
  await send(extend(10));
  while (tpm.saved < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  t.equal(await send(extend(11)), '1+2');
  open();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(kept(), '1+2', 'it may be of before the second');
  tpm.gate = null;
  t.equal(await settled(), '3+0', 'so there is another');
  await device.close();
});
