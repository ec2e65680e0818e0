/**
 * Transactions by the rule of C xenstored 4.17: optimistic, node by node.
 *
 * The first access to a node inside a transaction copies it; from then on the transaction sees and changes its copy. At
 * commit each accessed node must be as it was at its first access, or the commit fails with EAGAIN. The daemon compares
 * generation counts, which grow with every write and would make every state of an exploration a new one. Here a change
 * of a node *dooms* the open transactions that accessed the node, at the moment of the change. This is the same rule:
 *
 * - a node that was there and has been written, removed or given other children has another generation for ever;
 * - a node that was absent has no generation, and might be created and removed again unnoticed. But who finds a node
 *   absent has looked at its nearest ancestor too, and creating the node has changed that one's children.
 *
 * So the future of a transaction is a function of its accesses, of `doomed` and of the tree, and the hash covers all of
 * them: two states that differ in their history only have one hash, and two that will answer differently have not.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';
import type { Node } from './node.js';
import type { Path } from './path.js';
import { PathMap } from './path-map.js';
import type { PermissionList } from './permissions.js';

/** Whom a change of a node concerns: nobody, watches on exactly this node, or also watches on nodes above it. */
export const SILENT = 0;
export const EXACT = 1;
export const SUBTREE = 2;
export type Reach = typeof SILENT | typeof EXACT | typeof SUBTREE;

/** A node as one transaction has it. */
export class Accessed implements Hashed {
  readonly path: Path;
  /** Position in the order of first accesses, from 0. */
  readonly order: number;
  /** The permissions at the first access; null if the node was absent then. */
  readonly before: PermissionList | null;
  /** The node now, inside the transaction; null if absent. */
  readonly node: Node | null;
  readonly modified: boolean;
  /** The events to send at commit. */
  readonly reach: Reach;
  readonly hashLow: number;
  readonly hashHigh: number;

  constructor(
    path: Path,
    order: number,
    before: PermissionList | null,
    node: Node | null,
    modified: boolean,
    reach: Reach,
  ) {
    this.path = path;
    this.order = order;
    this.before = before;
    this.node = node;
    this.modified = modified;
    this.reach = reach;
    const flags = (order << 3) | (reach << 1) | (modified ? 1 : 0);
    this.hashLow = mix(mix(mix(LOW, flags), before === null ? 0 : before.hashLow), node === null ? 0 : node.hashLow);
    this.hashHigh = mix(
      mix(mix(HIGH, flags), before === null ? 0 : before.hashHigh),
      node === null ? 0 : node.hashHigh,
    );
  }

  changedTo(node: Node | null): Accessed {
    return new Accessed(this.path, this.order, this.before, node, true, this.reach);
  }

  reaching(reach: Reach): Accessed {
    return new Accessed(this.path, this.order, this.before, this.node, this.modified, reach);
  }
}

export class Transaction implements Hashed {
  readonly id: number;
  /** In the order of first access. */
  readonly order: readonly Path[];
  /** Whether a node it saw has been changed outside. */
  readonly doomed: boolean;
  /** Whether one of its requests broke it: the commit will fail with ENOMEM. */
  readonly failed: boolean;
  readonly hashLow: number;
  readonly hashHigh: number;
  readonly #accessed: PathMap<Accessed>;

  private constructor(
    id: number,
    order: readonly Path[],
    accessed: PathMap<Accessed>,
    doomed: boolean,
    failed: boolean,
  ) {
    this.id = id;
    this.order = order;
    this.doomed = doomed;
    this.failed = failed;
    const flags = (doomed ? 2 : 0) | (failed ? 1 : 0);
    this.#accessed = accessed;
    this.hashLow = mix(mix(mix(LOW, id), flags), accessed.hashLow);
    this.hashHigh = mix(mix(mix(HIGH, id), flags), accessed.hashHigh);
  }

  static start(id: number): Transaction {
    return new Transaction(id, [], PathMap.empty(), false, false);
  }

  get(path: Path): Accessed | undefined {
    return this.#accessed.get(path);
  }

  /** The transaction after its first access to `path`, where it found `node`. */
  access(path: Path, node: Node | null): Transaction {
    const entry = new Accessed(path, this.order.length, node === null ? null : node.permissions, node, false, SILENT);
    return new Transaction(this.id, [...this.order, path], this.#accessed.set(path, entry), this.doomed, this.failed);
  }

  /** Replaces what is known of a node that was accessed before. */
  update(entry: Accessed): Transaction {
    return new Transaction(this.id, this.order, this.#accessed.set(entry.path, entry), this.doomed, this.failed);
  }

  /** The transaction after a change outside of the node at `path`. */
  afterChangeOf(path: Path): Transaction {
    if (this.doomed || this.get(path) === undefined) return this;
    return new Transaction(this.id, this.order, this.#accessed, true, this.failed);
  }

  /** The transaction after a request that broke it. */
  fail(): Transaction {
    return new Transaction(this.id, this.order, this.#accessed, this.doomed, true);
  }

  /**
   * The transaction after the end of domain `domid`. If it has given a node to the domain it is doomed, so that a later
   * domain with the same number does not find that node its own.
   */
  withoutDomain(domid: number): Transaction {
    let accessed = this.#accessed;
    let doomed = this.doomed;
    for (const { path, order, before, node, modified, reach } of this.entries()) {
      const permissions = node === null ? null : node.permissions.withoutDomain(domid);
      doomed ||= modified && permissions?.owner === domid;
      const left = node === null || permissions === null ? null : node.withPermissions(permissions);
      accessed = accessed.set(
        path,
        new Accessed(path, order, before?.withoutDomain(domid) ?? null, left, modified, reach),
      );
    }
    return new Transaction(this.id, this.order, accessed, doomed, this.failed);
  }

  /** All accesses, in order. */
  entries(): Accessed[] {
    return this.order.map((path) => this.get(path) as Accessed);
  }
}
