/**
 * The model TPM of the simulator as a device of the live system: for machines without swtpm, and for tests that want a
 * TPM whose answers depend on nothing but its seed and the commands.
 *
 * It has no volatile state apart from its one blob, and each command takes no time, so none is ever cancelled halfway.
 */
import type { TpmEngine } from '../../backend/tpm/engine.js';
import { modelEngine } from '../../backend/tpm/model/engine.js';
import type { ModelOptions } from '../../backend/tpm/model/shape.js';
import { QuiesceError } from '../../protocol/errors.js';
import { checkCommand } from '../../protocol/tpm/command-frame.js';
import { TPM_COMMAND_SIZE_MAX, TPM_RESPONSE_SIZE_MAX } from '../../protocol/tpm/header.js';
import { ByteMemory } from './byte-memory.js';
import { cancelledBefore } from './turns.js';
import type { ExecuteOptions, VtpmDevice, VtpmState } from './vtpm-device.js';
import { checkState, newState } from './vtpm-state.js';

const COMMAND = 0;
const RESPONSE = TPM_COMMAND_SIZE_MAX;
const STATE = RESPONSE + TPM_RESPONSE_SIZE_MAX;

export class ModelDevice implements VtpmDevice {
  readonly #engine: TpmEngine;
  readonly #memory: ByteMemory;
  #closed = false;

  /** A new TPM, powered on; it wants Startup first. */
  constructor(options: ModelOptions) {
    this.#engine = modelEngine(options);
    this.#memory = new ByteMemory(STATE + this.#engine.stateSize);
    this.#engine.manufacture(this.#memory, STATE);
  }

  async execute(command: Uint8Array, options: ExecuteOptions): Promise<Uint8Array> {
    return this.executeBriefly(command, options);
  }

  executeBriefly(command: Uint8Array, { locality, signal }: ExecuteOptions): Uint8Array {
    checkCommand(command, locality);
    this.#checkOpen();
    if (signal?.aborted) throw cancelledBefore();
    const memory = this.#memory;
    memory.bytes.set(command, COMMAND);
    const place = { state: STATE, command: COMMAND, length: command.length, locality, response: RESPONSE };
    const length = this.#engine.execute(memory, place);
    return memory.bytes.slice(RESPONSE, RESPONSE + length);
  }

  async saveState(): Promise<VtpmState> {
    return this.saveStateBriefly();
  }

  saveStateBriefly(): VtpmState {
    this.#checkOpen();
    return newState('model', { permanent: this.#memory.bytes.slice(STATE), volatile: null, savestate: null });
  }

  async restoreState(state: VtpmState): Promise<void> {
    this.#checkOpen();
    checkState(state, 'model');
    const { bytes } = state.permanent;
    const { stateSize } = this.#engine;
    if (bytes.length !== stateSize) {
      throw new QuiesceError(
        'BAD_STATE_BLOB',
        `vTPM state refused: expected ${stateSize} bytes, found ${bytes.length}: it is of a model with other options`,
      );
    }
    this.#memory.bytes.set(bytes, STATE);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new QuiesceError('TPM_CLOSED', 'the TPM device is closed; the call had no effect');
  }
}
