/**
 * The commands that a TPM has executed since its state was kept, with their answers, one after the other in pages of the
 * backend's segment. How many bytes of them count is for whoever reads them to know: what lies behind is of no meaning.
 *
 *     u32 locality, u32 bytes of the command, u32 bytes of the response | command | response, each to a whole word
 */
import { assert } from '../../protocol/assert.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { KEPT_COMMANDS_PAGES } from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';

export interface KeptCommand {
  readonly locality: number;
  readonly command: Uint8Array;
  readonly response: Uint8Array;
}

const HEAD_BYTES = 12;
const ROOM_BYTES = KEPT_COMMANDS_PAGES * PAGE_SIZE;

export class KeptCommands {
  readonly #memory: SharedMemory;
  readonly #address: number;

  /** `address` is that of its first page. */
  constructor(memory: SharedMemory, address: number) {
    this.#memory = memory;
    this.#address = address;
  }

  /** Whether there is room for one behind the first `length` bytes. */
  fits(length: number, command: KeptCommand): boolean {
    return length + bytesOf(command) <= ROOM_BYTES;
  }

  /** Puts one behind the first `length` bytes, where it must fit. Returns the bytes of all then. */
  append(length: number, kept: KeptCommand): number {
    const { locality, command, response } = kept;
    const end = length + bytesOf(kept);
    assert(end <= ROOM_BYTES, `kept commands: expected at most ${ROOM_BYTES} bytes, found ${end}`);
    const memory = this.#memory;
    const at = this.#address + length;
    memory.write32(at, locality);
    memory.write32(at + 4, command.length);
    memory.write32(at + 8, response.length);
    memory.writeBytes(at + HEAD_BYTES, command);
    memory.writeBytes(at + HEAD_BYTES + whole(command.length), response);
    return end;
  }

  /** Those of the first `length` bytes, in the order of their execution. */
  read(length: number): readonly KeptCommand[] {
    const memory = this.#memory;
    const found: KeptCommand[] = [];
    const end = this.#address + length;
    for (let at = this.#address; at < end; ) {
      const locality = memory.read32(at);
      const [commandLength, responseLength] = [memory.read32(at + 4), memory.read32(at + 8)];
      at += HEAD_BYTES;
      const command = memory.bytes.slice(at, at + commandLength);
      at += whole(commandLength);
      const response = memory.bytes.slice(at, at + responseLength);
      at += whole(responseLength);
      found.push({ locality, command, response });
    }
    return found;
  }
}

function bytesOf({ command, response }: KeptCommand): number {
  return HEAD_BYTES + whole(command.length) + whole(response.length);
}

function whole(bytes: number): number {
  return (bytes + 3) & ~3;
}
