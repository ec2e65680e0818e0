/**
 * Reads the bodies of the records of a state stream (docs/designs/xenstore-migration.md, xenstore_state.h of Xen).
 */
import { type ByteReader, badStream } from './byte-reader.js';
import {
  type ConnectionRecord,
  type DomainRecord,
  type ExtendedWatchRecord,
  type GlobalQuotaRecord,
  NODE_READ,
  NODE_WRITTEN,
  type NodeRecord,
  type PermissionEntry,
  type QuotaValue,
  RecordType,
  type RingTransport,
  type SocketTransport,
  type StateRecord,
  type StreamVersion,
  type WatchRecord,
} from './records.js';

/**
 * The record of type number `type` whose body `reader` stands at. `at` is the offset of the record.
 *
 * @throws QuiesceError `BAD_STATE_STREAM`
 */
export function readBody(reader: ByteReader, type: number, version: StreamVersion, at: number): StateRecord {
  switch (type) {
    case RecordType.GLOBAL_DATA: {
      const socket = reader.descriptor('the descriptor of the socket');
      return { type: 'GLOBAL_DATA', socket, eventChannels: reader.descriptor('the descriptor for event channels') };
    }
    case RecordType.CONNECTION_DATA:
      return readConnection(reader, version);
    case RecordType.WATCH_DATA:
      return readWatch(reader);
    case RecordType.TRANSACTION_DATA: {
      const connection = reader.word('a connection');
      return { type: 'TRANSACTION_DATA', connection, transaction: reader.word('a transaction') };
    }
    case RecordType.NODE_DATA:
      return readNode(reader);
    case RecordType.GLOBAL_QUOTA_DATA:
      return readGlobalQuota(reader);
    case RecordType.DOMAIN_DATA:
      return readDomain(reader, version);
    case RecordType.WATCH_DATA_EXTENDED:
      if (version >= 2) return readExtendedWatch(reader);
      return badStream(at, 'a record type of version 1', `type ${type}: the watch depth of version 2`);
    default:
      return badStream(at, 'a record type from 0 to 8', String(type));
  }
}

function readConnection(reader: ByteReader, version: StreamVersion): ConnectionRecord {
  const { at } = reader;
  const connection = reader.word('a connection');
  if (connection === 0) badStream(at, 'the number of a connection', '0');
  const kind = reader.half('the type of a connection');
  // In version 1 this is padding.
  const fields = reader.half('the fields of a connection');
  if (version >= 2 && fields > 1) badStream(at + 6, 'fields 0 or 1 (unique id)', String(fields));
  const transport = readTransport(reader, kind, at + 4);
  const inputLength = reader.half('the length of unread input');
  const partialReply = reader.half('the length of a partial reply');
  const outputLength = reader.word('the length of unsent output');
  if (partialReply > outputLength) {
    badStream(reader.at - 6, `a partial reply within the ${outputLength} bytes of output`, String(partialReply));
  }
  const input = reader.text(inputLength, 'unread input');
  const output = reader.text(outputLength, 'unsent output');
  const record = { type: 'CONNECTION_DATA', connection, transport, input, output, partialReply } as const;
  if (version < 2 || fields === 0) return { ...record, uniqueId: null };
  reader.align('padding before a unique id');
  return { ...record, uniqueId: reader.long('a unique id') };
}

function readTransport(reader: ByteReader, kind: number, at: number): RingTransport | SocketTransport {
  if (kind === 0) {
    const domid = reader.half('a domain');
    const target = reader.half('a target domain');
    return { kind: 'ring', domid, target, port: reader.word('an event channel') };
  }
  if (kind !== 1) badStream(at, 'connection type 0 (ring) or 1 (socket)', String(kind));
  const descriptor = reader.descriptor('the descriptor of a socket');
  reader.word('padding');
  return { kind: 'socket', descriptor };
}

function readWatch(reader: ByteReader): WatchRecord {
  const connection = reader.word('a connection');
  const pathLength = reader.half('the length of a path');
  const tokenLength = reader.half('the length of a token');
  const path = reader.string(pathLength, 'a path');
  return { type: 'WATCH_DATA', connection, path, token: reader.string(tokenLength, 'a token') };
}

function readExtendedWatch(reader: ByteReader): ExtendedWatchRecord {
  const connection = reader.word('a connection');
  const pathLength = reader.half('the length of a path');
  const tokenLength = reader.half('the length of a token');
  const depth = reader.half('a depth');
  reader.half('padding');
  const path = reader.string(pathLength, 'a path');
  return { type: 'WATCH_DATA_EXTENDED', connection, path, token: reader.string(tokenLength, 'a token'), depth };
}

function readNode(reader: ByteReader): NodeRecord {
  const connection = reader.word('a connection');
  const transaction = reader.word('a transaction');
  const pathLength = reader.half('the length of a path');
  const valueLength = reader.half('the length of a value');
  const access = reader.half('access bits');
  if (access > (NODE_READ | NODE_WRITTEN))
    badStream(reader.at - 2, 'access bits 1 (read) and 2 (written)', String(access));
  const count = reader.half('a number of permissions');
  reader.fits(count, 4, 'permissions');
  const permissions = Array.from({ length: count }, () => readPermission(reader));
  const path = reader.string(pathLength, 'a path');
  const value = reader.text(valueLength, 'a value');
  return { type: 'NODE_DATA', connection, transaction, access, permissions, path, value };
}

function readPermission(reader: ByteReader): PermissionEntry {
  const { at } = reader;
  const access = reader.text(1, 'a permission');
  if (access !== 'n' && access !== 'r' && access !== 'w' && access !== 'b') {
    return badStream(at, 'the permission n, r, w or b', JSON.stringify(access));
  }
  const flags = reader.text(1, 'the flags of a permission').charCodeAt(0);
  if (flags > 1) badStream(at + 1, 'flags 0 or 1 (stale) of a permission', String(flags));
  return { access, domid: reader.half('the domain of a permission'), stale: flags === 1 };
}

function readGlobalQuota(reader: ByteReader): GlobalQuotaRecord {
  const domainCount = reader.half('the number of quotas for domains');
  const globalCount = reader.half('the number of global quotas');
  const quotas = readQuotas(reader, domainCount + globalCount);
  return { type: 'GLOBAL_QUOTA_DATA', perDomain: quotas.slice(0, domainCount), global: quotas.slice(domainCount) };
}

function readDomain(reader: ByteReader, version: StreamVersion): DomainRecord {
  const domid = reader.half('a domain');
  const count = reader.half('the number of quotas');
  const features = reader.word('features');
  return { type: 'DOMAIN_DATA', domid, features: version >= 2 ? features : 0, quotas: readQuotas(reader, count) };
}

/** `count` values, then as many names. */
function readQuotas(reader: ByteReader, count: number): QuotaValue[] {
  reader.fits(count, 5, 'quotas with name');
  const values = Array.from({ length: count }, () => reader.word('the value of a quota'));
  return values.map((value) => ({ name: reader.untilNul('the name of a quota'), value }));
}
