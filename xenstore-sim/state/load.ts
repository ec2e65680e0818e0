/**
 * A store from the records of a state stream: what `dump.ts` writes, and what the C daemons write.
 *
 * The records are checked against each other: a watch needs its connection, a node its parent, a transaction's node its
 * transaction. A stream that does not hold together is refused as a whole.
 */
import { type Allocate, allocatePlain } from '../../protocol/allocate.js';
import { QuiesceError } from '../../protocol/errors.js';
import { Connection } from '../connections.js';
import { Daemon } from '../daemon.js';
import { Domain, NO_TARGET } from '../domains.js';
import type { LiveUpdateHost } from '../live-update.js';
import { Node } from '../node.js';
import { domainDirectory, isSpecial, type Path, ROOT, resolvePath, specialPath } from '../path.js';
import { PermissionList } from '../permissions.js';
import type { Policy } from '../policy.js';
import { QUOTA_NAMES, type Quota, type QuotaSet, UNLIMITED } from '../quota.js';
import { WIRE_QUOTAS } from '../setting-requests.js';
import { INTRODUCE_DOMAIN, RELEASE_DOMAIN, Store } from '../store.js';
import { emptyTree, type Tree } from '../tree.js';
import { ANY_DEPTH, Watch } from '../watches.js';
import { loadTransaction, type NodeAt } from './carried-transactions.js';
import { type Buffered, type HostDomain, PORT_NOT_INTRODUCED, PORT_NOT_SERVED } from './dump.js';
import {
  bytesOf,
  type ConnectionRecord,
  type DomainRecord,
  type ExtendedWatchRecord,
  type GlobalQuotaRecord,
  NO_TARGET_DOMAIN,
  type NodeRecord,
  type QuotaValue,
  type StateRecord,
  type StateStream,
  UNLIMITED_DEPTH,
  type WatchRecord,
} from './records.js';

/** A connection of the store, and what belongs to it outside of the store. */
export interface LoadedConnection extends Buffered {
  /** Its number in the store. */
  readonly connection: number;
  readonly transport: ConnectionRecord['transport'];
}

export interface Loaded {
  readonly store: Store;
  readonly connections: readonly LoadedConnection[];
}

/**
 * The store that `stream` describes, for a daemon with `policy`. `host` are the domains that exist; those that the stream
 * introduces exist in any case.
 *
 * @throws QuiesceError `BAD_STATE_STREAM` when the records do not hold together.
 */
export function loadStore(
  stream: StateStream,
  policy: Policy,
  host: readonly HostDomain[] = [],
  allocate: Allocate = allocatePlain,
): Loaded {
  const loader = new Loader(policy, host, allocate);
  for (const [index, record] of stream.records.entries()) loader.take(record, index);
  return loader.finish();
}

export interface LoadedDaemon {
  readonly daemon: Daemon;
  /** To be attached to transports again; their input and output is with the daemon. */
  readonly connections: readonly LoadedConnection[];
}

/**
 * The daemon that `stream` describes. Its first `flush` hands over what the old one had not sent. Requests that were
 * received and not executed are executed when `receive` is called next, if only with no bytes (`Daemon.hasMore`).
 * `updates` is what it needs for CONTROL live-update; the bytes of nodes come from `allocate`.
 *
 * @throws QuiesceError `BAD_STATE_STREAM` when the records do not hold together.
 */
export function loadDaemon(
  stream: StateStream,
  policy: Policy,
  host: readonly HostDomain[] = [],
  updates: LiveUpdateHost<Daemon> | null = null,
  allocate: Allocate = allocatePlain,
): LoadedDaemon {
  const { store, connections } = loadStore(stream, policy, host, allocate);
  const sessions = connections.map(({ connection, transport, input, output }) => ({
    connection,
    domid: store.connection(connection).domid,
    ring: transport.kind === 'ring',
    input: bytesOf(input),
    output: bytesOf(output),
  }));
  return { daemon: Daemon.restore(store, sessions, updates), connections };
}

class Loader {
  readonly #policy: Policy;
  #store: Store;
  #tree: Tree;
  /** Whose the tree is while it is made. */
  readonly #owner = {};
  /** The record being taken, for messages. */
  #at = '';
  /** Numbers in the stream of the connections that are open, and of those that are not served. */
  readonly #numbers = new Map<number, Connection | null>();
  readonly #connections: LoadedConnection[] = [];
  /** By connection and transaction. */
  readonly #transactions = new Map<
    string,
    { readonly connection: number; readonly id: number; readonly nodes: NodeAt[] }
  >();

  constructor(policy: Policy, host: readonly HostDomain[], allocate: Allocate) {
    this.#policy = policy;
    this.#store = Store.empty(policy, allocate);
    this.#tree = emptyTree(policy, allocate);
    for (const { domid, shutdown, gfn } of host) this.#setDomain(this.#domain(domid).with({ shutdown, gfn }));
  }

  take(record: StateRecord, index: number): void {
    this.#at = `record ${index} (${record.type})`;
    switch (record.type) {
      case 'GLOBAL_DATA':
        return;
      case 'CONNECTION_DATA':
        this.#takeConnection(record);
        return;
      case 'WATCH_DATA':
      case 'WATCH_DATA_EXTENDED':
        this.#takeWatch(record);
        return;
      case 'TRANSACTION_DATA': {
        const { id } = this.#connection(record.connection);
        const key = `${record.connection} ${record.transaction}`;
        if (record.transaction === 0 || this.#transactions.has(key)) this.#refuse('a new transaction', key);
        this.#transactions.set(key, { connection: id, id: record.transaction, nodes: [] });
        return;
      }
      case 'NODE_DATA':
        if (record.connection === 0) this.#takeNode(record);
        else this.#takeAccess(record);
        return;
      case 'GLOBAL_QUOTA_DATA':
        this.#takeGlobalQuota(record);
        return;
      case 'DOMAIN_DATA':
        this.#takeDomain(record);
        return;
    }
  }

  finish(): Loaded {
    this.#at = 'the end';
    if (this.#tree.get(ROOT) === undefined) this.#refuse('a node /', 'none');
    for (const path of [INTRODUCE_DOMAIN, RELEASE_DOMAIN]) {
      const standard = this.#store.tree.get(path);
      if (standard !== undefined && this.#tree.get(path) === undefined) this.#tree = this.#tree.set(path, standard);
    }
    this.#change({ tree: this.#tree });
    for (const { connection: id, id: transaction, nodes } of this.#transactions.values()) {
      const connection = this.#store.connection(id);
      const transactions = [...connection.transactions, loadTransaction(this.#store, transaction, nodes)];
      const above = Math.max(connection.nextTransaction, transaction + 1);
      const nextTransaction = this.#policy.finite ? connection.nextTransaction : above;
      this.#setConnection(connection.with({ transactions, nextTransaction }));
    }
    return { store: this.#store, connections: this.#connections };
  }

  #takeConnection(record: ConnectionRecord): void {
    const { connection: number, transport, input, output, partialReply } = record;
    if (this.#numbers.has(number)) this.#refuse('a new connection', String(number));
    const domid = transport.kind === 'ring' ? transport.domid : 0;
    if (transport.kind === 'ring' && domid === 0) this.#setDomain(this.#domain(0).with({ port: transport.port }));
    else if (transport.kind === 'ring') {
      const target = transport.target === NO_TARGET_DOMAIN ? NO_TARGET : transport.target;
      const introduced = transport.port !== PORT_NOT_INTRODUCED;
      const port = transport.port < PORT_NOT_INTRODUCED ? transport.port : 0;
      this.#setDomain(this.#domain(domid).with({ introduced, target, port }));
      if (transport.port === PORT_NOT_SERVED) {
        this.#numbers.set(number, null);
        return;
      }
    }
    const connection = Connection.open(number - 1, domid, domid === 0);
    this.#numbers.set(number, connection);
    this.#setConnection(connection);
    this.#connections.push({ connection: connection.id, transport, input, output, partialReply });
  }

  #takeWatch(record: WatchRecord | ExtendedWatchRecord): void {
    const { id, domid, watches } = this.#connection(record.connection);
    const { path: text, token } = record;
    const path = isSpecial(text) ? specialPath(text) : resolvePath(text, domid);
    if (path === null) this.#refuse('the path of a watch', JSON.stringify(text));
    const skip = isSpecial(text) || text.startsWith('/') ? 0 : domainDirectory(domid).length + 1;
    const limited = record.type === 'WATCH_DATA_EXTENDED' && record.depth !== UNLIMITED_DEPTH;
    const depth = limited ? record.depth : ANY_DEPTH;
    const serial = (watches.last?.serial ?? -1) + 1;
    const watch = new Watch({ connection: id, path, token, skip, depth, serial });
    this.#change({ watches: this.#store.watches.add(watch) });
    this.#setConnection(this.#store.connection(id).with({ watches: watches.set(watch) }));
  }

  #takeNode({ path: text, permissions, value }: NodeRecord): void {
    const path = this.#path(text);
    if (permissions.length === 0) this.#refuse('the owner of the node', 'no permissions');
    if (this.#tree.get(path) !== undefined) this.#refuse('a new node', JSON.stringify(text));
    let node = this.#counted(Node.create(value, new PermissionList(permissions)));
    if (path.parent !== null) {
      const parent = this.#tree.get(path.parent);
      if (parent === undefined) this.#refuse(`the parent of ${JSON.stringify(text)} before it`, 'none');
      this.#tree = this.#tree.set(path.parent, parent.withChild(path.name, this.#policy.childOrder), this.#owner);
      node = node.withBirth(parent.nextBirth);
    }
    this.#tree = this.#tree.set(path, node, this.#owner);
    // Special names count where they are nodes to the daemon.
    const counts = !path.special || this.#policy.specialNames === 'nodes';
    const owner = counts ? this.#store.domains.get(node.permissions.owner) : undefined;
    if (owner !== undefined && owner.id !== 0) this.#setDomain(owner.with({ nodes: owner.nodes + 1 }));
  }

  #takeAccess(record: NodeRecord): void {
    const key = `${record.connection} ${record.transaction}`;
    const transaction = this.#transactions.get(key);
    if (transaction === undefined) this.#refuse('the transaction of the node before it', key);
    transaction.nodes.push({ path: this.#path(record.path), record });
  }

  #takeDomain({ domid, features, quotas }: DomainRecord): void {
    if (!this.#policy.quotaOfDomain) return;
    const own = this.#store.quota.with(this.#quotaOf(quotas));
    // The control domain has no quotas of its own until it is given some.
    const quota = domid === 0 && sameQuota(own, this.#store.quota) ? null : own;
    this.#setDomain(this.#domain(domid).with({ features, quota }));
  }

  #takeGlobalQuota({ perDomain }: GlobalQuotaRecord): void {
    const quota = this.#store.quota.with(this.#quotaOf(perDomain));
    this.#change({ quota });
    for (const domain of this.#store.domains.items) if (domain.quota !== null) this.#setDomain(domain.with({ quota }));
  }

  /** The known ones of `values`. 0 is no limit, and may be written as such only where domains have quotas. */
  #quotaOf(values: readonly QuotaValue[]): Partial<Quota> {
    const quota: { -readonly [K in keyof Quota]?: number } = {};
    for (const { name, value } of values) {
      const key = WIRE_QUOTAS.find(([known]) => known === name)?.[1];
      if (key !== undefined) quota[key] = value === 0 && !this.#policy.quotaOfDomain ? UNLIMITED : value;
    }
    return quota;
  }

  /** A path as a node has it: absolute, or a special name where those are nodes outside the tree. */
  #path(text: string): Path {
    const path = isSpecial(text) ? specialPath(text) : text.startsWith('/') ? resolvePath(text, 0) : null;
    return path ?? this.#refuse('the path of a node', JSON.stringify(text));
  }

  #counted(node: Node): Node {
    return this.#policy.finite ? node : node.withGeneration(this.#store.generation);
  }

  #connection(number: number): Connection {
    const connection = this.#numbers.get(number);
    if (connection === undefined || connection === null) this.#refuse('an open connection', String(number));
    return this.#store.connection(connection.id);
  }

  #domain(domid: number): Domain {
    const known = this.#store.domains.get(domid);
    if (known !== undefined) return known;
    const { features, quotaOfDomain } = this.#policy;
    const quota = quotaOfDomain ? this.#store.quota : null;
    const state = { introduced: false, shutdown: false, target: NO_TARGET, nodes: 0, gfn: 0, port: 0, features, quota };
    return new Domain(domid, state);
  }

  #setDomain(domain: Domain): void {
    this.#change({ domains: this.#store.domains.set(domain) });
  }

  #setConnection(connection: Connection): void {
    this.#change({ connections: this.#store.connections.set(connection) });
  }

  #change(change: Partial<Store>): void {
    this.#store = new Store(this.#policy, { ...this.#store, ...change });
  }

  #refuse(expected: string, found: string): never {
    throw new QuiesceError('BAD_STATE_STREAM', `state stream, ${this.#at}: expected ${expected}, found ${found}`);
  }
}

function sameQuota({ quota: one }: QuotaSet, { quota: other }: QuotaSet): boolean {
  return QUOTA_NAMES.every((name) => one[name] === other[name]);
}
