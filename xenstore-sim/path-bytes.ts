/**
 * Absolute paths where they lie in a request, as bytes.
 */
import { XS_PAYLOAD_BYTES_MAX } from '../protocol/xs-wire.js';
import { isText } from './bucket-bytes.js';
import { LOW, mixBytes } from './hash.js';
import type { Path } from './path.js';

export const SLASH = 0x2f;

/** `hashLow` of the path that was hashed last and of those above it, the root first. */
export const hashesOfLevels = new Int32Array(XS_PAYLOAD_BYTES_MAX + 1);

/** Where the first nul is in `input` from `from` on; `end` if there is none before it. */
export function nulIn(input: Uint8Array, from: number, end: number): number {
  let nul = from;
  while (nul < end && input[nul] !== 0) nul++;
  return nul;
}

/** Fills `hashesOfLevels` for the path in `input` from `from` to `to`; returns its number of components. */
export function hashPath(input: Uint8Array, from: number, to: number): number {
  let hash = LOW;
  let count = -1;
  for (let begin = from, at = from; at <= to; at++) {
    if (at < to && input[at] !== SLASH) continue;
    hash = mixBytes(hash, input, begin, at);
    hashesOfLevels[++count] = hash;
    begin = at + 1;
  }
  return count;
}

/** Paths that are kept, one for each value of the low bits of their hash. */
const KEPT = 1 << 12;
/** Longer ones are not kept. */
const KEPT_LENGTH_MAX = 256;

const kept: (Path | undefined)[] = new Array(KEPT).fill(undefined);

/** The path in `input` from `from` to `to`, if `keepPath` was told of it and has not forgotten it. */
export function keptPath(input: Uint8Array, from: number, to: number): Path | undefined {
  const path = kept[(hashesOfLevels[hashPath(input, from, to)] as number) & (KEPT - 1)];
  return path !== undefined && path.text.length === to - from && isText(path.text, input, from) ? path : undefined;
}

/** Remembers `path`, at the cost of another one. */
export function keepPath(path: Path): void {
  if (path.text.length <= KEPT_LENGTH_MAX) kept[path.hashLow & (KEPT - 1)] = path;
}
