/**
 * Persistent lists of watches, newest first. Adding is cheap; a removal copies what is newer than the removed watch.
 *
 * A connection has one list of all its watches, and the store has one for each watched path (`WatchIndex`), so that a
 * change asks only the paths above it, however many watches there are elsewhere.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';
import type { Path } from './path.js';
import { PathMap } from './path-map.js';
import type { Watch } from './watches.js';

export class WatchList implements Hashed {
  readonly watch: Watch;
  /** What was there before. */
  readonly older: WatchList | null;
  readonly count: number;
  readonly hashLow: number;
  readonly hashHigh: number;

  constructor(watch: Watch, older: WatchList | null) {
    this.watch = watch;
    this.older = older;
    this.count = older === null ? 1 : older.count + 1;
    this.hashLow = mix(older === null ? LOW : older.hashLow, watch.hashLow);
    this.hashHigh = mix(older === null ? HIGH : older.hashHigh, watch.hashHigh);
  }
}

/** The watches of `list`, oldest first. */
export function oldestFirst(list: WatchList | null): Watch[] {
  const watches: Watch[] = [];
  for (let entry = list; entry !== null; entry = entry.older) watches.push(entry.watch);
  return watches.reverse();
}

export function without(list: WatchList | null, watch: Watch): WatchList | null {
  const newer: Watch[] = [];
  let entry = list;
  while (entry !== null && entry.watch !== watch) {
    newer.push(entry.watch);
    entry = entry.older;
  }
  if (entry === null) return list;
  let result = entry.older;
  for (let i = newer.length - 1; i >= 0; i--) result = new WatchList(newer[i] as Watch, result);
  return result;
}

/** All watches of a store by their paths. Derived from the connections, so no hash covers it. */
export class WatchIndex {
  readonly #byPath: PathMap<WatchList>;

  private constructor(byPath: PathMap<WatchList>) {
    this.#byPath = byPath;
  }

  static readonly empty: WatchIndex = new WatchIndex(PathMap.empty<WatchList>(false));

  /** The watches on exactly `path`, newest first. */
  at(path: Path): WatchList | null {
    return this.#byPath.get(path) ?? null;
  }

  add(watch: Watch): WatchIndex {
    return new WatchIndex(this.#byPath.set(watch.path, new WatchList(watch, this.at(watch.path))));
  }

  remove(watch: Watch): WatchIndex {
    const left = without(this.at(watch.path), watch);
    return new WatchIndex(left === null ? this.#byPath.delete(watch.path) : this.#byPath.set(watch.path, left));
  }
}
