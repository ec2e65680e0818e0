/**
 * The next store in the making.
 *
 * One request, or one event from outside, makes a draft of the store, changes it through the methods here and turns it
 * into a new store. A draft that stands in a transaction sees and changes the transaction's copies of the nodes instead
 * of the tree; nothing above this file knows the difference.
 */
import type { Connection } from './connections.js';
import { Domain, EXISTING, NO_TARGET } from './domains.js';
import type { Node } from './node.js';
import type { Path } from './path.js';
import { type PermissionList, READ, type Subject } from './permissions.js';
import type { Policy } from './policy.js';
import { mayAccess } from './quota.js';
import { Store, type StoreState, type Tree } from './store.js';
import { EXACT, type Reach, type SUBTREE, type Transaction } from './transactions.js';
import { enqueue, type Watch } from './watches.js';

/** How a change is announced. */
export interface Announcement {
  readonly path: Path;
  readonly reach: typeof EXACT | typeof SUBTREE;
  /** The node whose permissions decide now; null if it is gone and only `before` can decide. */
  readonly node: Node | null;
  /** Its permissions before, where those decide as well. */
  readonly before: PermissionList | null;
  /** The parent node, whose readers are told too. */
  readonly parent: Node | null;
}

export class Draft implements StoreState {
  readonly policy: Policy;
  tree: Tree;
  connections: readonly Connection[];
  domains: readonly Domain[];
  introducePermissions: PermissionList;
  releasePermissions: PermissionList;
  /** The transaction the draft stands in, or null. */
  transaction: Transaction | null = null;
  /** Set when the transaction would have accessed more nodes than it may: the request has failed. */
  overflown = false;
  /** Whose transaction it is. */
  #caller: Connection | null = null;

  constructor(store: Store) {
    this.policy = store.policy;
    this.tree = store.tree;
    this.connections = store.connections;
    this.domains = store.domains;
    this.introducePermissions = store.introducePermissions;
    this.releasePermissions = store.releasePermissions;
  }

  /** From now on, nodes are those that `transaction` of `caller` has. */
  enter(caller: Connection, transaction: Transaction): void {
    this.#caller = caller;
    this.transaction = transaction;
  }

  /** The new store; `old` itself if the draft was made from it and nothing has changed. */
  finish(old: Store): Store {
    const same =
      this.tree === old.tree &&
      this.connections === old.connections &&
      this.domains === old.domains &&
      this.introducePermissions === old.introducePermissions &&
      this.releasePermissions === old.releasePermissions;
    return same ? old : new Store(this.policy, this);
  }

  /** The node at `path`, or null. Inside a transaction, the look alone is an access. */
  read(path: Path): Node | null {
    const transaction = this.transaction;
    if (transaction === null) return this.tree.get(path) ?? null;
    const accessed = transaction.get(path);
    if (accessed !== undefined) return accessed.node;
    if (this.#caller !== null && !mayAccess(this.policy.quota, this.#caller, transaction)) {
      this.overflown = true;
      return null;
    }
    const node = this.tree.get(path) ?? null;
    this.transaction = transaction.access(path, node);
    return node;
  }

  /** Stores or, with null, removes a node that was read before. The list of its parent's children is the caller's business. */
  put(path: Path, node: Node | null): void {
    if (this.transaction !== null) {
      const accessed = this.transaction.get(path);
      if (accessed !== undefined) this.transaction = this.transaction.update(accessed.changedTo(node));
      return;
    }
    const old = this.tree.get(path)?.permissions.owner ?? 0;
    const owner = node === null ? 0 : node.permissions.owner;
    if (old !== owner) {
      this.#count(old, -1);
      this.#count(owner, 1);
    }
    this.tree = node === null ? this.tree.delete(path) : this.tree.set(path, node);
    const connections = this.connections;
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[i] as Connection;
      if (connection.transactions.length > 0) this.#doom(i, connection, path);
    }
  }

  /**
   * Tells everybody who watches and may know: who can read the node now, could before where that counts, or can read its
   * parent (C xenstored 4.17). Inside a transaction it is left for the commit.
   */
  announce(announcement: Announcement): void {
    const { path, reach, node, before, parent } = announcement;
    if (this.transaction !== null) {
      const accessed = this.transaction.get(path);
      if (accessed !== undefined) this.transaction = this.transaction.update(accessed.reaching(reach));
      return;
    }
    const connections = this.connections;
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[i] as Connection;
      if (connection.watches.length === 0) continue;
      const permitted = (): boolean => {
        const subject = this.subject(connection);
        if (before !== null && (before.allows(subject) & READ) !== 0) return true;
        if (node === null) return false;
        if ((node.permissions.allows(subject) & READ) !== 0) return true;
        return parent !== null && (parent.permissions.allows(subject) & READ) !== 0;
      };
      this.#notify(i, path.text, (watch) => matches(watch, path, reach), permitted);
    }
  }

  /** Tells the watchers of `@introduceDomain` or `@releaseDomain`. */
  announceSpecial(name: '@introduceDomain' | '@releaseDomain'): void {
    const permissions = name === '@introduceDomain' ? this.introducePermissions : this.releasePermissions;
    this.connections.forEach((connection, i) => {
      const permitted = () => (permissions.allows(this.subject(connection)) & READ) !== 0;
      this.#notify(i, name, (watch) => watch.text === name, permitted);
    });
  }

  /** On whose behalf a connection acts. */
  subject(connection: Connection): Subject {
    if (connection.privileged) return CONTROL;
    return { privileged: false, domid: connection.domid, target: this.domain(connection.domid)?.target ?? NO_TARGET };
  }

  domain(domid: number): Domain | undefined {
    return this.domains.find((domain) => domain.domid === domid);
  }

  /** Stores `domain` in the place of its former state; adds it if it is new. */
  setDomain(domain: Domain): void {
    const others = this.domains.filter((other) => other.domid !== domain.domid);
    this.domains = [...others, domain].sort((one, other) => one.domid - other.domid);
  }

  /** Makes sure that domain `domid` is known. */
  ensureDomain(domid: number): Domain {
    const known = this.domain(domid);
    if (known !== undefined) return known;
    const domain = new Domain(domid, EXISTING);
    this.setDomain(domain);
    return domain;
  }

  #count(domid: number, change: number): void {
    const domain = domid === 0 ? undefined : this.domain(domid);
    if (domain !== undefined) this.setDomain(domain.with({ nodes: domain.nodes + change }));
  }

  /** Stores `connection` in the place of its former state. */
  setConnection(connection: Connection): void {
    this.#setConnection(
      this.connections.findIndex((other) => other.id === connection.id),
      connection,
    );
  }

  #setConnection(index: number, connection: Connection): void {
    const copy = this.connections.slice();
    copy[index] = connection;
    this.connections = copy;
  }

  #notify(index: number, text: string, matching: (watch: Watch) => boolean, permitted: () => boolean): void {
    const connection = this.connections[index] as Connection;
    let pending = connection.pending;
    for (const watch of connection.watches) {
      if (!matching(watch)) continue;
      if (!permitted()) return;
      pending = enqueue(pending, watch.event(text), this.policy);
    }
    if (pending !== connection.pending) this.#setConnection(index, connection.withPending(pending));
  }

  #doom(index: number, connection: Connection, path: Path): void {
    const transactions = connection.transactions.map((transaction) => transaction.afterChangeOf(path));
    if (transactions.some((transaction, i) => transaction !== connection.transactions[i])) {
      this.#setConnection(index, connection.withTransactions(transactions));
    }
  }
}

const CONTROL: Subject = { privileged: true, domid: 0, target: NO_TARGET };

function matches(watch: Watch, path: Path, reach: Reach): boolean {
  if (watch.path === null) return false;
  return reach === EXACT ? path.equals(watch.path) : path.isWithin(watch.path);
}
