/**
 * Reads a xenstore state stream, of either version and either byte order.
 *
 * Nothing in it is trusted: a length is compared with what is there before it is used, so time and space are linear in
 * the size of the stream. What the records mean together (that a node has a parent, a watch a connection) is checked by
 * who loads them.
 */
import { ByteReader, badStream } from './byte-reader.js';
import { readBody } from './read-body.js';
import {
  type ExtendedWatchRecord,
  RecordType,
  type StateRecord,
  type StateStream,
  UNLIMITED_DEPTH,
} from './records.js';

/**
 * The records of the stream `bytes`, which must be nothing but that stream.
 *
 * @throws QuiesceError `BAD_STATE_STREAM`
 */
export function readStateStream(bytes: Uint8Array): StateStream {
  const header = new ByteReader(bytes, 0, bytes.length, false);
  const ident = header.text(8, 'the word xenstore');
  if (ident !== 'xenstore') badStream(0, 'the word "xenstore"', JSON.stringify(ident));
  const version = header.word('a version');
  if (version !== 1 && version !== 2) return badStream(8, 'version 1 or 2', String(version));
  const flags = header.word('flags');
  if (flags > 1) badStream(12, 'flags 0 (little-endian) or 1 (big-endian)', String(flags));
  const littleEndian = flags === 0;

  const records: StateRecord[] = [];
  for (let at = header.at; ; ) {
    const head = new ByteReader(bytes, at, bytes.length, littleEndian);
    const type = head.word('the type of a record');
    const length = head.word('the length of a record');
    const start = head.at;
    if (type === RecordType.END) {
      if (length !== 0) badStream(at + 4, 'length 0 of the END record', String(length));
      if (start !== bytes.length) badStream(start, 'nothing after the END record', `${bytes.length - start} bytes`);
      return { version, records };
    }
    if (type === RecordType.WATCH_DATA_EXTENDED && version >= 2) {
      const short = shortWatch(bytes, start, length, littleEndian);
      if (short !== null) {
        records.push(short.record);
        at = short.next;
        continue;
      }
    }
    const left = bytes.length - start;
    if (left < length) badStream(at + 4, `a length of at most ${left}, to the end of the stream`, String(length));
    const body = new ByteReader(bytes, start, start + length, littleEndian);
    records.push(readBody(body, type, version, at));
    // A padded length (C xenstored) covers the padding, an exact one (the specification) does not.
    if (body.end - body.at >= 8) badStream(body.at, 'the end of the record', `${body.end - body.at} bytes more`);
    const padding = new ByteReader(bytes, body.end, bytes.length, littleEndian);
    padding.align('padding');
    at = padding.at;
  }
}

/**
 * The record WATCH_DATA_EXTENDED at `start` if it is one as C xenstored 4.22.0 writes them, or null. That daemon counts
 * depth and pad in the length, 4 bytes, but leaves them out: path and token follow the lengths at once. Where the next
 * record begins does not follow from the length then, but from path and token.
 *
 * A record of the specified form is never taken for a short one. If it were, the short path would have its nul at byte
 * 7 + p of the body (p is its length with nul), within the specified path from 12 to 10 + p, which has no nul: so p < 5.
 * Then the bytes 10 and 11, a pad of zeros as specified, hold the third character of the short path (p = 4) or the first
 * one of its token; or that token is empty, and zeros follow where the specified path should begin.
 *
 * The depth is lost. The watch gets events of all depths in its place: its owner hears more than it asked for, not less.
 */
function shortWatch(
  bytes: Uint8Array,
  start: number,
  length: number,
  littleEndian: boolean,
): { readonly record: ExtendedWatchRecord; readonly next: number } | null {
  if (bytes.length - start < 8) return null;
  const reader = new ByteReader(bytes, start, bytes.length, littleEndian);
  const connection = reader.word('a connection');
  const pathLength = reader.half('the length of a path');
  const tokenLength = reader.half('the length of a token');
  const end = reader.at + pathLength + tokenLength;
  const next = roundedUp(end);
  if (length !== roundedUp(pathLength + tokenLength + 12) || next + 8 > bytes.length) return null;
  if (!isString(bytes, reader.at, pathLength) || !isString(bytes, reader.at + pathLength, tokenLength)) return null;
  if (bytes.subarray(end, next).some((byte) => byte !== 0)) return null;
  if (new ByteReader(bytes, next, next + 4, littleEndian).word('a type') > RecordType.WATCH_DATA_EXTENDED) return null;
  const path = reader.string(pathLength, 'a path');
  const token = reader.string(tokenLength, 'a token');
  return { record: { type: 'WATCH_DATA_EXTENDED', connection, path, token, depth: UNLIMITED_DEPTH }, next };
}

function isString(bytes: Uint8Array, at: number, length: number): boolean {
  return length > 0 && bytes.subarray(at, at + length).indexOf(0) === length - 1;
}

function roundedUp(length: number): number {
  return Math.ceil(length / 8) * 8;
}
