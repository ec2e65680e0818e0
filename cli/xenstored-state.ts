/**
 * The state of a daemon in a file: the stream that the daemons of Xen hand on at a live update.
 */

import { readBytes } from '../library/files.js';
import { allocateLarge } from '../platform/large-pages.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { type Policy, Store } from '../xenstore-sim/index.js';
import type { LiveUpdateHost } from '../xenstore-sim/live-update.js';
import type { Quota } from '../xenstore-sim/quota.js';
import { WIRE_QUOTAS } from '../xenstore-sim/setting-requests.js';
import { dumpDaemon } from '../xenstore-sim/state/dump.js';
import { type Belongings, forNewProcess } from '../xenstore-sim/state/for-new-process.js';
import { loadDaemon } from '../xenstore-sim/state/load.js';
import { readStateStream } from '../xenstore-sim/state/read-stream.js';
import type { QuotaValue, StateRecord, StateStream } from '../xenstore-sim/state/records.js';
import { writeStateStream } from '../xenstore-sim/state/write-stream.js';

/** What there is of a state on the terminal, and in the line of `--json`. */
export interface Loaded {
  readonly file: string;
  readonly nodes: number;
  /** What has ended with the sockets of the old process. */
  readonly ended: Belongings;
  /** What guests may go on with. */
  readonly waiting: readonly (Belongings & { readonly domid: number })[];
}

export interface Begun {
  readonly daemon: Daemon;
  /** Undefined for a new store. */
  readonly loaded: Loaded | undefined;
}

/** What all commands of one server have in common. */
export interface StateOptions {
  readonly policy: Policy;
  readonly quotas: Partial<Quota>;
  readonly updates: LiveUpdateHost<Daemon> | null;
}

/**
 * The daemon whose state is in `file`; without a file a new one. Clients at sockets of the old one are not there any more,
 * guests may resume their connections. `quotas` hold in place of those that the state has for all domains; what a single
 * domain was given stays.
 * Throws `USAGE` for a file that cannot be read, and `BAD_STATE_STREAM` for one that holds something else.
 */
export function daemonFrom(file: string | undefined, { policy, quotas, updates }: StateOptions): Begun {
  if (file === undefined) return { daemon: new Daemon(Store.empty(policy, allocateLarge), updates), loaded: undefined };
  const { stream, ended, waiting } = forNewProcess(withQuotas(readStateStream(readBytes(file)), quotas));
  const { daemon, connections } = loadDaemon(stream, policy, [], updates, allocateLarge);
  for (const { connection } of connections) {
    // What was whole is executed; the replies wait too.
    while (daemon.hasMore(connection)) daemon.receive(connection, new Uint8Array(0));
    daemon.detach(connection);
  }
  const loaded: Loaded = {
    file,
    nodes: nodesIn(stream),
    ended,
    waiting: [...waiting].map(([domid, belongings]) => ({ domid, ...belongings })),
  };
  return { daemon, loaded };
}

/** Lines about what was found in a file. */
export function loadedText({ file, nodes, ended, waiting }: Loaded): string {
  const lines = [`loaded ${file}: ${counted(nodes, 'node')}`];
  if (ended.connections > 0) lines.push(`  ended with the old process: ${belongingsText(ended)}`);
  for (const { domid, ...belongings } of waiting) {
    lines.push(`  waits for /domain/${domid}?resume: ${belongingsText(belongings)}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

export interface Dumped {
  /** What `daemonFrom` takes. */
  readonly bytes: Uint8Array;
  /** A line about what is in it, without the file. */
  readonly text: string;
}

/** The whole state: nodes, domains, connections with watches, open transactions, and bytes on their way. */
export function stateOf(daemon: Daemon): Dumped {
  const stream = dumpDaemon(daemon);
  const { connections } = daemon.store;
  const belongings = {
    connections: connections.count,
    watches: connections.items.reduce((sum, { watches }) => sum + watches.count, 0),
    transactions: connections.items.reduce((sum, { transactions }) => sum + transactions.length, 0),
  };
  return {
    bytes: writeStateStream(stream),
    text: `${counted(nodesIn(stream), 'node')}, ${belongingsText(belongings)}`,
  };
}

/** Nodes of the tree; special names outside of it are carried as nodes too. */
function nodesIn({ records }: StateStream): number {
  return records.filter((record) => record.type === 'NODE_DATA' && record.connection === 0 && record.path[0] === '/')
    .length;
}

function belongingsText({ connections, watches, transactions }: Belongings): string {
  const texts = [counted(connections, 'connection')];
  if (watches > 0) texts.push(counted(watches, 'watch', 'es'));
  if (transactions > 0) texts.push(counted(transactions, 'open transaction'));
  return texts.join(', ');
}

function counted(count: number, what: string, more = 's'): string {
  return `${count} ${what}${count === 1 ? '' : more}`;
}

function withQuotas({ version, records }: StateStream, quotas: Partial<Quota>): StateStream {
  const old = records.flatMap((record) => (record.type === 'GLOBAL_QUOTA_DATA' ? record.perDomain : []));
  const changed = (values: readonly QuotaValue[]): QuotaValue[] =>
    values.map(({ name, value }) => {
      const key = WIRE_QUOTAS.find(([known]) => known === name)?.[1];
      const isOwn = old.some((each) => each.name === name && each.value !== value);
      return { name, value: (key === undefined || isOwn ? undefined : quotas[key]) ?? value };
    });
  const replaced = (record: StateRecord): StateRecord => {
    if (record.type === 'GLOBAL_QUOTA_DATA') return { ...record, perDomain: changed(record.perDomain) };
    return record.type === 'DOMAIN_DATA' ? { ...record, quotas: changed(record.quotas) } : record;
  };
  return { version, records: records.map(replaced) };
}
