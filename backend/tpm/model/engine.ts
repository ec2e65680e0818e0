/**
 * A small TPM 2.0 that really computes: PCRs, NV indices, random numbers, sessions to start and flush, passwords.
 *
 * The tests hold its answers against recordings of swtpm 0.7.1, byte for byte where no random number is involved. Every
 * command it does not implement is answered COMMAND_CODE. It has no keys, no HMAC sessions, no policies, no clock and no
 * power cycle: a model for tests of what lies around a TPM. It protects nothing.
 */
import type { View } from '../../../protocol/layout.js';
import { type Memory, packWords, readBytes } from '../../../protocol/memory.js';
import { TPM_CC } from '../../../protocol/tpm/command-codes.js';
import { TPM_COMMAND_SIZE_MAX, writeErrorResponse } from '../../../protocol/tpm/header.js';
import { TPM_RC } from '../../../protocol/tpm/response-codes.js';
import type { TpmCommandPlace, TpmEngine } from '../engine.js';
import { capabilityCommands } from './capability.js';
import { dispatch } from './dispatch.js';
import { hierarchyCommands } from './hierarchy.js';
import { lifecycleCommands } from './lifecycle.js';
import type { Machine, ModelCommand } from './machine.js';
import { nvAccessCommands } from './nv-access.js';
import { nvDefineCommands } from './nv-define.js';
import { pcrCommands } from './pcr.js';
import { randomCommands, seedRandom } from './random.js';
import { sessionCommands } from './sessions.js';
import { type ModelOptions, type Shape, type StateFields, shapeOf } from './shape.js';

/** Every command of the model, in ascending order of codes. */
const COMMANDS: readonly ModelCommand[] = [
  ...lifecycleCommands,
  ...capabilityCommands,
  ...pcrCommands,
  ...randomCommands,
  ...nvDefineCommands,
  ...nvAccessCommands,
  ...sessionCommands,
  ...hierarchyCommands,
].sort((a, b) => TPM_CC[a.name] - TPM_CC[b.name]);

/** A model; its state is described by `options` and lies in memory alone. A new one wants Startup first. */
export function modelEngine(options: ModelOptions): TpmEngine {
  return new ModelEngine(shapeOf(options));
}

class ModelEngine implements TpmEngine {
  readonly name = 'model';
  readonly #shape: Shape;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  get stateSize(): number {
    return this.#shape.state.size;
  }

  manufacture(memory: Memory, state: number): void {
    memory.clear(state, this.stateSize);
    seedRandom(this.#machine(memory, state));
  }

  execute(memory: Memory, place: TpmCommandPlace): number {
    if (place.length > TPM_COMMAND_SIZE_MAX) return writeErrorResponse(memory, place.response, TPM_RC.COMMAND_SIZE);
    const command = readBytes(memory, place.command, place.length);
    const response = dispatch(this.#machine(memory, place.state), command, place.locality);
    memory.writeWords(place.response, packWords(response), response.length);
    return response.length;
  }

  #machine(memory: Memory, address: number): Machine {
    const state: View<StateFields> = this.#shape.state.view(memory).at(address);
    return { memory, shape: this.#shape, state, commands: COMMANDS };
  }
}
