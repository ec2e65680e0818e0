/**
 * A state stream for a daemon in a new process, to which no socket and no page of the old one comes along.
 *
 * A client at a socket has lost its connection with the old process, and with the connection its watches and transactions.
 * A guest has not: to it a connection lasts from INTRODUCE to RELEASE, and it may go on with it by another transport.
 * That one begins between two frames, so the guest's half of a request is dropped, and the rest of a reply of which the
 * beginning has gone out.
 */
import { readWord, XS_HEADER_BYTES } from '../../protocol/xs-wire.js';
import { PORT_NOT_SERVED } from './dump.js';
import { bytesOf, type ConnectionRecord, type StateRecord, type StateStream } from './records.js';

/** What connections had that they lose, or keep. */
export interface Belongings {
  readonly connections: number;
  readonly watches: number;
  readonly transactions: number;
}

export interface Restart {
  readonly stream: StateStream;
  /** What has ended with the sockets of the old process. */
  readonly ended: Belongings;
  /** What waits for guests, by the number of their domain. */
  readonly waiting: ReadonlyMap<number, Belongings>;
}

const LENGTH_AT = 12;
const NONE: Belongings = { connections: 0, watches: 0, transactions: 0 };

export function forNewProcess({ version, records }: StateStream): Restart {
  const domains = new Map<number, number>();
  const sockets = new Set<number>();
  for (const record of records) {
    if (record.type !== 'CONNECTION_DATA') continue;
    const { connection, transport } = record;
    if (transport.kind === 'socket' || transport.domid === 0) sockets.add(connection);
    else if (transport.port !== PORT_NOT_SERVED) domains.set(connection, transport.domid);
  }
  let ended = NONE;
  const waiting = new Map<number, Belongings>();
  const kept: StateRecord[] = [];
  for (const record of records) {
    const connection = 'connection' in record ? record.connection : 0;
    const domid = domains.get(connection);
    if (sockets.has(connection)) ended = counted(ended, record);
    else kept.push(record.type === 'CONNECTION_DATA' ? betweenFrames(record) : record);
    if (domid !== undefined) waiting.set(domid, counted(waiting.get(domid) ?? NONE, record));
  }
  return { stream: { version, records: kept }, ended, waiting };
}

function counted({ connections, watches, transactions }: Belongings, { type }: StateRecord): Belongings {
  return {
    connections: connections + (type === 'CONNECTION_DATA' ? 1 : 0),
    watches: watches + (type === 'WATCH_DATA' || type === 'WATCH_DATA_EXTENDED' ? 1 : 0),
    transactions: transactions + (type === 'TRANSACTION_DATA' ? 1 : 0),
  };
}

function betweenFrames(record: ConnectionRecord): ConnectionRecord {
  const { input, output, partialReply } = record;
  const bytes = bytesOf(input);
  let whole = 0;
  for (;;) {
    const end = bytes.length - whole < XS_HEADER_BYTES ? Number.POSITIVE_INFINITY : frameEnd(bytes, whole);
    if (end > bytes.length) break;
    whole = end;
  }
  return { ...record, input: input.slice(0, whole), output: output.slice(partialReply), partialReply: 0 };
}

function frameEnd(bytes: Uint8Array, at: number): number {
  return at + XS_HEADER_BYTES + readWord(bytes, at + LENGTH_AT);
}
