/**
 * The device behind a live tpmback: after which commands the state of the TPM is kept, and that nothing is shown before.
 */
import t, { type Test } from 'tap';
import { KeptState } from '../../live/device/kept-state.js';
import { LiveTpmDevice } from '../../live/device/live-device.js';
import { Rights } from '../../live/memory/address-space.js';
import { SharedMemory } from '../../live/memory/shared-memory.js';
import type { VtpmDevice, VtpmState } from '../../live/tpm/vtpm-device.js';
import { newState } from '../../live/tpm/vtpm-state.js';
import { QuiesceError } from '../../protocol/errors.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { errorResponse } from '../../protocol/tpm/header.js';
import { PLAN, testSpaces } from '../support/live/spaces.js';
import { extend, nv, readNv, readPcr } from '../support/model-commands.js';

const BASE = PLAN.backend.firstFrame * PAGE_SIZE;
const SUCCESS = errorResponse(0);
const FAILURE = errorResponse(0x922);

const readWithPassword = nv(TPM_CC.NV_Read, readNv());
/** The same with the handle of an HMAC session where that of a password was: after header, two handles and a size. */
const readInSession = Uint8Array.from(readWithPassword);
readInSession.set([0x02, 0, 0, 0], 10 + 4 + 4 + 4);

type Way = 'at once' | 'late';

/** A TPM that answers what it is told to, and counts its states: the number of the last one is in its first byte. */
class ToldTpm implements VtpmDevice {
  answer: Uint8Array = SUCCESS;
  saved = 0;
  executeBriefly?: VtpmDevice['execute'] | NonNullable<VtpmDevice['executeBriefly']>;
  saveStateBriefly?: NonNullable<VtpmDevice['saveStateBriefly']>;
  error: Error | null = null;

  constructor(way: Way) {
    if (way === 'late') return;
    this.executeBriefly = () => {
      if (this.error !== null) throw this.error;
      return this.answer;
    };
    this.saveStateBriefly = () => this.#state();
  }

  async execute(): Promise<Uint8Array> {
    if (this.error !== null) throw this.error;
    return this.answer;
  }

  async saveState(): Promise<VtpmState> {
    return this.#state();
  }

  async restoreState(): Promise<void> {}
  async close(): Promise<void> {}

  #state(): VtpmState {
    return newState('model', { permanent: Uint8Array.of(++this.saved), volatile: null, savestate: null });
  }
}

interface Bench {
  readonly tpm: ToldTpm;
  readonly device: LiveTpmDevice;
  readonly lost: unknown[];
  /** Executes one, and returns which state is kept afterwards. */
  send(bytes: Uint8Array, answer?: Uint8Array): Promise<number>;
}

async function bench(way: Way): Promise<Bench> {
  const [spaces] = testSpaces();
  const space = (spaces as NonNullable<typeof spaces>).create();
  space.open(PLAN.backend.firstFrame, PLAN.backend.pages, Rights.Store);
  const memory = new SharedMemory(space);
  const tpm = new ToldTpm(way);
  const lost: unknown[] = [];
  let done = (): void => undefined;
  const device = await LiveTpmDevice.open(memory, BASE, async () => tpm, {
    onDone: () => done(),
    onLost: (error) => {
      lost.push(error);
      done();
    },
  });
  let sequence = 0;
  return {
    tpm,
    device,
    lost,
    async send(bytes, answer = SUCCESS) {
      tpm.answer = answer;
      memory.bytes.set(bytes, device.commandAddress);
      const finished = new Promise<void>((resolve) => {
        done = resolve;
      });
      device.start({ length: bytes.length, locality: 0, sequence: ++sequence, numbered: true, ordinal: 0 });
      if (device.busy) await finished;
      return new KeptState(memory, BASE).read()?.state.permanent.bytes[0] ?? 0;
    },
  };
}

for (const way of ['at once', 'late'] as const) {
  t.test(`${way}: the state is kept after what changed it`, async (t: Test) => {
    const { send, device, lost } = await bench(way);
    t.equal(await send(readPcr(10)), 1, 'a read leaves the state of before');
    t.equal(await send(extend(10)), 2);
    t.equal(await send(readWithPassword), 2, 'a password is nothing that changes');
    t.equal(await send(readInSession), 3, "a read in a session rolls the session's nonce");
    t.equal(await send(readWithPassword, FAILURE), 4, 'a failed authorisation may have been counted');
    t.equal(await send(readPcr(10), FAILURE), 4);
    t.equal(await send(new Uint8Array(4), FAILURE), 4, 'what is no command');
    t.equal(device.state.executed_sequence, 7);
    t.equal(device.state.executed, 7);
    t.strictSame(lost, []);
  });

  t.test(
    `${way}: a TPM that refuses what is no command has executed it; one that is lost has not answered`,
    async (t) => {
      const { send, device, tpm, lost } = await bench(way);
      tpm.error = new QuiesceError('BAD_TPM_COMMAND', 'told to');
      t.equal(await send(new Uint8Array(12)), 1);
      t.equal(device.state.executed, 1);
      t.equal(device.state.response_length, 10);
      tpm.error = new QuiesceError('TPM_LOST', 'told to');
      await send(extend(10));
      t.match(lost, [{ code: 'TPM_LOST' }]);
      t.equal(device.state.executed, 1);
      t.equal(device.busy, true);
    },
  );
}
