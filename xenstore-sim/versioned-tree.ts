/**
 * A tree in buckets of which states are kept: the one that oxenstored's transactions work on, in a running daemon.
 *
 * To keep a state costs nothing. From then on each node that is changed leaves its old version behind, once for each
 * state kept since it was changed before; and each change is noted at its path and those above, so that a commit can ask
 * what has changed since its start. Both are forgotten once nobody needs them (`forget`).
 *
 * As with other trees, whoever passes an owner gives the old tree up for the new one. Others get a tree of their own with
 * the first change; the old one stays, and with it the states that were kept of it.
 */
import type { Node } from './node.js';
import type { PackedTree } from './packed-tree.js';
import type { Path } from './path.js';
import type { Owner } from './path-map.js';
import type { Tree } from './tree.js';

/** A node up to a change. */
interface Version {
  /** The change that made another of it. */
  readonly until: number;
  /** Undefined: there was none. */
  readonly node: Node | undefined;
}

/** So much may be remembered before it is worth while to look what can be forgotten. */
const REMEMBERED_MIN = 4096;

export class VersionedTree implements Tree {
  /** Nobody asks. */
  readonly hashLow = 0;
  readonly hashHigh = 0;
  readonly #owner: Owner | null;
  /** Changed in place for the owner, as is all that follows. */
  #now: PackedTree;
  /** Number of the last change. */
  #time: number;
  /** The last change before the newest state that is kept; -1: there is none. */
  #newest = -1;
  /** By text of the path, oldest first. */
  #versions = new Map<string, Version[]>();
  /** The last change at or below a path, or an earlier one that no state that is kept has seen, by its text. */
  #changed: Map<string, number>;
  #versionCount = 0;
  /** What was looked at last: a change asks for the same node several times. */
  #lastPath: Path | null = null;
  #lastNode: Node | undefined;
  #rememberedMax = REMEMBERED_MIN;

  private constructor(now: PackedTree, owner: Owner | null, time: number, changed: Map<string, number>) {
    this.#now = now;
    this.#owner = owner;
    this.#time = time;
    this.#changed = changed;
  }

  static of(tree: PackedTree): VersionedTree {
    return new VersionedTree(tree, null, 0, new Map());
  }

  /** The nodes as they are now; valid until the next change. */
  get now(): PackedTree {
    return this.#now;
  }

  get(path: Path): Node | undefined {
    if (path === this.#lastPath) return this.#lastNode;
    this.#lastPath = path;
    this.#lastNode = this.#now.get(path);
    return this.#lastNode;
  }

  set(path: Path, node: Node, owner: Owner | null = null): VersionedTree {
    const tree = this.#for(owner);
    tree.#leave(path);
    tree.#lastPath = null;
    tree.#now = tree.#now.set(path, node, owner);
    return tree;
  }

  delete(path: Path, owner: Owner | null = null): VersionedTree {
    const tree = this.#for(owner);
    tree.#leave(path);
    tree.#lastPath = null;
    tree.#now = tree.#now.delete(path, owner);
    return tree;
  }

  /** The tree as it is now, whatever becomes of it. */
  keep(): KeptTree {
    this.#newest = this.#time;
    return new KeptTree(this, this.#time);
  }

  /** Notes that the last change concerns `path`, for `changedSince`. To be called for each. */
  note(path: Path): void {
    if (this.#newest < 0) return;
    for (let at: Path | null = path; at !== null; at = at.parent) {
      // Where it is known already that something has changed since the newest one, it is known of those above.
      if ((this.#changed.get(at.text) ?? 0) > this.#newest) return;
      this.#changed.set(at.text, this.#time);
    }
  }

  /** Whether a change at or below `path` was noted after `kept` was kept, of this tree or one before. */
  changedSince(kept: KeptTree, path: Path): boolean {
    return (this.#changed.get(path.text) ?? 0) > kept.time;
  }

  /** Whether it is what `kept` was kept of, without a change since. */
  isStill(kept: KeptTree): boolean {
    return kept.tree === this && kept.time === this.#time;
  }

  /** Whether it is time to `forget`. */
  get isCrowded(): boolean {
    return this.#versionCount + this.#changed.size > this.#rememberedMax;
  }

  /** Forgets what none of `kept` needs: the caller has no other state of this tree, nor of one before. */
  forget(kept: readonly KeptTree[]): void {
    const oldest = kept.reduce((time, each) => Math.min(time, each.time), Number.POSITIVE_INFINITY);
    if (kept.length === 0) this.#newest = -1;
    for (const [text, time] of this.#changed) if (time <= oldest) this.#changed.delete(text);
    this.#versionCount = 0;
    for (const [text, versions] of this.#versions) {
      const left = versions.slice(placeOf(versions, oldest));
      if (left.length === 0) this.#versions.delete(text);
      else this.#versions.set(text, left);
      this.#versionCount += left.length;
    }
    this.#rememberedMax = Math.max(REMEMBERED_MIN, 2 * (this.#versionCount + this.#changed.size));
  }

  /** The node at `path` after change number `time`. */
  at(path: Path, time: number): Node | undefined {
    const versions = this.#versions.get(path.text);
    if (versions === undefined) return this.#now.get(path);
    const version = versions[placeOf(versions, time)];
    return version === undefined ? this.#now.get(path) : version.node;
  }

  #for(owner: Owner | null): VersionedTree {
    if (owner !== null && this.#owner === owner) return this;
    const tree = new VersionedTree(this.#now, owner, this.#time, new Map(this.#changed));
    // Somebody may have kept a state of this one, and will ask what has changed since.
    tree.#newest = this.#newest;
    return tree;
  }

  /** Counts a change of the node at `path`, and remembers what is there if a state that is kept has it. */
  #leave(path: Path): void {
    const time = ++this.#time;
    if (this.#newest < 0) return;
    let versions = this.#versions.get(path.text);
    if ((versions?.at(-1)?.until ?? 0) > this.#newest) return;
    if (versions === undefined) {
      versions = [];
      this.#versions.set(path.text, versions);
    }
    versions.push({ until: time, node: this.get(path) });
    this.#versionCount++;
  }
}

/** Where the first of `versions` is that was changed after `time`. */
function placeOf(versions: readonly Version[], time: number): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((versions[middle] as Version).until <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A tree as it was at some time. It is not to be changed: lay an `OverlayTree` over it. */
export class KeptTree {
  readonly hashLow = 0;
  readonly hashHigh = 0;
  readonly tree: VersionedTree;
  /** The last change before it was kept. */
  readonly time: number;

  constructor(tree: VersionedTree, time: number) {
    this.tree = tree;
    this.time = time;
  }

  get(path: Path): Node | undefined {
    return this.tree.at(path, this.time);
  }
}
