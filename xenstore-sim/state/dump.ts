/**
 * The state of a store as the records of a state stream, in the order in which C xenstored writes them.
 *
 * Carried: nodes with values, permissions and the order of their children; watches; events not sent yet, as frames of the
 * output; introduced domains with their targets, and in version 2 their features and quotas; open transactions (see
 * `carried-transactions.ts` for what becomes of them).
 *
 * Not carried, because no record has a place for it:
 * - what a hypervisor knows and tells the next daemon: which domains exist that are not introduced, which have shut down,
 *   where their ring pages are (`HostDomain`);
 * - ids of transactions that have ended: the next id is the one above the highest open one;
 * - generations of nodes: a client that reads a list in parts across the change may have to begin again;
 * - in version 1 the quotas: they are settings of the daemon.
 */
import { binaryString } from '../../protocol/xs-wire.js';
import type { Connection } from '../connections.js';
import type { Daemon } from '../daemon.js';
import { type Domain, NO_TARGET } from '../domains.js';
import { childPath, type Path, ROOT } from '../path.js';
import { type QuotaSet, UNLIMITED } from '../quota.js';
import { WIRE_QUOTAS } from '../setting-requests.js';
import { INTRODUCE_DOMAIN, RELEASE_DOMAIN, type Store } from '../store.js';
import { ANY_DEPTH, type Watch } from '../watches.js';
import { Output } from '../wire/output.js';
import { carriedEntry } from './carried-entry.js';
import { dumpTransaction } from './carried-transactions.js';
import {
  type ConnectionRecord,
  type GlobalRecord,
  NO_TARGET_DOMAIN,
  type NodeRecord,
  type QuotaValue,
  type RingTransport,
  type SocketTransport,
  type StateRecord,
  type StateStream,
  type StreamVersion,
} from './records.js';

/** What a hypervisor knows of a domain. */
export interface HostDomain {
  readonly domid: number;
  readonly shutdown: boolean;
  /** Frame number of its ring page, as INTRODUCE names it. */
  readonly gfn: number;
}

/** The domains that exist, the control domain not included. */
export function hostDomains(store: Store): HostDomain[] {
  return store.domains.items
    .filter(({ id }) => id !== 0)
    .map(({ id, shutdown, gfn }) => ({ domid: id, shutdown, gfn }));
}

/** Bytes of a connection that are on their way. */
export interface Buffered {
  /** Received, but not executed. */
  readonly input: string;
  /** To be sent: replies and events, encoded. */
  readonly output: string;
  /** Bytes at the front of `output` that are the rest of a frame. */
  readonly partialReply: number;
}

/** What the world around the daemon adds to its state. */
export interface Surroundings {
  readonly global?: GlobalRecord;
  /**
   * How a connection is attached. Left out: a guest by its ring, the control domain by a socket without descriptor. The
   * socket of a guest must be given as a ring: a record of a socket has no place for a domain.
   */
  readonly transport?: (connection: number) => RingTransport | SocketTransport | undefined;
  /** What the daemon has handed over and the transport has not sent: it goes before what the daemon still has. */
  readonly unsent?: (connection: number) => Pick<Buffered, 'output' | 'partialReply'> | undefined;
}

/**
 * The records of `daemon`. Input that is not executed and output that is not sent are carried as bytes, events that wait
 * for a blocked connection as frames of its output. That a connection is blocked is not carried: it has a new transport.
 */
export function dumpDaemon(daemon: Daemon, around: Surroundings = {}): StateStream {
  const { store } = daemon;
  const sessions = new Map(daemon.sessions().map((session) => [session.connection, session]));
  const buffered = (connection: number): Buffered => {
    const session = sessions.get(connection);
    const unsent = around.unsent?.(connection);
    const events = new Output();
    for (const event of store.connection(connection).pending) events.event(event);
    const input = session === undefined ? '' : binaryString(session.input);
    const output = session === undefined ? '' : binaryString(session.output);
    return {
      input,
      output: (unsent?.output ?? '') + output + binaryString(events.bytes),
      partialReply: unsent?.partialReply ?? 0,
    };
  };
  const transport = (connection: number): RingTransport | SocketTransport | undefined => {
    const session = sessions.get(connection);
    return around.transport?.(connection) ?? (session?.ring === true ? ringOf(store, session.domid) : undefined);
  };
  return dumpStore(store, buffered, { ...around, transport });
}

/** In place of the event channel of a ring: it is not served, or its domain is not introduced. No channel has such a number. */
export const PORT_NOT_SERVED = 0xffffffff;
export const PORT_NOT_INTRODUCED = 0xfffffffe;

/** The number that the stream gives to a connection; 0 is not one. */
export const numberInStream = (connection: number): number => connection + 1;

/** The records of `store`. `buffered` gives the bytes of its connections. */
export function dumpStore(
  store: Store,
  buffered: (connection: number) => Buffered,
  around: Surroundings = {},
): StateStream {
  const { policy } = store;
  const version: StreamVersion = policy.quotaOfDomain ? 2 : 1;
  const special = [RELEASE_DOMAIN, INTRODUCE_DOMAIN].flatMap((path) => nodeRecord(store, path));
  const tree = nodesBelow(store, ROOT);
  const records: StateRecord[] = [];
  // Not `push(...more)`: there may be a million.
  const add = (more: readonly StateRecord[]): void => {
    for (const record of more) records.push(record);
  };
  if (around.global !== undefined) records.push(around.global);
  if (version === 2) {
    records.push({ type: 'GLOBAL_QUOTA_DATA', perDomain: quotaValues(store.quota), global: [] });
  }
  for (const connection of store.connections.items) {
    add(connectionRecords(store, connection, buffered(connection.id), around.transport?.(connection.id)));
  }
  add(silentDomains(store));
  add(version === 1 ? special : tree);
  add(version === 1 ? tree : special);
  for (const { id, transactions } of store.connections.items) {
    for (const open of transactions) add(dumpTransaction(store, numberInStream(id), open));
  }
  if (version === 2) add(store.domains.items.map((domain) => domainRecord(store, domain)));
  return { version, records };
}

function connectionRecords(
  store: Store,
  connection: Connection,
  { input, output, partialReply }: Buffered,
  transport: RingTransport | SocketTransport | undefined,
): StateRecord[] {
  const { id, domid } = connection;
  const number = numberInStream(id);
  const record: ConnectionRecord = {
    type: 'CONNECTION_DATA',
    connection: number,
    transport: transport ?? (domid === 0 ? { kind: 'socket', descriptor: -1 } : ringOf(store, domid)),
    input,
    output,
    partialReply,
    uniqueId: null,
  };
  return [
    record,
    ...connection.watches.items.map((watch) => watchRecord(number, watch)),
    ...connection.transactions.map(
      (open) => ({ type: 'TRANSACTION_DATA', connection: number, transaction: open.id }) as const,
    ),
  ];
}

function ringOf(store: Store, domid: number): RingTransport {
  const domain = store.domains.get(domid);
  const target = domain === undefined || domain.target === NO_TARGET ? NO_TARGET_DOMAIN : domain.target;
  return { kind: 'ring', domid, target, port: domain?.introduced === true ? domain.port >>> 0 : PORT_NOT_INTRODUCED };
}

/**
 * Introduced domains without connection: their rings were given up. They must stay known, or their end would not be
 * announced (XSA-325).
 */
function silentDomains(store: Store): ConnectionRecord[] {
  const served = new Set(store.connections.items.map(({ domid }) => domid));
  let last = store.connections.items.at(-1)?.id ?? -1;
  return store.domains.items
    .filter(({ id, introduced }) => introduced && id !== 0 && !served.has(id))
    .map(({ id }) => ({
      type: 'CONNECTION_DATA',
      connection: numberInStream(++last),
      transport: { ...ringOf(store, id), port: PORT_NOT_SERVED },
      input: '',
      output: '',
      partialReply: 0,
      uniqueId: null,
    }));
}

function watchRecord(connection: number, { path, token, skip, depth }: Watch): StateRecord {
  const text = path.text.slice(skip);
  if (depth === ANY_DEPTH) return { type: 'WATCH_DATA', connection, path: text, token };
  return { type: 'WATCH_DATA_EXTENDED', connection, path: text, token, depth };
}

/** The node at `path` and those below it: parents first, children in the order of their list. */
function nodesBelow(store: Store, path: Path): NodeRecord[] {
  const records: NodeRecord[] = [];
  // Not recursive: a tree may be very deep (XSA-418).
  const waiting = [path];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    records.push(...nodeRecord(store, at));
    for (const child of store.tree.get(at)?.children.toReversed() ?? []) waiting.push(childPath(at, child));
  }
  return records;
}

function nodeRecord(store: Store, path: Path): NodeRecord[] {
  const node = store.tree.get(path);
  if (node === undefined) return [];
  const { permissions, value } = node;
  return [
    {
      type: 'NODE_DATA',
      connection: 0,
      transaction: 0,
      access: 0,
      permissions: permissions.entries.map(carriedEntry),
      path: path.text,
      value,
    },
  ];
}

function domainRecord(store: Store, { id, features, quota }: Domain): StateRecord {
  return { type: 'DOMAIN_DATA', domid: id, features, quotas: quotaValues(quota ?? store.quota) };
}

function quotaValues({ quota }: QuotaSet): QuotaValue[] {
  return WIRE_QUOTAS.map(([name, key]) => ({ name, value: quota[key] === UNLIMITED ? 0 : quota[key] }));
}
