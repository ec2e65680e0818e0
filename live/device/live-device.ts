/**
 * The device behind a live tpmback: what the simulator's TPM does in one step, `complete`, takes its time here. The
 * record in memory is the same, so the backend does not see the difference.
 */
import { type BackendDevice, type TpmCommand, TpmDeviceState } from '../../backend/tpm/device.js';
import { digestMemory, mix, mixSecond } from '../../protocol/digest.js';
import { QuiesceError } from '../../protocol/errors.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { bigEndian16, bigEndian32, readCode, TPM_ST_SESSIONS } from '../../protocol/tpm/header.js';
import { usesSession } from '../../protocol/tpm/session.js';
import { changesState } from '../../protocol/tpm/state-change.js';
import { DEVICE_PAGE } from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import type { VtpmDevice, VtpmState } from '../tpm/vtpm-device.js';
import { type Kept, KeptState } from './kept-state.js';

const HEADER_BYTES = 10;
/** Where a response has its code. */
const RESPONSE_CODE_OFFSET = 6;
const TPM_RC_FAILURE = 0x101;
/** A response of 10 bytes with the code TPM_RC_COMMAND_SIZE (0x142). */
const BAD_COMMAND = Uint8Array.of(0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x42);

const NOTHING_EXECUTED = { sequence: 0, executed: 0, chainLow: 0, chainHigh: 0, response: new Uint8Array(0) };

type OnAnswer = (answer: Uint8Array, keep: () => void) => Promise<void>;

export interface DeviceHandlers {
  /** A command is answered, later than `start` has returned. */
  readonly onDone: () => void;
  /** Told of each answer, and to call `keep`, by which it becomes what the TPM has executed; null where nobody cares. */
  readonly onAnswer?: OnAnswer | null;
  /** The TPM is gone: the process must end, and the next one goes on with what is kept. */
  readonly onLost: (error: unknown) => void;
}

/** A command as it was copied out of memory. */
interface Given {
  readonly command: Uint8Array;
  /** 0 for what is too short to have one. */
  readonly code: number;
  /** Digest of a command that changes the state, else 0. */
  readonly effect: number;
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
  readonly #onAnswer: OnAnswer | null;

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
    const given = this.#given(command.length);
    try {
      const response = this.#ask(given, command.locality);
      const done =
        response instanceof Promise
          ? response.then((answer) => this.#finish(given, answer))
          : this.#finish(given, response);
      done?.then(this.#onDone, this.#onLost);
    } catch (error) {
      this.#onLost(error);
    }
  }

  #given(length: number): Given {
    const { commandAddress: at } = this;
    const memory = this.#memory;
    const code = length >= HEADER_BYTES ? readCode(memory, at) : 0;
    return {
      command: memory.bytes.slice(at, at + length),
      code,
      effect: changesState(code) ? digestMemory(memory, at, length) : 0,
    };
  }

  /** The response; where nothing may be executed, one that says so. */
  #ask({ command }: Given, locality: number): Uint8Array | Promise<Uint8Array> {
    const vtpm = this.#vtpm;
    try {
      // Whoever is told of answers is told between two steps, not inside of one.
      const brief = this.#onAnswer === null ? vtpm.executeBriefly?.(command, { locality }) : undefined;
      const response = brief ?? vtpm.execute(command, { locality });
      return response instanceof Promise ? response.catch(refusal) : response;
    } catch (error) {
      return refusal(error);
    }
  }

  /**
   * Keeps what must outlive the process, and only then shows the answer: now, or by a promise. Nothing else asks the TPM
   * meanwhile.
   */
  #finish(given: Given, response: Uint8Array): Promise<void> | null {
    const failed = bigEndian32(response, RESPONSE_CODE_OFFSET) === TPM_RC_FAILURE;
    return failed && this.#vtpm.couldNotWrite !== undefined
      ? this.#finishFailed(given, response)
      : this.#keep(given, response);
  }

  /** A TPM that could not write its state answers so once and is in failure mode from then on: it is made anew. */
  async #finishFailed(given: Given, response: Uint8Array): Promise<void> {
    if ((await this.#vtpm.couldNotWrite?.()) === true)
      throw new QuiesceError('TPM_LOST', 'the TPM could not write its state: is the disk full? It is made anew');
    await this.#keep(given, response);
  }

  #keep(given: Given, response: Uint8Array): Promise<void> | null {
    if (!mustSave(given, response)) return this.#show(given, response, null);
    const saved = this.#vtpm.saveStateBriefly?.() ?? this.#vtpm.saveState();
    if (saved instanceof Promise) return saved.then(async (state) => void (await this.#show(given, response, state)));
    return this.#show(given, response, saved);
  }

  #show({ effect }: Given, response: Uint8Array, after: VtpmState | null): Promise<void> | null {
    const { state } = this;
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
      this.#memory.write32(this.#executeWord << 2, 0);
    };
    if (this.#onAnswer !== null) return this.#onAnswer(response, keep);
    keep();
    return null;
  }

  /** What backends look at, from what is kept. */
  #publish(kept: Omit<Kept, 'state'>): void {
    const { state } = this;
    const { response } = kept;
    this.#memory.writeBytes(this.responseAddress, response);
    state.response_length = response.length;
    state.executed_sequence = kept.sequence;
    state.executed = kept.executed;
    state.chain_low = kept.chainLow;
    state.chain_high = kept.chainHigh;
  }
}

/**
 * Whether the state after this answer is another than the one kept. An error may have counted a failed authorisation,
 * and whatever was done under an HMAC or policy session has rolled its nonce.
 */
function mustSave({ command, code }: Given, response: Uint8Array): boolean {
  if (changesState(code)) return true;
  if (command.length < HEADER_BYTES || bigEndian16(command, 0) !== TPM_ST_SESSIONS) return false;
  return bigEndian32(response, RESPONSE_CODE_OFFSET) !== 0 || usesSession(command, code);
}

/** The answer to what is no command. Throws any other error. */
function refusal(error: unknown): Uint8Array {
  if (error instanceof QuiesceError && error.code === 'BAD_TPM_COMMAND') return BAD_COMMAND;
  throw error;
}
