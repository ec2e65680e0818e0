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
import { Accessed, AccessedList, type AccessedState, SILENT } from './accessed.js';
import { HIGH, LOW } from './hash.js';
import type { Node } from './node.js';
import type { OcamlTransaction } from './ocaml-transactions.js';
import type { Path } from './path.js';
import type { Owner } from './path-map.js';

/** A transaction, by the rules of the store's policy. */
export type Transaction = CTransaction | OcamlTransaction;

/** Immutable, but for its owner. */
export class CTransaction implements Hashed {
  readonly rules = 'c';
  readonly id: number;
  /** Whether a node it saw has been changed outside; used where there are no generations. */
  readonly doomed: boolean;
  /** Whether one of its requests broke it: the commit will fail with ENOMEM. */
  readonly failed: boolean;
  readonly hashLow: number;
  readonly hashHigh: number;
  readonly #accessed: AccessedList;

  private constructor(id: number, accessed: AccessedList, doomed: boolean, failed: boolean) {
    this.id = id;
    this.#accessed = accessed;
    this.doomed = doomed;
    this.failed = failed;
    const flags = (doomed ? 2 : 0) | (failed ? 1 : 0);
    this.hashLow = mix(mix(mix(LOW, id), flags), accessed.hashLow);
    this.hashHigh = mix(mix(mix(HIGH, id), flags), accessed.hashHigh);
  }

  /**
   * @param hashed Whether the hash will be asked for.
   * @param owner Who may change it in place, if anybody; nobody if there is a hash.
   */
  static start(id: number, hashed: boolean, owner: Owner | null = null): CTransaction {
    return new CTransaction(id, AccessedList.empty(hashed, owner), false, false);
  }

  /** Whether `owner` may change it in place. */
  isOwnedBy(owner: Owner): boolean {
    return this.#accessed.isOwnedBy(owner);
  }

  /** Nodes accessed. */
  get count(): number {
    return this.#accessed.entries.length;
  }

  /** All accesses, in order; valid until the next one. */
  get entries(): readonly Accessed[] {
    return this.#accessed.entries;
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
    const state: AccessedState = { path, order, before, generation, node, modified: false, reach: SILENT };
    return this.adopt(new Accessed(state, owner), owner);
  }

  /** The transaction with one more access, of a path that was not accessed before. */
  adopt(entry: Accessed, owner: Owner | null = null): CTransaction {
    return this.#with(this.#accessed.with(entry, owner));
  }

  /** Replaces what is known of a node that was accessed before. */
  update(entry: Accessed, owner: Owner | null = null): CTransaction {
    return this.#with(this.#accessed.replaced(entry, owner));
  }

  #with(accessed: AccessedList): CTransaction {
    return accessed === this.#accessed ? this : new CTransaction(this.id, accessed, this.doomed, this.failed);
  }

  /** The transaction after a change outside of the node at `path`. */
  afterChangeOf(path: Path): CTransaction {
    return this.doomed || this.get(path) === undefined ? this : this.doom();
  }

  doom(): CTransaction {
    return new CTransaction(this.id, this.#accessed, true, this.failed);
  }

  /** The transaction after a request that broke it. */
  fail(): CTransaction {
    return new CTransaction(this.id, this.#accessed, this.doomed, true);
  }

  /**
   * The transaction after the end of domain `domid`. If it has given a node to the domain it is doomed, so that a later
   * domain with the same number does not find that node its own.
   */
  withoutDomain(domid: number, deadEntries: 'stale' | 'deleted'): CTransaction {
    let { doomed } = this;
    const accessed = this.#accessed.mapped((entry) => {
      const { before, node, modified } = entry;
      const permissions = node === null ? null : node.permissions.withoutDomain(domid, deadEntries);
      doomed ||= modified && permissions?.owner === domid;
      const left = node === null || permissions === null ? null : node.withPermissions(permissions);
      return entry.withPermissions(before?.withoutDomain(domid, deadEntries) ?? null, left);
    });
    return new CTransaction(this.id, accessed, doomed, this.failed);
  }
}
