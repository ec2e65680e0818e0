/**
 * swtpm as a vTPM device.
 *
 * What swtpm leaves to its user is done here: each command goes out whole, in one write, with its locality; one command
 * or control request is under way at a time, in the order of the calls; what was restored is checked; a command that
 * takes too long has a clear outcome; a swtpm that ended is noticed, and nothing is answered in its name.
 *
 * What an swtpm that ends takes with it: PCR values, sessions, transient objects, open sequences, and the values of
 * orderly NV counters since they were last written. Permanent state (seeds, hierarchies, NV indices, persistent keys, the
 * lockout counter) lies in the directory after every command that changes it. Neither file nor directory is synchronised
 * by swtpm, so a power cut, unlike the end of a process, may undo an acknowledged change.
 */
import { QuiesceError } from '../../protocol/errors.js';
import { commandName } from '../../protocol/tpm/command-codes.js';
import { checkCommand } from '../../protocol/tpm/command-frame.js';
import { bigEndian32, readResponseHeader } from '../../protocol/tpm/header.js';
import { PTM_INIT_FLAG_DELETE_VOLATILE } from '../../protocol/tpm/ptm.js';
import { sendCommand, sentCommandAnswerSize, sentCommandResponse } from '../../protocol/tpm/send-command.js';
import { COMMAND_LIMITS, type CommandLimits, CommandWatch } from './command-limits.js';
import { StateDirectory } from './state-directory.js';
import { type PermanentCache, readState, readStateBriefly } from './state-transfer.js';
import { Swtpm } from './swtpm.js';
import { cancelledBefore, Turns } from './turns.js';
import type { ExecuteOptions, VtpmDevice, VtpmState } from './vtpm-device.js';
import { checkState } from './vtpm-state.js';

export interface SwtpmOptions {
  /** Where the TPM keeps its permanent state; made with mode 0700 if need be, and for this device alone. */
  readonly directory: string;
  /**
   * `new`: a TPM that has never been on, in a directory without one. `existing`: the permanent state of the directory,
   * after a power cycle. A state: that TPM, going on where it was saved, in a directory without one.
   */
  readonly state: 'new' | 'existing' | VtpmState;
  /** Sends Startup(CLEAR) after a power cycle, as firmware does; otherwise whoever uses the TPM has to. */
  readonly startup?: boolean;
  /** Program and leading arguments; `['swtpm']` unless told otherwise. */
  readonly program?: readonly string[];
  readonly limits?: Partial<CommandLimits>;
  /** Called when swtpm has ended without having been told to: calls reject from then on, until `restart`. */
  readonly onLost?: (why: string) => void;
}

/** What a restart after the end of swtpm has kept and lost. */
export interface TpmRestart {
  /** Why swtpm had ended. */
  readonly because: string;
  readonly kept: string;
  readonly lost: string;
}

/** Of GET_INFO: the TPM's specification and attributes. */
const INFO_SPECIFICATION = 3;

/** What swtpm 0.7.1 prints when a write of its state fails (src/swtpm/swtpm_nvfile.c and swtpm_nvstore_dir.c). */
const COULD_NOT_WRITE = /SWTPM_NVRAM_StoreData: .*(fatal|rror)/;

/** TPM2_Startup(TPM_SU_CLEAR). */
const STARTUP_CLEAR = Uint8Array.of(0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0);

const KEPT = 'permanent state as of the last command: seeds, hierarchies, NV indices, persistent keys, lockout counter';
const LOST =
  'PCR values, sessions, transient objects, open sequences, changes of orderly NV indices since the last orderly shutdown; ' +
  'whether the command under way was executed is not known; the TPM wants Startup';

export class SwtpmDevice implements VtpmDevice {
  readonly #options: SwtpmOptions;
  readonly #directory: StateDirectory;
  readonly #limits: CommandLimits;
  readonly #turns = new Turns();
  #swtpm: Swtpm | null = null;
  #permanent: PermanentCache | null = null;
  #closed = false;

  private constructor(options: SwtpmOptions) {
    this.#options = options;
    this.#limits = { ...COMMAND_LIMITS, ...options.limits };
    this.#directory = new StateDirectory(options.directory);
  }

  /**
   * Starts an swtpm and the TPM in it. Rejects with `CANNOT_START_TPM` (no such program, a directory that others may
   * enter, one with a TPM in it where none is expected or the other way round, one in use), or with `BAD_STATE_BLOB`.
   */
  static async start(options: SwtpmOptions): Promise<SwtpmDevice> {
    const { state } = options;
    if (typeof state !== 'string') checkState(state, 'swtpm');
    const device = new SwtpmDevice(options);
    device.#directory.expect(state === 'existing' ? 'existing' : 'new');
    await device.#begin(state);
    return device;
  }

  /** Of the swtpm that runs, or ran last. */
  get processId(): number {
    return this.#swtpm?.processId ?? 0;
  }

  /** Why swtpm has ended without having been told to; null while it runs. */
  get lost(): string | null {
    return this.#swtpm?.lost ?? null;
  }

  /** Ends swtpm at once, as if it had been lost: for whoever finds that its answers cannot be used. */
  abandon(why: string): void {
    this.#swtpm?.lose(why);
  }

  async execute(command: Uint8Array, { locality, signal }: ExecuteOptions): Promise<Uint8Array> {
    checkCommand(command, locality);
    this.#checkOpen();
    const question = sendCommand(command, locality);
    const code = bigEndian32(command, 6);
    const wait = this.#turns.enter(signal);
    if (wait !== null) await wait;
    try {
      if (signal?.aborted) throw cancelledBefore();
      const swtpm = this.#running();
      return this.#answered(swtpm, swtpm.data.ask(question, sentCommandAnswerSize), code, signal);
    } catch (error) {
      this.#turns.leave();
      throw error;
    }
  }

  executeBriefly(command: Uint8Array, options: ExecuteOptions): Uint8Array | Promise<Uint8Array> {
    if (this.#turns.taken) return this.execute(command, options);
    const { locality, signal } = options;
    checkCommand(command, locality);
    this.#checkOpen();
    if (signal?.aborted) throw cancelledBefore();
    const swtpm = this.#running();
    this.#turns.enter();
    const answer = swtpm.data.askBriefly(sendCommand(command, locality), sentCommandAnswerSize);
    if (answer instanceof Promise) return this.#answered(swtpm, answer, bigEndian32(command, 6), signal);
    try {
      return responseIn(swtpm, answer);
    } finally {
      this.#turns.leave();
    }
  }

  saveState(): Promise<VtpmState> {
    return this.#inTurn((swtpm) => readState(swtpm.control));
  }

  saveStateBriefly(): VtpmState | Promise<VtpmState> {
    if (this.#turns.taken) return this.saveState();
    this.#checkOpen();
    const swtpm = this.#running();
    this.#turns.enter();
    const found = readStateBriefly(swtpm.control, this.#directory, this.#permanent);
    this.#turns.leave();
    // Asked anew: what came too late is thrown away.
    if (found === null) return this.saveState();
    this.#permanent = found.permanent;
    return found.state;
  }

  async restoreState(state: VtpmState): Promise<void> {
    checkState(state, 'swtpm');
    await this.#inTurn((swtpm) => {
      this.#permanent = null;
      return swtpm.restore(state);
    });
  }

  /** Powers the TPM off and on: _TPM_Init. It wants Startup, and has lost what a crash of swtpm loses. */
  async powerCycle(): Promise<void> {
    await this.#inTurn(async (swtpm) => {
      await swtpm.control.init(PTM_INIT_FLAG_DELETE_VOLATILE);
      await this.#startUp(swtpm);
    });
  }

  /** What swtpm says about the TPM, as JSON text: specification, attributes. */
  information(): Promise<string> {
    return this.#inTurn(({ control }) => control.info(INFO_SPECIFICATION));
  }

  /**
   * Whether swtpm could not write its permanent state, as on a full disk. The TPM answers TPM_RC_FAILURE from then on, also
   * when there is room again: to be asked after such an answer.
   */
  async couldNotWrite(): Promise<boolean> {
    // What it printed before its last answer has been read when it has answered once more.
    await this.information().catch(() => undefined);
    return COULD_NOT_WRITE.test(this.#swtpm?.printed ?? '') || !this.#directory.hasRoom;
  }

  /**
   * Starts swtpm again on its directory after it was lost; says what that has cost. Never done unasked: a guest that
   * can make swtpm crash could otherwise begin a new measurement of itself whenever it likes.
   * Rejects with `CANNOT_START_TPM`, or with `DEVICE_BUSY` when swtpm has not ended.
   */
  async restart(): Promise<TpmRestart> {
    this.#checkOpen();
    return this.#turns.run(async () => {
      const because = this.#swtpm?.lost ?? null;
      if (because === null) throw new QuiesceError('DEVICE_BUSY', 'the TPM runs; only one that was lost is restarted');
      await this.#begin('existing');
      return { because, kept: KEPT, lost: LOST };
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return this.#turns.run(() => undefined);
    this.#closed = true;
    await this.#turns.run(() => this.#swtpm?.end());
  }

  async #begin(state: SwtpmOptions['state']): Promise<void> {
    const { program, onLost = () => undefined } = this.#options;
    const swtpm = await Swtpm.start({
      directory: this.#directory,
      ...(program === undefined ? {} : { program }),
      controlMilliseconds: this.#limits.controlMilliseconds,
      onLost,
    });
    if (typeof state === 'string') {
      await swtpm.powerOn(state);
      await this.#startUp(swtpm);
    } else await swtpm.restore(state);
    this.#swtpm = swtpm;
    this.#permanent = null;
  }

  async #startUp(swtpm: Swtpm): Promise<void> {
    if (this.#options.startup !== true) return;
    const answer = await swtpm.data.ask(sendCommand(STARTUP_CLEAR, 0), sentCommandAnswerSize);
    const { code } = readResponseHeader(sentCommandResponse(answer));
    if (code === 0) return;
    swtpm.lose(`Startup was answered 0x${code.toString(16)}`);
    throw new QuiesceError(
      'CANNOT_START_TPM',
      `expected the TPM to start up, found response code 0x${code.toString(16)}`,
    );
  }

  /** Has the turn, and gives it back when the answer has come. */
  #answered(
    swtpm: Swtpm,
    answer: Promise<Uint8Array>,
    code: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      // When it comes to nothing, the answer or the end of swtpm says so.
      const cancel = (): void => void swtpm.control.cancelCommand().catch(() => undefined);
      const watch = new CommandWatch(this.#limits, code, {
        cancel,
        giveUp: (milliseconds) => reject(timedOut(code, milliseconds)),
        hang: (milliseconds) => swtpm.lose(`no answer to ${nameOf(code)} within ${milliseconds} ms`),
      });
      signal?.addEventListener('abort', cancel, { once: true });
      const finish = (): void => {
        watch.stop();
        signal?.removeEventListener('abort', cancel);
        this.#turns.leave();
      };
      answer.then(
        (bytes) => {
          try {
            resolve(responseIn(swtpm, bytes));
          } catch (error) {
            reject(error);
          }
          finish();
        },
        (error) => {
          reject(error);
          finish();
        },
      );
    });
  }

  async #inTurn<Result>(work: (swtpm: Swtpm) => Promise<Result>): Promise<Result> {
    this.#checkOpen();
    return this.#turns.run(() => work(this.#running()));
  }

  #running(): Swtpm {
    const swtpm = this.#swtpm;
    if (swtpm !== null && swtpm.lost === null) return swtpm;
    throw new QuiesceError(
      'TPM_CLOSED',
      `the TPM was lost before (${swtpm?.lost ?? 'it never started'}); the call had no effect: restart it or restore a state`,
    );
  }

  #checkOpen(): void {
    if (this.#closed) throw new QuiesceError('TPM_CLOSED', 'the TPM device is closed; the call had no effect');
  }
}

/** The response in an answer. An answer that holds none ends swtpm, and `TPM_LOST` is thrown. */
function responseIn(swtpm: Swtpm, answer: Uint8Array): Uint8Array {
  try {
    return sentCommandResponse(answer);
  } catch (error) {
    swtpm.lose(String(error));
    throw new QuiesceError('TPM_LOST', `the TPM was ended: ${error}; whether it executed the command is not known`);
  }
}

function timedOut(code: number, milliseconds: number): QuiesceError {
  return new QuiesceError(
    'COMMAND_TIMED_OUT',
    `no answer to ${nameOf(code)} within ${milliseconds} ms; the TPM may execute it yet, and takes no other until then`,
  );
}

function nameOf(code: number): string {
  return commandName(code) ?? `command 0x${code.toString(16)}`;
}
