/**
 * The next store in the making.
 *
 * One request, or one event from outside, makes a draft of the store, changes it through the methods here and turns it
 * into a new store. A draft that stands in a transaction of the C daemon sees and changes the transaction's copies of
 * the nodes instead of the tree; nothing above this file knows the difference.
 */
import { EXACT, type Reach, SUBTREE } from './accessed.js';
import type { Connection } from './connections.js';
import { Domain, NO_TARGET } from './domains.js';
import { EventQueue } from './event-queue.js';
import type { IdList } from './id-list.js';
import type { Node } from './node.js';
import type { Path } from './path.js';
import type { Owner } from './path-map.js';
import { type PermissionList, READ, type Subject } from './permissions.js';
import type { Policy } from './policy.js';
import { type Allowance, type QuotaSet, UNLIMITED } from './quota.js';
import { Store, type StoreState } from './store.js';
import type { CTransaction } from './transactions.js';
import { permissionsAt, storedAt, type Tree } from './tree.js';
import { KeptTree, VersionedTree } from './versioned-tree.js';
import type { WatchIndex } from './watch-index.js';
import type { Watch, WatchEvent } from './watches.js';

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
  connections: IdList<Connection>;
  domains: IdList<Domain>;
  watches: WatchIndex;
  quota: QuotaSet;
  generation: number;
  /** The C daemon's transaction that the draft stands in, or null. */
  transaction: CTransaction | null = null;
  /** Whether the tree is that of an open transaction of oxenstored: nobody outside is to know of changes. */
  isolated = false;
  /** Set when the transaction would have accessed more nodes than it may: the request has failed. */
  overflown = false;
  readonly #owner: Owner | null;
  /** Whose transaction it is. */
  #caller: Connection | null = null;
  /** Events on their way into the queues of connections, by number. */
  #queues: Map<number, EventQueue> | null = null;

  /** @param owner Who gives `store` up for what is made of it, if anybody. */
  constructor(store: Store, owner: Owner | null = null) {
    // Hashes are of what does not change.
    this.#owner = store.policy.finite ? null : owner;
    this.policy = store.policy;
    this.tree = store.tree;
    this.connections = store.connections;
    this.domains = store.domains;
    this.watches = store.watches;
    this.quota = store.quota;
    this.generation = store.generation;
  }

  /** Who gives up what the draft was made of, and alone holds what is made of it; null if somebody else may. */
  get owner(): Owner | null {
    return this.#owner;
  }

  /** From now on, nodes are those that `transaction` of `caller` has. */
  enter(caller: Connection, transaction: CTransaction): void {
    this.#caller = caller;
    this.transaction = transaction;
  }

  /** Lets the tree forget the states that no transaction works on, if they have become many. */
  forgetTrees(): void {
    const { tree } = this;
    if (!(tree instanceof VersionedTree) || !tree.isCrowded) return;
    const open = this.connections.items.flatMap(({ transactions }) => transactions);
    const bases = open.map((transaction) => (transaction.rules === 'ocaml' ? transaction.state.base : null));
    tree.forget(bases.filter((base) => base instanceof KeptTree));
  }

  /** From now on, nodes are those of the tree again. */
  leave(): void {
    this.#caller = null;
    this.transaction = null;
  }

  /** The new store; `old` itself if the draft was made from it and nothing has changed. */
  finish(old: Store): Store {
    this.#deliver();
    const same =
      this.tree === old.tree &&
      // It may have been changed in place.
      this.generation === old.generation &&
      this.connections === old.connections &&
      this.domains === old.domains &&
      this.watches === old.watches &&
      this.quota === old.quota;
    return same ? old : new Store(this.policy, this);
  }

  /** The node at `path`, or null. Inside a transaction, the look alone is an access. */
  read(path: Path): Node | null {
    const transaction = this.transaction;
    if (transaction === null) return this.tree.get(path) ?? null;
    const accessed = transaction.get(path);
    if (accessed !== undefined) return accessed.node;
    const caller = this.#caller;
    if (caller !== null && transaction.count >= this.limit(caller, 'transactionNodes')) {
      this.overflown = true;
      return null;
    }
    const node = this.tree.get(path) ?? null;
    this.transaction = transaction.access(path, node, this.#owner);
    return node;
  }

  /**
   * Stores or, with null, removes a node that was read before. The list of its parent's children is the caller's business.
   *
   * @param before The permissions that it has up to now, null if there is no node; to be left out where they are not known.
   */
  put(path: Path, node: Node | null, before?: PermissionList | null): void {
    if (this.transaction !== null) {
      const accessed = this.transaction.get(path);
      if (accessed !== undefined)
        this.transaction = this.transaction.update(accessed.changedTo(node, this.#owner), this.#owner);
      return;
    }
    const { rules, finite } = this.policy;
    // Only oxenstored asks what was there.
    const old = rules === 'ocaml' ? (this.tree.get(path) ?? null) : null;
    const known = before === undefined && old === null ? permissionsAt(this.tree, path) : before;
    const oldOwner = (old?.permissions ?? known)?.owner ?? 0;
    const owner = node?.permissions.owner ?? 0;
    if (oldOwner !== owner) {
      this.#count(oldOwner, -1);
      this.#count(owner, 1);
    }
    if (!finite) this.generation++;
    this.tree =
      node === null
        ? this.tree.delete(path, this.#owner)
        : storedAt(this.tree, path, node, this.generation, this.#owner);
    if (this.isolated) return;
    if (rules === 'ocaml') this.#tellTransactions(equal(old, node) ? path.parent : path);
    else if (finite) this.#tellTransactions(path);
  }

  /** Stores another version of a node, of which neither watches nor transactions are to know. */
  replace(path: Path, node: Node): void {
    this.tree = this.tree.set(path, node, this.#owner);
  }

  /**
   * Tells everybody who watches and may know: who can read the node now, could before where that counts, or can read its
   * parent (C xenstored). Inside a transaction it is left for the commit.
   */
  announce(announcement: Announcement): void {
    const { path, reach, node, before, parent } = announcement;
    if (this.transaction !== null) {
      const accessed = this.transaction.get(path);
      if (accessed !== undefined)
        this.transaction = this.transaction.update(accessed.reaching(reach, this.#owner), this.#owner);
      return;
    }
    const permitted = (subject: Subject): boolean => {
      if (before !== null && (before.allows(subject) & READ) !== 0) return true;
      if (node === null) return false;
      if ((node.permissions.allows(subject) & READ) !== 0) return true;
      return parent !== null && (parent.permissions.allows(subject) & READ) !== 0;
    };
    this.notify(this.#watching(path, reach), path.text, permitted);
  }

  /** Whether a watch may be on `path` or, for `SUBTREE`, above it: else there is nobody to be told of a change. */
  mayBeWatched(path: Path, reach: typeof EXACT | typeof SUBTREE): boolean {
    if (this.watches.mayBeAt(path.hashLow)) return true;
    return reach === SUBTREE && path.parent !== null && this.mayBeWatched(path.parent, SUBTREE);
  }

  /**
   * Queues an event for each of `watches` whose holder is `permitted`. The watches of one connection must be neighbours
   * and in the order in which it is told; `text` is the path in the events.
   */
  notify(watches: readonly Watch[], text: string, permitted: (subject: Subject) => boolean): void {
    for (let i = 0; i < watches.length; ) {
      const connection = this.connections.get((watches[i] as Watch).connection) as Connection;
      const allowed = permitted(this.subject(connection));
      for (; watches[i]?.connection === connection.id; i++) {
        if (allowed) this.queue(connection, (watches[i] as Watch).event(text));
      }
    }
  }

  /** Puts an event into the queue of `connection`. */
  queue(connection: Connection, event: WatchEvent): void {
    this.#queues ??= new Map();
    let queue = this.#queues.get(connection.id);
    if (queue === undefined) {
      queue = new EventQueue(this.policy, connection);
      this.#queues.set(connection.id, queue);
    }
    queue.add(event);
  }

  /** Connections whose queue has grown, or null for none. */
  get notified(): readonly number[] | null {
    if (this.#queues === null) return null;
    return [...this.#queues].filter(([, queue]) => !queue.isEmpty).map(([id]) => id);
  }

  #deliver(): void {
    if (this.#queues === null) return;
    for (const [id, queue] of this.#queues) {
      const connection = this.connections.get(id);
      if (connection !== undefined && !queue.isEmpty) this.setConnection(connection.with({ pending: queue.events }));
    }
  }

  /** The watches that a change at `path` concerns: by connection, in order of registration. */
  #watching(path: Path, reach: Reach): Watch[] {
    const found: Watch[] = [];
    for (let at: Path | null = path; at !== null; at = reach === EXACT ? null : at.parent) {
      for (const watch of this.watches.at(at)) if (watch.reaches(path)) found.push(watch);
    }
    return found.length > 1 ? found.sort(byRegistration) : found;
  }

  /** On whose behalf a connection acts. */
  subject(connection: Connection): Subject {
    if (connection.privileged) return CONTROL;
    const target = this.domains.get(connection.domid)?.target ?? NO_TARGET;
    // oxenstored takes a device model of the control domain for the control domain.
    return { privileged: target === 0 && this.policy.rules === 'ocaml', domid: connection.domid, target };
  }

  /** How many there may be of what quota `name` is about: the quota, as the daemon compares it. No limit for the privileged. */
  limit(caller: Connection, name: keyof Allowance): number {
    if (caller.privileged) return UNLIMITED;
    const { quotaOfDomain, allowance } = this.policy;
    const { quota } = (quotaOfDomain ? this.domains.get(caller.domid)?.quota : null) ?? this.quota;
    const value = quota[name === 'nodesAtCommit' ? 'nodes' : name];
    return quotaOfDomain && value === 0 ? UNLIMITED : value + allowance[name];
  }

  /** Makes sure that domain `domid` is known. */
  ensureDomain(domid: number): Domain {
    const known = this.domains.get(domid);
    if (known !== undefined) return known;
    const { features, quotaOfDomain } = this.policy;
    const quota = quotaOfDomain ? this.quota : null;
    const state = {
      introduced: false,
      shutdown: false,
      target: NO_TARGET,
      nodes: 0,
      gfn: 0,
      port: 0,
      features,
      quota,
    };
    const domain = new Domain(domid, state);
    this.domains = this.domains.set(domain);
    return domain;
  }

  setDomain(domain: Domain): void {
    this.domains = this.domains.set(domain);
  }

  setConnection(connection: Connection): void {
    this.connections = this.connections.set(connection);
  }

  #count(domid: number, change: number): void {
    const domain = domid === 0 ? undefined : this.domains.get(domid);
    if (domain !== undefined) this.setDomain(domain.with({ nodes: domain.nodes + change }));
  }

  #tellTransactions(path: Path | null): void {
    if (path === null) return;
    if (this.tree instanceof VersionedTree) {
      this.tree.note(path);
      return;
    }
    for (const connection of this.connections.items) {
      if (connection.transactions.length === 0) continue;
      const transactions = connection.transactions.map((transaction) => transaction.afterChangeOf(path));
      if (transactions.some((transaction, i) => transaction !== connection.transactions[i])) {
        this.setConnection(connection.with({ transactions }));
      }
    }
  }
}

const CONTROL: Subject = { privileged: true, domid: 0, target: NO_TARGET };

/** oxenstored keeps a node that is written with the value it has, and replaces only those above. */
function equal(old: Node | null, node: Node | null): boolean {
  if (old === null || node === null) return false;
  return old.value === node.value && old.permissions === node.permissions && old.hasListOf(node);
}

function byRegistration(one: Watch, other: Watch): number {
  return one.id - other.id;
}
