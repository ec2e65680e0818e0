/**
 * A 32-bit digest of bytes in memory, for telling commands and responses apart inside the simulator.
 * It is not cryptographic: it is the finaliser of MurmurHash3 (A. Appleby, public domain) folded over the words.
 */
import type { Memory } from './memory.js';

/** Mixes `value` into `digest`; order matters. Both and the result are signed 32-bit integers. */
export function mix(digest: number, value: number): number {
  let h = Math.imul(digest ^ Math.imul(value, 0xcc9e2d51), 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Another mixing of the same: two chains made with `mix` and `mixSecond` are 64 bits that do not depend on each other. */
export function mixSecond(digest: number, value: number): number {
  return mix(digest ^ 0x5bd1e995, value);
}

/** Digest of `length` bytes from an aligned address on. Equal bytes give equal digests wherever they lie. */
export function digestMemory(memory: Memory, address: number, length: number): number {
  let digest = length | 0;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) digest = mix(digest, memory.read32(address + i) | 0);
  let tail = 0;
  for (let i = whole; i < length; i++) tail |= memory.read8(address + i) << ((i & 3) * 8);
  return whole === length ? digest : mix(digest, tail);
}

/** The same digest of bytes packed by `packWords`. */
export function digestWords(words: Int32Array, length: number): number {
  let digest = length | 0;
  for (let i = 0; i < words.length; i++) digest = mix(digest, words[i] as number);
  return digest;
}
