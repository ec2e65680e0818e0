/**
 * The table at the front of the bytes of a bucket, by which records are found: open addressing.
 *
 *     entries of 8, a power of two of them: offset of a record 4 | hash 4; all 0 where there is none
 *
 * All numbers have the low byte first. The high bits of the hash say where in the table an entry would best be. `bits` is
 * the logarithm of the number of entries, an entry is given by its offset.
 */
import { putWord32, word32 } from './bucket-bytes.js';

export const ENTRY_BYTES = 8;
export const ENTRY_BITS_MIN = 2;
/** With so many bits shared, all paths of a bucket have the same hash, and it cannot be split. */
export const HASH_BITS = 32;
const HASH_AT = 4;

/** `bits` of a table for `count` nodes: a quarter and more of it is free. */
export function entryBitsFor(count: number): number {
  let bits = ENTRY_BITS_MIN;
  while (4 * count > 3 << bits) bits++;
  return bits;
}

/** Where the search for a hash begins. */
export function first(bits: number, hashLow: number): number {
  return (hashLow >>> (HASH_BITS - bits)) * ENTRY_BYTES;
}

/** Where it goes on. */
export function next(bits: number, entry: number): number {
  return (entry + ENTRY_BYTES) & ((ENTRY_BYTES << bits) - 1);
}

/** Where the record of the entry at `entry` is; 0 if its hash is another one, -1 if there is none. */
export function recordAt(bytes: Uint8Array, entry: number, hashLow: number): number {
  const at = word32(bytes, entry);
  if (at === 0) return -1;
  return word32(bytes, entry + HASH_AT) === hashLow >>> 0 ? at : 0;
}

/** The entry of the record at `at`. */
export function entryOf(bytes: Uint8Array, bits: number, at: number, hashLow: number): number {
  let entry = first(bits, hashLow);
  while (word32(bytes, entry) !== at) entry = next(bits, entry);
  return entry;
}

export function setEntry(bytes: Uint8Array, entry: number, at: number, hashLow: number): void {
  putWord32(bytes, entry, at);
  putWord32(bytes, entry + HASH_AT, hashLow);
}

/** Puts the record at `at` into the table. */
export function enter(bytes: Uint8Array, bits: number, at: number, hashLow: number): void {
  let entry = first(bits, hashLow);
  while (word32(bytes, entry) !== 0) entry = next(bits, entry);
  setEntry(bytes, entry, at, hashLow);
}

/** Takes an entry out of the table; those behind it that are not where they would best be move up. */
export function close(bytes: Uint8Array, bits: number, entry: number): void {
  const mask = (ENTRY_BYTES << bits) - 1;
  let hole = entry;
  for (let behind = next(bits, hole); word32(bytes, behind) !== 0; behind = next(bits, behind)) {
    const hash = word32(bytes, behind + HASH_AT);
    // It stays if the hole is not on the way from its best place to where it is.
    if (((behind - first(bits, hash)) & mask) < ((behind - hole) & mask)) continue;
    setEntry(bytes, hole, word32(bytes, behind), hash);
    hole = behind;
  }
  setEntry(bytes, hole, 0, 0);
}

export function eachEntry(bytes: Uint8Array, bits: number, visit: (at: number, hashLow: number) => void): void {
  for (let entry = 0; entry < ENTRY_BYTES << bits; entry += ENTRY_BYTES) {
    const at = word32(bytes, entry);
    if (at !== 0) visit(at, word32(bytes, entry + HASH_AT));
  }
}

/** Where the records are, and by turns their hashes. */
export function entries(bytes: Uint8Array, bits: number): number[] {
  const found: number[] = [];
  eachEntry(bytes, bits, (at, hash) => found.push(at, hash));
  return found;
}
