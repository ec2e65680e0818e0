/**
 * The state of a daemon in a file: the stream that the daemons of Xen hand on at a live update.
 */

import { readBytes } from '../library/files.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { type Policy, Store } from '../xenstore-sim/index.js';
import { dumpDaemon } from '../xenstore-sim/state/dump.js';
import { loadDaemon } from '../xenstore-sim/state/load.js';
import { readStateStream } from '../xenstore-sim/state/read-stream.js';
import { writeStateStream } from '../xenstore-sim/state/write-stream.js';

/**
 * The daemon whose state is in `file`; without a file a new one. Clients of the old one are not there any more.
 * Throws `USAGE` for a file that cannot be read, and `BAD_STATE_STREAM` for one that holds something else.
 */
export function daemonFrom(file: string | undefined, policy: Policy): Daemon {
  if (file === undefined) return new Daemon(Store.empty(policy));
  const { daemon, connections } = loadDaemon(readStateStream(readBytes(file)), policy);
  for (const { connection } of connections) daemon.disconnect(connection);
  return daemon;
}

/** What `daemonFrom` takes. */
export function stateOf(daemon: Daemon): Uint8Array {
  return writeStateStream(dumpDaemon(daemon));
}
