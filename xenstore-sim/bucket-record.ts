/**
 * The record of a node in the bytes of a bucket.
 *
 *     generation 6 | birth 6 | permissions 3 | children 3 | path length 2 | value length 4 | room for it 4 | path | value
 *
 * All numbers have the low byte first.
 */
import { isText, word32 } from './bucket-bytes.js';

export const BIRTH_AT = 6;
export const PERMISSIONS_AT = 12;
export const LIST_AT = 15;
export const PATH_LENGTH_AT = 18;
export const VALUE_LENGTH_AT = 20;
export const ROOM_AT = 24;
export const PATH_AT = 28;

export const PATH_LENGTH_MAX = 0xffff;

export function recordBytes(bytes: Uint8Array, at: number): number {
  return PATH_AT + pathLength(bytes, at) + word32(bytes, at + ROOM_AT);
}

export function pathLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + PATH_LENGTH_AT] as number) | ((bytes[at + PATH_LENGTH_AT + 1] as number) << 8);
}

/** Whether the path of the record at `at` is `text`. */
export function isPath(text: string, bytes: Uint8Array, at: number): boolean {
  return pathLength(bytes, at) === text.length && isText(text, bytes, at + PATH_AT);
}

/** Whether the path of the record at `at` is the text in `input` from `from` to `to`. */
export function isSame(bytes: Uint8Array, at: number, input: Uint8Array, from: number, to: number): boolean {
  if (pathLength(bytes, at) !== to - from) return false;
  const shift = at + PATH_AT - from;
  for (let i = to - 1; i >= from; i--) if (input[i] !== bytes[shift + i]) return false;
  return true;
}
