/**
 * A tree as few changes to another one, which stays as it is: what a transaction of oxenstored makes of the tree of its
 * start.
 */
import type { Hashed } from '../protocol/hashed.js';
import type { Node } from './node.js';
import type { Path } from './path.js';
import { type Owner, PathMap } from './path-map.js';
import type { KnownTree, Tree } from './tree.js';

/** A node that is another one now, or gone. */
class Change implements Hashed {
  readonly hashLow = 0;
  readonly hashHigh = 0;
  readonly node: Node | undefined;

  constructor(node: Node | undefined) {
    this.node = node;
  }
}

const GONE = new Change(undefined);

export class OverlayTree implements Tree {
  /** Nobody asks. */
  readonly hashLow = 0;
  readonly hashHigh = 0;
  readonly #below: KnownTree;
  readonly #changes: PathMap<Change>;

  private constructor(below: KnownTree, changes: PathMap<Change>) {
    this.#below = below;
    this.#changes = changes;
  }

  static over(below: KnownTree): OverlayTree {
    return new OverlayTree(below, PathMap.empty<Change>(false));
  }

  get(path: Path): Node | undefined {
    const change = this.#changes.get(path);
    return change === undefined ? this.#below.get(path) : change.node;
  }

  set(path: Path, node: Node, owner: Owner | null = null): OverlayTree {
    return new OverlayTree(this.#below, this.#changes.set(path, new Change(node), owner));
  }

  delete(path: Path, owner: Owner | null = null): OverlayTree {
    return new OverlayTree(this.#below, this.#changes.set(path, GONE, owner));
  }
}
