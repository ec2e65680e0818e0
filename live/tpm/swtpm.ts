/** One life of an swtpm: from its start to its end, whoever ends it. */
import { QuiesceError } from '../../protocol/errors.js';
import { TPM_COMMAND_SIZE_MAX } from '../../protocol/tpm/header.js';
import { PTM_CAP, PTM_INIT_FLAG_DELETE_VOLATILE } from '../../protocol/tpm/ptm.js';
import { Channel } from './channel.js';
import { ControlChannel } from './control-channel.js';
import type { StateDirectory } from './state-directory.js';
import { writeState } from './state-transfer.js';
import { SwtpmProcess } from './swtpm-process.js';
import type { VtpmState } from './vtpm-state.js';

const NEEDED = ['INIT', 'SHUTDOWN', 'CANCEL_TPM_CMD', 'GET_STATEBLOB', 'SET_STATEBLOB', 'STOP'] as const;
const NEEDED_ON_DATA = ['SET_BUFFERSIZE', 'SEND_COMMAND_HEADER'] as const;

/** Time for an swtpm that was told to end. */
const SHUTDOWN_MILLISECONDS = 2_000;

export interface SwtpmStart {
  readonly directory: StateDirectory;
  readonly program?: readonly string[];
  readonly controlMilliseconds: number;
  /** Called once when it ends without having been told to, after the process is gone. */
  readonly onLost: (why: string) => void;
}

export class Swtpm {
  readonly data: Channel;
  readonly control: ControlChannel;
  readonly #process: SwtpmProcess;
  readonly #directory: StateDirectory;
  readonly #onLost: (why: string) => void;
  #lost: string | null = null;
  #told = false;

  private constructor(process: SwtpmProcess, { directory, controlMilliseconds, onLost }: SwtpmStart) {
    this.#process = process;
    this.#directory = directory;
    this.#onLost = onLost;
    const onBroken = (why: string): void => this.lose(why);
    this.data = new Channel('the data channel', process.data, onBroken);
    this.control = new ControlChannel(process.control, controlMilliseconds, onBroken);
    void process.ended.then((how) => this.lose(`swtpm ${how}`));
  }

  /** Starts a process; the TPM in it is off. Rejects with `CANNOT_START_TPM`. */
  static async start(start: SwtpmStart): Promise<Swtpm> {
    const { program } = start;
    const { path } = start.directory;
    const process = await SwtpmProcess.start({ directory: path, ...(program === undefined ? {} : { program }) });
    const swtpm = new Swtpm(process, start);
    return swtpm.#starting(async () => {
      await swtpm.#checkCapability();
      return swtpm;
    });
  }

  /** Powers a TPM on with what its directory holds: nothing yet, or the permanent state of one. Rejects with `CANNOT_START_TPM`. */
  powerOn(expected: 'new' | 'existing'): Promise<void> {
    return this.#starting(async () => {
      this.#directory.expect(expected);
      const stale = this.#directory.hasVolatileState;
      await this.control.init(PTM_INIT_FLAG_DELETE_VOLATILE);
      // The first time it resumed from that state, and deleted it: an swtpm alone holds the lock of the directory by then.
      if (stale) {
        await this.control.stop();
        await this.control.init(PTM_INIT_FLAG_DELETE_VOLATILE);
      }
    });
  }

  /**
   * Replaces the state. When that fails the process is ended and the directory emptied: nobody knows what is in it.
   * Rejects as `writeState` does.
   */
  async restore(state: VtpmState): Promise<void> {
    try {
      await writeState(this.control, state);
    } catch (error) {
      this.#told = true;
      this.lose('its state could not be restored');
      await this.#process.ended;
      this.#directory.discard();
      throw error;
    }
  }

  /** Why it has ended; null while it runs. */
  get lost(): string | null {
    return this.#lost;
  }

  get processId(): number {
    return this.#process.processId;
  }

  /** The last of what it printed, as far as that has been read. */
  get printed(): string {
    return this.#process.printed;
  }

  /** Ends the process at once, and everything that waits for it with `TPM_LOST`. */
  lose(why: string): void {
    if (this.#lost !== null) return;
    this.#lost = why;
    const told = this.#told;
    this.#process.kill();
    this.data.break(why);
    this.control.break(why);
    void this.#process.ended.then((how) => {
      const { printed } = this.#process;
      if (!told) this.#onLost(`${why}; swtpm ${how}${printed === '' ? '' : `, having printed: ${printed}`}`);
    });
  }

  /** Tells the process to end, and ends it if it does not. Nothing must be under way. Never rejects. */
  async end(): Promise<void> {
    this.#told = true;
    const timer = setTimeout(() => this.lose('it did not end when told to'), SHUTDOWN_MILLISECONDS);
    try {
      await this.control.shutdown();
    } catch {
      // It has ended already, or is ended below.
    }
    await this.#process.ended;
    clearTimeout(timer);
  }

  async #checkCapability(): Promise<void> {
    const capability = await this.control.capability();
    const missing = [...NEEDED, ...NEEDED_ON_DATA].filter((name) => (capability & PTM_CAP[name]) === 0);
    if (missing.length > 0) throw new Error(`expected it to know ${missing.join(', ')}: use swtpm 0.7 or newer`);
    const { now } = await this.control.bufferSize(TPM_COMMAND_SIZE_MAX);
    if (now !== TPM_COMMAND_SIZE_MAX)
      throw new Error(`expected commands of ${TPM_COMMAND_SIZE_MAX} bytes, found ${now}`);
  }

  /** Does a part of the start; when it fails the process is ended, and the error says what it printed. */
  async #starting<Result>(part: () => Promise<Result>): Promise<Result> {
    try {
      return await part();
    } catch (error) {
      this.#told = true;
      this.lose('it could not be started');
      const how = await this.#process.ended;
      if (error instanceof QuiesceError && error.code === 'CANNOT_START_TPM') throw error;
      const { printed } = this.#process;
      const said = printed === '' ? 'it printed nothing' : `it printed: ${printed}`;
      throw new QuiesceError(
        'CANNOT_START_TPM',
        `swtpm on ${this.#directory.path} could not be started (${how}): ${error instanceof Error ? error.message : error}; ${said}`,
      );
    }
  }
}
