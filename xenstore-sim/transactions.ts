/**
 * Transactions by the rule of the C xenstored: optimistic, node by node.
 *
 * The first access to a node inside a transaction copies it; from then on the transaction sees and changes its copy. At
 * commit each accessed node must have the generation it had at its first access, or the commit fails with EAGAIN.
 * Generations grow with every write and would make every state of an exploration a new one. Where states are to be
 * finite, a change of a node *dooms* the open transactions that accessed the node, at the moment of the change. This is
 * the same rule:
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
import type { OcamlTransaction } from './ocaml-transactions.js';
import type { Path } from './path.js';
import { type Owner, PathMap } from './path-map.js';
import type { PermissionList } from './permissions.js';

/** A transaction, by the rules of the store's policy. */
export type Transaction = CTransaction | OcamlTransaction;

/** Whom a change of a node concerns: nobody, watches on exactly this node, or also watches on nodes above it. */
export const SILENT = 0;
export const EXACT = 1;
export const SUBTREE = 2;
export type Reach = typeof SILENT | typeof EXACT | typeof SUBTREE;

export interface AccessedState {
  readonly path: Path;
  /** Position in the order of first accesses, from 0. */
  readonly order: number;
  /** The permissions at the first access; null if the node was absent then. */
  readonly before: PermissionList | null;
  /** The generation at the first access; 0 if the node was absent, or if there are no generations. */
  readonly generation: number;
  /** The node now, inside the transaction; null if absent. */
  readonly node: Node | null;
  readonly modified: boolean;
  /** The events to send at commit. */
  readonly reach: Reach;
}

/** A node as one transaction has it. */
export class Accessed implements Hashed, AccessedState {
  readonly path: Path;
  readonly order: number;
  readonly before: PermissionList | null;
  readonly generation: number;
  readonly node: Node | null;
  readonly modified: boolean;
  readonly reach: Reach;

  constructor(entry: AccessedState) {
    this.path = entry.path;
    this.order = entry.order;
    this.before = entry.before;
    this.generation = entry.generation;
    this.node = entry.node;
    this.modified = entry.modified;
    this.reach = entry.reach;
  }

  get hashLow(): number {
    return mix(mix(mix(LOW, this.#flags), this.before?.hashLow ?? 0), this.node?.hashLow ?? 0);
  }

  get hashHigh(): number {
    return mix(mix(mix(HIGH, this.#flags), this.before?.hashHigh ?? 0), this.node?.hashHigh ?? 0);
  }

  get #flags(): number {
    return (this.order << 3) | (this.reach << 1) | (this.modified ? 1 : 0);
  }

  changedTo(node: Node | null): Accessed {
    const { path, order, before, generation, reach } = this;
    return new Accessed({ path, order, before, generation, node, modified: true, reach });
  }

  reaching(reach: Reach): Accessed {
    const { path, order, before, generation, node, modified } = this;
    return new Accessed({ path, order, before, generation, node, modified, reach });
  }

  withPermissions(before: PermissionList | null, node: Node | null): Accessed {
    const { path, order, generation, modified, reach } = this;
    return new Accessed({ path, order, before, generation, node, modified, reach });
  }
}

/** The accessed paths, latest first. */
interface Accesses {
  readonly path: Path;
  readonly earlier: Accesses | null;
  readonly count: number;
}

export class CTransaction implements Hashed {
  readonly rules = 'c';
  readonly id: number;
  /** Whether a node it saw has been changed outside; used where there are no generations. */
  readonly doomed: boolean;
  /** Whether one of its requests broke it: the commit will fail with ENOMEM. */
  readonly failed: boolean;
  readonly hashLow: number;
  readonly hashHigh: number;
  readonly #order: Accesses | null;
  readonly #accessed: PathMap<Accessed>;

  private constructor(
    id: number,
    order: Accesses | null,
    accessed: PathMap<Accessed>,
    doomed: boolean,
    failed: boolean,
  ) {
    this.id = id;
    this.#order = order;
    this.#accessed = accessed;
    this.doomed = doomed;
    this.failed = failed;
    const flags = (doomed ? 2 : 0) | (failed ? 1 : 0);
    this.hashLow = mix(mix(mix(LOW, id), flags), accessed.hashLow);
    this.hashHigh = mix(mix(mix(HIGH, id), flags), accessed.hashHigh);
  }

  /** @param hashed Whether the hash will be asked for. */
  static start(id: number, hashed: boolean): CTransaction {
    return new CTransaction(id, null, PathMap.empty(hashed), false, false);
  }

  /** Nodes accessed. */
  get count(): number {
    return this.#order?.count ?? 0;
  }

  get(path: Path): Accessed | undefined {
    return this.#accessed.get(path);
  }

  /**
   * The transaction after its first access to `path`, where it found `node`.
   *
   * @param owner Who gives this transaction up for the new one, if anybody.
   */
  access(path: Path, node: Node | null, owner: Owner | null = null): CTransaction {
    const order = this.count;
    const before = node?.permissions ?? null;
    const generation = node?.generation ?? 0;
    return this.adopt(new Accessed({ path, order, before, generation, node, modified: false, reach: SILENT }), owner);
  }

  /** The transaction with one more access, of a path that was not accessed before. */
  adopt(entry: Accessed, owner: Owner | null = null): CTransaction {
    const order = { path: entry.path, earlier: this.#order, count: this.count + 1 };
    const accessed = this.#accessed.set(entry.path, entry, owner);
    return new CTransaction(this.id, order, accessed, this.doomed, this.failed);
  }

  /** Replaces what is known of a node that was accessed before. */
  update(entry: Accessed, owner: Owner | null = null): CTransaction {
    const accessed = this.#accessed.set(entry.path, entry, owner);
    return new CTransaction(this.id, this.#order, accessed, this.doomed, this.failed);
  }

  /** The transaction after a change outside of the node at `path`. */
  afterChangeOf(path: Path): CTransaction {
    return this.doomed || this.get(path) === undefined ? this : this.doom();
  }

  doom(): CTransaction {
    return new CTransaction(this.id, this.#order, this.#accessed, true, this.failed);
  }

  /** The transaction after a request that broke it. */
  fail(): CTransaction {
    return new CTransaction(this.id, this.#order, this.#accessed, this.doomed, true);
  }

  /**
   * The transaction after the end of domain `domid`. If it has given a node to the domain it is doomed, so that a later
   * domain with the same number does not find that node its own.
   */
  withoutDomain(domid: number, deadEntries: 'stale' | 'deleted'): CTransaction {
    let accessed = this.#accessed;
    let doomed = this.doomed;
    for (const entry of this.entries()) {
      const { path, before, node, modified } = entry;
      const permissions = node === null ? null : node.permissions.withoutDomain(domid, deadEntries);
      doomed ||= modified && permissions?.owner === domid;
      const left = node === null || permissions === null ? null : node.withPermissions(permissions);
      const withBefore = before?.withoutDomain(domid, deadEntries) ?? null;
      accessed = accessed.set(path, entry.withPermissions(withBefore, left));
    }
    return new CTransaction(this.id, this.#order, accessed, doomed, this.failed);
  }

  /** All accesses, in order. */
  entries(): Accessed[] {
    const entries: Accessed[] = [];
    for (let at = this.#order; at !== null; at = at.earlier) entries.push(this.get(at.path) as Accessed);
    return entries.reverse();
  }
}
