/**
 * What a driver may do with memory: little-endian loads and stores at byte addresses.
 *
 * Everything a domain knows goes through this interface, so that a copy of its pages is a copy of the domain.
 * The simulator implements it with a journal (`hypervisor/journaled-memory.ts`); a live domain, with a mapping
 * shared between processes.
 *
 * Multi-byte accesses are aligned: `address % 2 === 0` for 16 bits, `address % 4 === 0` for 32. Loads return
 * unsigned numbers. Stores keep the low bits of `value`.
 */
export interface Memory {
  read8(address: number): number;
  read16(address: number): number;
  read32(address: number): number;
  write8(address: number, value: number): void;
  write16(address: number, value: number): void;
  write32(address: number, value: number): void;

  /**
   * Stores `length` bytes of `words` (little-endian, zero-padded to whole words) at an aligned address. Bytes after
   * them up to the next word become 0.
   */
  writeWords(address: number, words: Int32Array, length: number): void;
  /** Copies `length` bytes between two aligned addresses that do not overlap; the last word is copied whole. */
  copy(from: number, to: number, length: number): void;
  /** Stores zero in every word of `length` bytes from an aligned address on. */
  clear(address: number, length: number): void;
}

/** Size of a Xen page on x86 in bytes. */
export const PAGE_SIZE = 4096;

/** The bytes `[address, address + length)` as a new array. For edges and tests, not for hot paths. */
export function readBytes(memory: Memory, address: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = memory.read8(address + i);
  return bytes;
}

/** Stores `bytes` one by one. For edges and tests, not for hot paths. */
export function writeBytes(memory: Memory, address: number, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) memory.write8(address + i, bytes[i] as number);
}

/** `bytes` packed little-endian into words, zero-padded: the form `writeWords` takes. */
export function packWords(bytes: Uint8Array): Int32Array {
  const words = new Int32Array((bytes.length + 3) >>> 2);
  for (let i = 0; i < bytes.length; i++)
    words[i >>> 2] = (words[i >>> 2] as number) | ((bytes[i] as number) << ((i & 3) * 8));
  return words;
}
