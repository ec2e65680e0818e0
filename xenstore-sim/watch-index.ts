/**
 * All watches of a store by their paths, so that a change asks only the paths above it, however many watches there are
 * elsewhere. Persistent. Derived from the connections, so no hash covers it.
 */
import { IdList } from './id-list.js';
import { Path } from './path.js';
import { PathMap } from './path-map.js';
import type { Watch } from './watches.js';

/** Watches in the order of their ids. Without hashes: those of a connection take the order into theirs. */
export const NO_WATCHES: IdList<Watch> = IdList.empty<Watch>(false);

export class WatchIndex {
  readonly #byPath: PathMap<IdList<Watch>>;
  /** By what no two watches share. */
  readonly #byKey: PathMap<Watch>;

  private constructor(byPath: PathMap<IdList<Watch>>, byKey: PathMap<Watch>) {
    this.#byPath = byPath;
    this.#byKey = byKey;
  }

  static readonly empty: WatchIndex = new WatchIndex(PathMap.empty<IdList<Watch>>(false), PathMap.empty<Watch>(false));

  /** The watch of connection `connection` on `path` with `token`. */
  find(connection: number, path: Path, token: string): Watch | null {
    return this.#byKey.get(keyOf(connection, path, token)) ?? null;
  }

  /** The watches on exactly `path`: by connection, and in order of registration. */
  at(path: Path): readonly Watch[] {
    return this.#byPath.get(path)?.items ?? NONE;
  }

  /** Whether there is a watch on a path with these bits of hash. */
  mayBeAt(hashLow: number): boolean {
    return this.#byPath.has(hashLow);
  }

  add(watch: Watch): WatchIndex {
    const { connection, path, token } = watch;
    const there = this.#byPath.get(path) ?? NO_WATCHES;
    return new WatchIndex(
      this.#byPath.set(path, there.set(watch)),
      this.#byKey.set(keyOf(connection, path, token), watch),
    );
  }

  remove(watch: Watch): WatchIndex {
    const { connection, path, token, id } = watch;
    const left = this.#byPath.get(path)?.delete(id);
    if (left === undefined) return this;
    return new WatchIndex(
      left.count === 0 ? this.#byPath.delete(path) : this.#byPath.set(path, left),
      this.#byKey.delete(keyOf(connection, path, token)),
    );
  }
}

const NONE: readonly Watch[] = [];

/** Not a path of anything; a text with a hash, as the map wants it. */
function keyOf(connection: number, path: Path, token: string): Path {
  return new Path(`${connection}\0${path.text}\0${token}`, '', null);
}
