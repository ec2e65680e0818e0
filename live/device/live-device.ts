/**
 * The device behind a live tpmback: what the simulator's TPM does in one step, `complete`, takes its time here. The
 * record in memory is the same, so the backend does not see the difference.
 */
import { type BackendDevice, type TpmCommand, TpmDeviceState } from '../../backend/tpm/device.js';
import { digestMemory, mix, mixSecond } from '../../protocol/digest.js';
import { QuiesceError } from '../../protocol/errors.js';
import { PAGE_SIZE, packWords } from '../../protocol/memory.js';
import { readCode } from '../../protocol/tpm/header.js';
import { changesState } from '../../protocol/tpm/state-change.js';
import { DEVICE_PAGE } from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import type { VtpmDevice, VtpmState } from '../tpm/vtpm-device.js';
import { type Kept, KeptState } from './kept-state.js';

const HEADER_BYTES = 10;
/** TPM_ST_SESSIONS: the command is authorised, and a failed authorisation may have been counted. */
const TAG_SESSIONS = 0x8002;
/** A response of 10 bytes with the code TPM_RC_COMMAND_SIZE (0x142). */
const BAD_COMMAND = Uint8Array.of(0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x42);

const NOTHING_EXECUTED = { sequence: 0, executed: 0, chainLow: 0, chainHigh: 0, response: new Uint8Array(0) };

export interface DeviceHandlers {
  /** A command is answered. */
  readonly onDone: () => void;
  /** Told of each answer, and to call `keep`, by which it becomes what the TPM has executed; null where nobody cares. */
  readonly onAnswer?: ((answer: Uint8Array, keep: () => void) => void) | null;
  /** The TPM is gone: the process must end, and the next one goes on with what is kept. */
  readonly onLost: (error: unknown) => void;
}

export class LiveTpmDevice implements BackendDevice {
  readonly state;
  readonly commandAddress: number;
  readonly responseAddress: number;
  readonly #memory: SharedMemory;
  readonly #vtpm: VtpmDevice;
  readonly #kept: KeptState;
  readonly #executeWord: number;
  readonly #onDone: () => void;
  readonly #onLost: (error: unknown) => void;
  readonly #onAnswer: ((answer: Uint8Array, keep: () => void) => void) | null;

  /** `base` is the address of the backend's segment. */
  private constructor(memory: SharedMemory, vtpm: VtpmDevice, base: number, handlers: DeviceHandlers) {
    const address = base + DEVICE_PAGE * PAGE_SIZE;
    this.#memory = memory;
    this.#vtpm = vtpm;
    this.#kept = new KeptState(memory, base);
    this.state = TpmDeviceState.view(memory).at(address);
    this.commandAddress = address + PAGE_SIZE;
    this.responseAddress = address + 2 * PAGE_SIZE;
    this.#executeWord = (address + TpmDeviceState.offset.execute) >>> 2;
    this.#onDone = handlers.onDone;
    this.#onLost = handlers.onLost;
    this.#onAnswer = handlers.onAnswer ?? null;
  }

  /** Makes the TPM with what is kept of it; where nothing is, a new one is made and kept. */
  static async open(
    memory: SharedMemory,
    base: number,
    create: (kept: VtpmState | null) => Promise<VtpmDevice>,
    handlers: DeviceHandlers,
  ): Promise<LiveTpmDevice> {
    const kept = new KeptState(memory, base).read();
    const device = new LiveTpmDevice(memory, await create(kept?.state ?? null), base, handlers);
    // What a predecessor was executing when it died is as if it had never begun: the TPM is the one of before it.
    memory.write32(device.#executeWord << 2, 0);
    if (kept !== null) device.#publish(kept);
    else device.#kept.keep(NOTHING_EXECUTED, await device.#vtpm.saveState());
    return device;
  }

  /** Ends the TPM once the command that executes is answered. */
  async close(): Promise<void> {
    await this.#vtpm.close();
  }

  get busy(): boolean {
    return this.#memory.words[this.#executeWord] !== 0;
  }

  start(command: TpmCommand): void {
    if (this.busy) throw new QuiesceError('DEVICE_BUSY', 'the TPM was given a command while it executes another');
    const { state } = this;
    state.length = command.length;
    state.locality = command.locality;
    state.sequence = command.sequence;
    state.numbered = command.numbered ?? false;
    state.ordinal = command.ordinal;
    this.#memory.write32(this.#executeWord << 2, 1);
    this.#execute().then(this.#onDone, this.#onLost);
  }

  async #execute(): Promise<void> {
    const { state, commandAddress: at } = this;
    const { length } = state;
    const memory = this.#memory;
    const command = memory.bytes.slice(at, at + length);
    const whole = length >= HEADER_BYTES;
    const changes = whole && changesState(readCode(memory, at));
    let response: Uint8Array = BAD_COMMAND;
    let after = null;
    try {
      const answered = this.#vtpm.execute(command, { locality: state.locality });
      // Asked for at once: the device keeps the order, and the answer and the state come in one turn.
      const saved = changes ? this.#vtpm.saveState() : null;
      saved?.catch(() => undefined);
      response = await answered;
      const authorised = whole && (((command[0] as number) << 8) | (command[1] as number)) === TAG_SESSIONS;
      const failed = readBigEndian32(response, 6) !== 0;
      if (saved !== null) after = await saved;
      else if (authorised && failed) after = await this.#vtpm.saveState();
    } catch (error) {
      if (!(error instanceof QuiesceError) || error.code !== 'BAD_TPM_COMMAND') throw error;
    }
    const effect = changes ? digestMemory(memory, at, length) : 0;
    const kept = {
      sequence: state.sequence,
      executed: (state.executed + 1) >>> 0,
      chainLow: effect === 0 ? state.chain_low : mix(state.chain_low | 0, effect) >>> 0,
      chainHigh: effect === 0 ? state.chain_high : mixSecond(state.chain_high | 0, effect) >>> 0,
      response,
    };
    const keep = (): void => {
      this.#kept.keep(kept, after);
      this.#publish(kept);
      memory.write32(this.#executeWord << 2, 0);
    };
    if (this.#onAnswer === null) keep();
    else this.#onAnswer(response, keep);
  }

  /** What backends look at, from what is kept. */
  #publish(kept: Omit<Kept, 'state'>): void {
    const { state } = this;
    const { response } = kept;
    this.#memory.writeWords(this.responseAddress, packWords(response), response.length);
    state.response_length = response.length;
    state.executed_sequence = kept.sequence;
    state.executed = kept.executed;
    state.chain_low = kept.chainLow;
    state.chain_high = kept.chainHigh;
  }
}

function readBigEndian32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at);
}
