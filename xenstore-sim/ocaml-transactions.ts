/**
 * Transactions by the rules of oxenstored: a snapshot that is merged or replayed.
 *
 * A transaction works on the tree as it was at its start. At commit, if the tree outside is unchanged, its tree becomes
 * the store's. Else, if nothing has changed below the lowest path that covers its reads, and below the lowest one that
 * covers its writes, its changes are grafted on. Else its requests are performed again, and if each has the same reply
 * as before, that is the commit; if not, EAGAIN.
 *
 * What "unchanged" means to oxenstored, the same object in memory, is kept here as the set of paths that were changed
 * outside since the start.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { append, type Chain, toArray } from './chain.js';
import type { Domain } from './domains.js';
import { HIGH, LOW, mixText } from './hash.js';
import type { IdList } from './id-list.js';
import { OverlayTree } from './overlay-tree.js';
import { type Path, ROOT } from './path.js';
import { PathMap } from './path-map.js';
import type { Reply, Request } from './requests.js';
import { type KnownTree, keptTree, type Tree } from './tree.js';
import { KeptTree, VersionedTree } from './versioned-tree.js';

/** A change as the watchers will be told of it. */
export interface Change {
  readonly kind: 'write' | 'mkdir' | 'rm' | 'setPerms';
  readonly path: Path;
}

/** A request of the transaction and what was answered, to be compared when it is performed again. */
export interface Operation {
  readonly request: Request;
  readonly reply: Reply;
}

export interface OcamlTransactionState {
  readonly id: number;
  /** The tree and the domains (for their node counts) at the start. */
  readonly base: KnownTree;
  readonly baseDomains: IdList<Domain>;
  /** As the transaction has made them. */
  readonly tree: Tree;
  readonly domains: IdList<Domain>;
  readonly operations: Chain<Operation> | null;
  readonly changes: Chain<Change> | null;
  /** Paths of nodes that the transaction stored or removed, silently created parents included. */
  readonly touched: Chain<Path> | null;
  /** The lowest paths that cover all reads and all writes; null while there was none. */
  readonly readLow: Path | null;
  readonly writeLow: Path | null;
  /** Paths changed outside since the start: a set, and its members. Where the tree notes changes itself, mostly empty. */
  readonly outside: PathMap<Mark>;
  readonly outsidePaths: Chain<Path> | null;
  /** Whether the end of a domain has made every node outside anew. */
  readonly outsideRenewed: boolean;
}

/** A member of a set of paths. */
export class Mark implements Hashed {
  readonly hashLow = LOW;
  readonly hashHigh = HIGH;
  static readonly set: Mark = new Mark();
}

export class OcamlTransaction implements Hashed {
  readonly rules = 'ocaml';
  readonly id: number;
  readonly state: OcamlTransactionState;

  constructor(state: OcamlTransactionState) {
    this.id = state.id;
    this.state = state;
  }

  static start(id: number, tree: Tree, domains: IdList<Domain>, hashed: boolean): OcamlTransaction {
    const base = keptTree(tree);
    return new OcamlTransaction({
      id,
      base,
      baseDomains: domains,
      // One with a hash is made for sharing.
      tree: hashed ? tree : OverlayTree.over(base),
      domains,
      operations: null,
      changes: null,
      touched: null,
      readLow: null,
      writeLow: null,
      outside: PathMap.empty(hashed),
      outsidePaths: null,
      outsideRenewed: false,
    });
  }

  get hashLow(): number {
    return this.#hash(LOW, 'hashLow');
  }

  get hashHigh(): number {
    return this.#hash(HIGH, 'hashHigh');
  }

  #hash(seed: number, half: 'hashLow' | 'hashHigh'): number {
    const { id, base, tree, domains, operations, changes, readLow, writeLow, outside, outsideRenewed } = this.state;
    let h = mix(mix(mix(mix(seed, id), base[half]), tree[half]), domains[half]);
    h = mix(mix(mix(h, readLow?.[half] ?? 0), writeLow?.[half] ?? 0), outside[half]);
    h = mix(h, outsideRenewed ? 1 : 0);
    for (const { request, reply } of toArray(operations)) h = mixText(h, JSON.stringify([request, reply]));
    for (const { kind, path } of toArray(changes)) h = mix(mixText(h, kind), path[half]);
    return h;
  }

  with(change: Partial<OcamlTransactionState>): OcamlTransaction {
    return new OcamlTransaction({ ...this.state, ...change });
  }

  /** The transaction after a change outside of the node at `path`. */
  afterChangeOf(path: Path): OcamlTransaction {
    const { outside, outsidePaths } = this.state;
    if (outside.get(path) !== undefined) return this;
    return this.with({ outside: outside.set(path, Mark.set), outsidePaths: append(outsidePaths, path) });
  }

  /** Whether anything has changed outside, at or below `path`, now that the tree outside is `now`. */
  changedOutside(path: Path, now: Tree): boolean {
    const { base } = this.state;
    if (this.state.outsideRenewed) return true;
    if (now instanceof VersionedTree && base instanceof KeptTree && now.changedSince(base, path)) return true;
    for (let entry = this.state.outsidePaths; entry !== null; entry = entry.earlier) {
      if (entry.item.isWithin(path)) return true;
    }
    return false;
  }

  /** The tree stays as it was at the start; but outside, the daemon looks at each node and makes it anew. */
  withoutDomain(): OcamlTransaction {
    return this.with({ outsideRenewed: true });
  }
}

/** The longest path that is both paths or above them; `path` itself if `low` is null. */
export function lowest(path: Path, low: Path | null): Path {
  if (low === null) return path;
  let common: Path = path;
  while (!low.isWithin(common)) common = common.parent ?? ROOT;
  return common;
}
