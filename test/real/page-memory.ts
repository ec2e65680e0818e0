/**
 * A page that another process has mapped, through its file, as memory that drivers can use: the page at address 0, and
 * behind it a buffer of this process.
 */
import { PAGE_SIZE } from '../../protocol/memory.js';
import type { SharedPage } from './guest-ring.js';

/** Address and size of the private buffer. */
export const BUFFER = PAGE_SIZE;
export const BUFFER_BYTES = PAGE_SIZE;

/** The part of `Memory` that byte queues use. */
export class PageMemory {
  readonly #page: SharedPage;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);

  constructor(page: SharedPage) {
    this.#page = page;
  }

  read8(address: number): number {
    return address < BUFFER ? (this.#page.read(address, 1)[0] ?? 0) : (this.#buffer[address - BUFFER] ?? 0);
  }

  write8(address: number, value: number): void {
    if (address < BUFFER) this.#page.write(address, Buffer.from([value]));
    else this.#buffer[address - BUFFER] = value;
  }

  read16(address: number): number {
    return this.read8(address) | (this.read8(address + 1) << 8);
  }

  write16(address: number, value: number): void {
    this.write8(address, value);
    this.write8(address + 1, value >>> 8);
  }

  /** In one piece: the other side may look at any time. */
  read32(address: number): number {
    return address < BUFFER ? this.#page.read(address, 4).readUInt32LE() : this.#buffer.readUInt32LE(address - BUFFER);
  }

  write32(address: number, value: number): void {
    const word = Buffer.alloc(4);
    word.writeUInt32LE(value >>> 0);
    if (address < BUFFER) this.#page.write(address, word);
    else word.copy(this.#buffer, address - BUFFER);
  }

  writeWords(address: number, words: Int32Array, length: number): void {
    for (let i = 0; 4 * i < length; i++) this.write32(address + 4 * i, words[i] ?? 0);
  }

  copy(from: number, to: number, length: number): void {
    for (let at = 0; at < length; at += 4) this.write32(to + at, this.read32(from + at));
  }

  clear(address: number, length: number): void {
    for (let at = 0; at < length; at += 4) this.write32(address + at, 0);
  }
}
