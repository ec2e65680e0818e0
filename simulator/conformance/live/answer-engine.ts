/**
 * A TPM that answers what it is told: the answers of a live run's TPM, each when it was given.
 */
import type { TpmCommandPlace, TpmEngine } from '../../../backend/tpm/engine.js';
import { type Memory, packWords } from '../../../protocol/memory.js';

export class AnswerEngine implements TpmEngine {
  readonly name = 'live trace';
  readonly stateSize = 4;
  /** To be set before a command is executed. */
  answer: Uint8Array = new Uint8Array(0);

  manufacture(memory: Memory, state: number): void {
    memory.write32(state, 0);
  }

  execute(memory: Memory, { state, response }: TpmCommandPlace): number {
    memory.write32(state, memory.read32(state) + 1);
    memory.writeWords(response, packWords(this.answer), this.answer.length);
    return this.answer.length;
  }
}
