/**
 * An swtpm whose answers outlive it: before a command that changed its state is answered, the whole state lies in a file,
 * with the command's number and response.
 *
 * After a crash, of swtpm or of this process, the TPM goes on from that file. What had been answered is there, PCRs and
 * sessions included; a command that had not been answered was either executed before the file was written, then its
 * number and response are in it (`lastExecuted`), or it is as if it had never been given, also where swtpm had already
 * written its permanent state. So whoever numbers commands, and asks after a crash which one came last, executes each
 * exactly once.
 *
 * Each swtpm gets a directory of its own below that of the TPM: one of an earlier life that is still busy with its last
 * command, for nobody any more, must not write over the state that the next one has begun with.
 *
 * The file is replaced by rename and not synchronised: it outlives processes, not power cuts.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { QuiesceError } from '../../protocol/errors.js';
import { bigEndian32, readResponseHeader } from '../../protocol/tpm/header.js';
import { usesSession } from '../../protocol/tpm/session.js';
import { changedState } from '../../protocol/tpm/state-change.js';
import { type LastExecuted, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { StateDirectory } from './state-directory.js';
import { SwtpmDevice, type SwtpmOptions, type TpmRestart } from './swtpm-device.js';
import { Turns } from './turns.js';
import type { ExecuteOptions, VtpmDevice, VtpmState } from './vtpm-device.js';

export interface CheckpointedOptions extends Omit<SwtpmOptions, 'state'> {
  /** As for `SwtpmDevice`; `existing` goes on from the checkpoint in the directory, whatever swtpm has left there. */
  readonly state: SwtpmOptions['state'];
}

export interface NumberedExecuteOptions extends ExecuteOptions {
  /** The command's number in the sequenced protocol. */
  readonly sequence?: number;
}

const FILE = 'checkpoint';
const RUN = 'run-';

export class CheckpointedDevice implements VtpmDevice {
  readonly #options: CheckpointedOptions;
  readonly #file: string;
  readonly #turns = new Turns();
  #device: SwtpmDevice;
  #last: LastExecuted | null = null;

  private constructor(options: CheckpointedOptions, device: SwtpmDevice, last: LastExecuted | null) {
    this.#options = options;
    this.#file = join(options.directory, FILE);
    this.#device = device;
    this.#last = last;
  }

  /** Rejects as `SwtpmDevice.start`, and with `BAD_STATE_STREAM` for a damaged checkpoint. */
  static async start(options: CheckpointedOptions): Promise<CheckpointedDevice> {
    const { path } = new StateDirectory(options.directory);
    if (options.state === 'existing') return CheckpointedDevice.#resume(options);
    if (existsSync(join(path, FILE)))
      throw cannotStart(path, 'expected no TPM there, found a checkpoint of one: start it as an existing one');
    const device = new CheckpointedDevice(options, await begin(options, options.state), null);
    try {
      await device.#write();
    } catch (error) {
      await device.#device.close();
      throw error;
    }
    return device;
  }

  /** The command whose effect the state holds last, among those that change it; null before the first. */
  get lastExecuted(): LastExecuted | null {
    return this.#last;
  }

  get processId(): number {
    return this.#device.processId;
  }

  async execute(command: Uint8Array, { sequence, ...options }: NumberedExecuteOptions): Promise<Uint8Array> {
    const own = Uint8Array.from(command);
    const wait = this.#turns.enter(options.signal);
    if (wait !== null) await wait;
    try {
      const response = await this.#device.execute(own, options);
      if (!changes(own, response)) return response;
      this.#last = { sequence: sequence ?? null, response };
      await this.#write();
      return new Uint8Array(response);
    } finally {
      this.#turns.leave();
    }
  }

  saveState(): Promise<VtpmState> {
    return this.#turns.run(() => this.#device.saveState());
  }

  restoreState(state: VtpmState): Promise<void> {
    return this.#turns.run(async () => {
      await this.#device.restoreState(state);
      this.#last = null;
      await this.#write();
    });
  }

  /** Goes on from the checkpoint after the TPM was lost. Rejects as `start` and with `DEVICE_BUSY` when it was not lost. */
  restart(): Promise<TpmRestart> {
    return this.#turns.run(async () => {
      const because = this.#device.lost;
      if (because === null) throw new QuiesceError('DEVICE_BUSY', 'the TPM runs; only one that was lost is restarted');
      await this.#device.close();
      const resumed = await CheckpointedDevice.#resume(this.#options);
      this.#device = resumed.#device;
      this.#last = resumed.#last;
      return {
        because,
        kept: 'everything up to the last command that was answered, and perhaps the one under way: see its number',
        lost: 'at most the command under way',
      };
    });
  }

  async close(): Promise<void> {
    await this.#device.close();
    removeRuns(this.#options.directory);
  }

  static async #resume(options: CheckpointedOptions): Promise<CheckpointedDevice> {
    const { directory } = options;
    const checkpoint = readCheckpoint(join(directory, FILE));
    if (checkpoint === null)
      throw cannotStart(directory, 'expected a checkpoint, found none: a TPM started on it would be a new one');
    removeRuns(directory);
    return new CheckpointedDevice(options, await begin(options, checkpoint.state), checkpoint.last);
  }

  /** Without a checkpoint the TPM must not go on: it would hold what a restart does not. */
  async #write(): Promise<void> {
    const state = await this.#device.saveState();
    try {
      writeCheckpoint(this.#file, { last: this.#last, state });
    } catch (error) {
      const why = `its state could not be written to ${this.#file}: ${error instanceof Error ? error.message : error}`;
      this.#device.abandon(why);
      throw new QuiesceError(
        'TPM_LOST',
        `the TPM was ended: ${why}; restarted, it will not have executed this command`,
      );
    }
  }
}

/** An swtpm in a directory of its own. */
function begin(options: CheckpointedOptions, state: SwtpmOptions['state']): Promise<SwtpmDevice> {
  return SwtpmDevice.start({ ...options, directory: mkdtempSync(join(options.directory, RUN)), state });
}

function removeRuns(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name.startsWith(RUN)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

function cannotStart(directory: string, what: string): QuiesceError {
  return new QuiesceError('CANNOT_START_TPM', `state directory ${directory}: ${what}`);
}

/** Every command in a session rolls its nonce, also one that only reads. */
function changes(command: Uint8Array, response: Uint8Array): boolean {
  const code = bigEndian32(command, 6);
  const { code: responseCode } = readResponseHeader(response);
  return changedState(code, responseCode) || (responseCode === 0 && usesSession(command, code));
}
