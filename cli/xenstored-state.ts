/**
 * The state of a daemon in a file: the stream that the daemons of Xen hand on at a live update.
 */

import { readBytes } from '../library/files.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { type Policy, Store } from '../xenstore-sim/index.js';
import type { Quota } from '../xenstore-sim/quota.js';
import { WIRE_QUOTAS } from '../xenstore-sim/setting-requests.js';
import { dumpDaemon } from '../xenstore-sim/state/dump.js';
import { loadDaemon } from '../xenstore-sim/state/load.js';
import { readStateStream } from '../xenstore-sim/state/read-stream.js';
import type { QuotaValue, StateRecord, StateStream } from '../xenstore-sim/state/records.js';
import { writeStateStream } from '../xenstore-sim/state/write-stream.js';

/**
 * The daemon whose state is in `file`; without a file a new one. Clients of the old one are not there any more. `quotas`
 * hold in place of those that the state has for all domains; what a single domain was given stays.
 * Throws `USAGE` for a file that cannot be read, and `BAD_STATE_STREAM` for one that holds something else.
 */
export function daemonFrom(file: string | undefined, policy: Policy, quotas: Partial<Quota>): Daemon {
  if (file === undefined) return new Daemon(Store.empty(policy));
  const { daemon, connections } = loadDaemon(withQuotas(readStateStream(readBytes(file)), quotas), policy);
  for (const { connection } of connections) daemon.disconnect(connection);
  return daemon;
}

/** What `daemonFrom` takes. */
export function stateOf(daemon: Daemon): Uint8Array {
  return writeStateStream(dumpDaemon(daemon));
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
