/**
 * Paths by the bytes of their text, for the requests that come most often: a text that was seen before needs no string.
 *
 * The cache is a table with one place for each of its hash values: a newer path takes the place of an older one.
 */
import { binaryString } from '../protocol/xs-wire.js';
import { type Path, resolvePath } from './path.js';

const PLACES = 1 << 13;

/** Longer texts are not kept. */
const TEXT_BYTES_MAX = 256;

export class PathCache {
  readonly #places: (Path | null)[] = new Array<Path | null>(PLACES).fill(null);

  /** The absolute path in `bytes` from `from` to `to`; null if it is none, or not for the cache. */
  find(bytes: Uint8Array, from: number, to: number): Path | null {
    const length = to - from;
    if (length < 1 || length > TEXT_BYTES_MAX || bytes[from] !== 0x2f) return null;
    let hash = 0x811c9dc5;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
    const known = this.#places[place] ?? null;
    if (known !== null && isText(known.text, bytes, from, length)) return known;
    const path = resolvePath(binaryString(bytes, from, to), 0);
    if (path !== null) this.#places[place] = path;
    return path;
  }
}

function isText(text: string, bytes: Uint8Array, from: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false;
  return true;
}
