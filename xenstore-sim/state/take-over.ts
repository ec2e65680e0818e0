/**
 * The next daemon of a live update: what the old one leaves goes through a state stream, as between two processes.
 */
import { type Allocate, allocatePlain } from '../../protocol/allocate.js';
import type { Daemon } from '../daemon.js';
import type { Policy } from '../policy.js';
import { dumpDaemon, hostDomains } from './dump.js';
import { loadDaemon } from './load.js';
import { readStateStream } from './read-stream.js';
import type { StateRecord } from './records.js';
import { writeStateStream } from './write-stream.js';

/**
 * A daemon with `policy` and the state of `daemon`, which stays as it is: nodes, domains, connections, watches, bytes on
 * their way in and out. Open transactions end, as in the real daemons: their ids are unknown from then on.
 * The bytes of nodes come from `allocate`.
 */
export function takeOver(daemon: Daemon, policy: Policy, allocate: Allocate = allocatePlain): Daemon {
  const { version, records } = dumpDaemon(daemon);
  const bytes = writeStateStream({ version, records: records.filter((record) => !isOfTransaction(record)) });
  return loadDaemon(readStateStream(bytes), policy, hostDomains(daemon.store), null, allocate).daemon;
}

function isOfTransaction(record: StateRecord): boolean {
  return record.type === 'TRANSACTION_DATA' || (record.type === 'NODE_DATA' && record.connection !== 0);
}
