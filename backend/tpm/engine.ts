/**
 * The inside of a TPM: how one command changes the state and what it answers.
 *
 * All state lies in memory, from an aligned address on, so that the device's state blob is a copy of those bytes and
 * an explorer can undo a command. An engine object itself holds constants only.
 */
import type { Memory } from '../../protocol/memory.js';

export interface TpmCommandPlace {
  /** Address of the engine's state, `stateSize` bytes, aligned to 4. */
  readonly state: number;
  /** Address of the command's first byte (its tag), aligned to 4. */
  readonly command: number;
  /** Bytes of the command that are there. */
  readonly length: number;
  /** 0 to 4. */
  readonly locality: number;
  /** Address for the response, room for `TPM_RESPONSE_SIZE_MAX` bytes, aligned to 4. */
  readonly response: number;
}

export interface TpmEngine {
  readonly name: string;
  /** Bytes of state in memory, a multiple of 4. */
  readonly stateSize: number;
  /** Stores the state of a new, powered-on TPM. The bytes are zero before. */
  manufacture(memory: Memory, state: number): void;
  /** Executes one command whole; returns the length of the response in bytes. Never throws on bad commands: a TPM answers. */
  execute(memory: Memory, place: TpmCommandPlace): number;
}
