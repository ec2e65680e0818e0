/**
 * The two halves of the hashes in this folder: `mix` run twice from different seeds.
 *
 * A sequence is hashed by chaining `mix`; a set, by adding up (xor) the hashes of its members, so that a member can be
 * taken out again. Members of a set are therefore always finished with `mix` before they are added.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';

/** Seeds of the two halves. Any two different numbers do. */
export const LOW = 0x5ea1d00d;
export const HIGH = 0x1b873593;

/** Chains the characters of `text` into `digest`, then its length, so that ("ab", "c") and ("a", "bc") differ. */
export function mixText(digest: number, text: string): number {
  let h = digest;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    h ^= h >>> 15;
  }
  return mix(h, text.length);
}

/** As `mixText`, of the text whose characters are the bytes from `from` to `to`. */
export function mixBytes(digest: number, bytes: Uint8Array, from: number, to: number): number {
  let h = digest;
  for (let i = from; i < to; i++) {
    h = Math.imul(h ^ (bytes[i] as number), 0x01000193);
    h ^= h >>> 15;
  }
  return mix(h, to - from);
}

export function mixListLow(digest: number, list: readonly Hashed[]): number {
  let h = digest;
  for (const item of list) h = mix(h, item.hashLow);
  return mix(h, list.length);
}

export function mixListHigh(digest: number, list: readonly Hashed[]): number {
  let h = digest;
  for (const item of list) h = mix(h, item.hashHigh);
  return mix(h, list.length);
}
