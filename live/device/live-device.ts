/**
 * The device behind a live tpmback: what the simulator's TPM does in one step, `complete`, takes its time here. The
 * record in memory is the same, so the backend does not see the difference.
 */
import { type BackendDevice, type TpmCommand, TpmDeviceState } from '../../backend/tpm/device.js';
import { digestMemory, mix, mixSecond } from '../../protocol/digest.js';
import { QuiesceError } from '../../protocol/errors.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { commandName } from '../../protocol/tpm/command-codes.js';
import { bigEndian16, bigEndian32, readCode, TPM_ST_SESSIONS } from '../../protocol/tpm/header.js';
import { isRepeatable } from '../../protocol/tpm/repeatable.js';
import { usesSession } from '../../protocol/tpm/session.js';
import { changesState, stateChange } from '../../protocol/tpm/state-change.js';
import { DEVICE_PAGE } from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import type { VtpmDevice, VtpmState } from '../tpm/vtpm-device.js';
import type { KeptCommand } from './kept-commands.js';
import { type Answer, KeptState } from './kept-state.js';

const HEADER_BYTES = 10;
/** Where a command or a response has its code. */
const CODE_OFFSET = 6;
const TPM_RC_FAILURE = 0x101;
/** A response of 10 bytes with the code TPM_RC_COMMAND_SIZE (0x142). */
const BAD_COMMAND = Uint8Array.of(0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x42);

/**
 * So long after a command that was kept as such the state is kept in its place: seldom enough that programs which come one
 * after the other do not notice (sooner they do: measured), and before many commands would have to be repeated.
 */
const STATE_AFTER_MILLISECONDS = 100;

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
  /** How often something was kept. */
  #keeps = 0;
  /** Something was executed since the kept state that may have drawn from the random number generator, and is not kept. */
  #drawn = false;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

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

  /**
   * Makes the TPM with what is kept of it; where nothing is, a new one is made and kept. Rejects with `TPM_LOST` when it
   * answers a command otherwise than before; it must not be used then.
   */
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
    if (kept === null) device.#kept.keep(NOTHING_EXECUTED, await device.#vtpm.saveState());
    else {
      for (const command of kept.commands) await device.#repeat(command);
      device.#publish(kept);
      if (kept.commands.length > 0) device.#keepStateLater();
    }
    return device;
  }

  /** Ends the TPM once the command that executes is answered. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
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
    const failed = bigEndian32(response, CODE_OFFSET) === TPM_RC_FAILURE;
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
    const changed = whatChanged(given, response);
    if (changed === 'nothing') {
      if (!isPure(given.code)) this.#drawn = true;
      return this.#show(given, response, (answer) => this.#kept.keep(answer, null));
    }
    const { command } = given;
    const kept = { locality: this.state.locality, command, response };
    if (changed === 'by the command' && !this.#drawn && this.#kept.hasRoomFor(kept)) {
      return this.#show(given, response, (answer) => {
        this.#kept.keepCommand(answer, kept);
        this.#keepStateLater();
      });
    }
    const saved = this.#saveState();
    const show = (state: VtpmState): Promise<void> | null =>
      this.#show(given, response, (answer) => {
        this.#kept.keep(answer, state);
        this.#drawn = false;
      });
    return saved instanceof Promise ? saved.then(async (state) => void (await show(state))) : show(saved);
  }

  #saveState(): VtpmState | Promise<VtpmState> {
    return this.#vtpm.saveStateBriefly?.() ?? this.#vtpm.saveState();
  }

  #show({ effect }: Given, response: Uint8Array, keep: (answer: Answer) => void): Promise<void> | null {
    const { state } = this;
    const answer = {
      sequence: state.sequence,
      executed: (state.executed + 1) >>> 0,
      chainLow: effect === 0 ? state.chain_low : mix(state.chain_low | 0, effect) >>> 0,
      chainHigh: effect === 0 ? state.chain_high : mixSecond(state.chain_high | 0, effect) >>> 0,
      response,
    };
    const show = (): void => {
      keep(answer);
      this.#keeps++;
      this.#publish(answer);
      this.#memory.write32(this.#executeWord << 2, 0);
    };
    if (this.#onAnswer !== null) return this.#onAnswer(response, show);
    show();
    return null;
  }

  /** A command that the TPM has executed and answered before it was made anew from a state of before. */
  async #repeat({ command, locality, response }: KeptCommand): Promise<void> {
    const found = await this.#vtpm.execute(command, { locality });
    if (Buffer.compare(found, response) === 0) return;
    const name = commandName(bigEndian32(command, CODE_OFFSET));
    const [expected, code] = [response, found].map((answer) => bigEndian32(answer, CODE_OFFSET).toString(16));
    throw new QuiesceError(
      'TPM_LOST',
      `expected the answer to ${name} that the TPM gave before it was made anew (0x${expected}, ${response.length} bytes), ` +
        `found another (0x${code}, ${found.length} bytes): is the disk full? It is made anew once more`,
    );
  }

  #keepStateLater(): void {
    if (this.#closed || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.busy) this.#keepStateLater();
      else this.#keepState();
    }, STATE_AFTER_MILLISECONDS);
  }

  /** Keeps the state in place of the commands that lead to it. A command may come meanwhile; it waits for its turn. */
  #keepState(): void {
    if (!this.#kept.hasCommands) return;
    const keeps = this.#keeps;
    const keep = (state: VtpmState): void => {
      // Where something was kept meanwhile it is not known whether before or after this state.
      if (keeps !== this.#keeps) {
        this.#keepStateLater();
        return;
      }
      this.#kept.keepState(state);
      this.#drawn = false;
    };
    const lost = (error: unknown): void => {
      if (!this.#closed) this.#onLost(error);
    };
    try {
      const saved = this.#saveState();
      if (saved instanceof Promise) saved.then(keep).catch(lost);
      else keep(saved);
    } catch (error) {
      lost(error);
    }
  }

  /** What backends look at, from what is kept. */
  #publish(kept: Answer): void {
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
 * Whether the state after this answer is another than the one of before, and if so whether the command says which. An error
 * may have counted a failed authorisation, and whatever was done under an HMAC or policy session has rolled its nonce.
 */
function whatChanged({ command, code }: Given, response: Uint8Array): 'nothing' | 'by the command' | 'somehow' {
  const failed = bigEndian32(response, CODE_OFFSET) !== 0;
  const authorised = command.length >= HEADER_BYTES && bigEndian16(command, 0) === TPM_ST_SESSIONS;
  const changed = changesState(code) || (authorised && (failed || usesSession(command, code)));
  if (!changed) return 'nothing';
  return !failed && isRepeatable(command, code) ? 'by the command' : 'somehow';
}

/**
 * Whether it is known that a command which changes nothing draws nothing from the TPM's random number generator either, as
 * a signature may: what was executed after that could not be repeated from the state of before.
 */
function isPure(code: number): boolean {
  const { secondSend, measured } = stateChange(code);
  return measured && secondSend === 'same';
}

/** The answer to what is no command. Throws any other error. */
function refusal(error: unknown): Uint8Array {
  if (error instanceof QuiesceError && error.code === 'BAD_TPM_COMMAND') return BAD_COMMAND;
  throw error;
}
