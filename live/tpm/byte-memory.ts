/** A `Memory` over bytes of this process alone: no pages, no journal, no protection. */
import { assert } from '../../protocol/assert.js';
import type { Memory } from '../../protocol/memory.js';

export class ByteMemory implements Memory {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** `size` bytes of zero. */
  constructor(size: number) {
    assert(size % 4 === 0, `memory: expected a multiple of 4 bytes, found ${size}`);
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  read8(address: number): number {
    return this.#view.getUint8(address);
  }

  read16(address: number): number {
    return this.#view.getUint16(address, true);
  }

  read32(address: number): number {
    return this.#view.getUint32(address, true);
  }

  write8(address: number, value: number): void {
    this.#view.setUint8(address, value);
  }

  write16(address: number, value: number): void {
    this.#view.setUint16(address, value, true);
  }

  write32(address: number, value: number): void {
    this.#view.setUint32(address, value, true);
  }

  writeWords(address: number, words: Int32Array, length: number): void {
    for (let i = 0; i * 4 < length; i++) this.write32(address + i * 4, words[i] as number);
  }

  copy(from: number, to: number, length: number): void {
    this.bytes.copyWithin(to, from, from + Math.ceil(length / 4) * 4);
  }

  clear(address: number, length: number): void {
    this.bytes.fill(0, address, address + Math.ceil(length / 4) * 4);
  }
}
