/**
 * Writes a xenstore state stream, byte for byte as C xenstored on a little-endian machine does: the length field of a
 * record counts its padding.
 */
import { assert, unreachable } from '../../protocol/assert.js';
import {
  type ConnectionRecord,
  type ExtendedWatchRecord,
  type NodeRecord,
  type QuotaValue,
  RecordType,
  type StateRecord,
  type StateStream,
  type StreamVersion,
  type WatchRecord,
} from './records.js';

/**
 * The bytes of `stream`, with an END record. Fields must fit their widths, and version 1 must do without what only
 * version 2 has (unique ids, features, watch depth): anything else is a mistake of the caller.
 */
export function writeStateStream({ version, records }: StateStream): Uint8Array {
  const writer = new ByteWriter();
  writer.text('xenstore');
  writer.bigEndianWord(version);
  writer.bigEndianWord(0);
  for (const record of records) {
    writer.word(RecordType[record.type]);
    const lengthAt = writer.length;
    writer.word(0);
    writeBody(writer, record, version);
    writer.align();
    writer.patchWord(lengthAt, writer.length - lengthAt - 4);
  }
  writer.word(RecordType.END);
  writer.word(0);
  return writer.bytes();
}

function writeBody(writer: ByteWriter, record: StateRecord, version: StreamVersion): void {
  switch (record.type) {
    case 'GLOBAL_DATA':
      writer.descriptor(record.socket);
      writer.descriptor(record.eventChannels);
      return;
    case 'CONNECTION_DATA':
      assert(record.uniqueId === null || version >= 2, 'state stream: version 1 has no unique ids');
      writeConnection(writer, record);
      return;
    case 'WATCH_DATA':
      writeWatch(writer, record, null);
      return;
    case 'WATCH_DATA_EXTENDED':
      assert(version >= 2, 'state stream: version 1 has no watch depth');
      writeWatch(writer, record, record.depth);
      return;
    case 'TRANSACTION_DATA':
      writer.word(record.connection);
      writer.word(record.transaction);
      return;
    case 'NODE_DATA':
      writeNode(writer, record);
      return;
    case 'GLOBAL_QUOTA_DATA':
      writer.half(record.perDomain.length);
      writer.half(record.global.length);
      writeQuotas(writer, [...record.perDomain, ...record.global]);
      return;
    case 'DOMAIN_DATA':
      assert(record.features === 0 || version >= 2, 'state stream: version 1 has no features');
      writer.half(record.domid);
      writer.half(record.quotas.length);
      writer.word(record.features);
      writeQuotas(writer, record.quotas);
      return;
    default:
      unreachable(record);
  }
}

function writeConnection(writer: ByteWriter, record: ConnectionRecord): void {
  const { transport, uniqueId } = record;
  assert(record.connection !== 0, 'state stream: 0 is no number for a connection');
  assert(record.partialReply <= record.output.length, 'state stream: a partial reply is part of the output');
  writer.word(record.connection);
  writer.half(transport.kind === 'ring' ? 0 : 1);
  writer.half(uniqueId === null ? 0 : 1);
  if (transport.kind === 'ring') {
    writer.half(transport.domid);
    writer.half(transport.target);
    writer.word(transport.port);
  } else {
    writer.descriptor(transport.descriptor);
    writer.word(0);
  }
  writer.half(record.input.length);
  writer.half(record.partialReply);
  writer.word(record.output.length);
  writer.text(record.input);
  writer.text(record.output);
  if (uniqueId === null) return;
  writer.align();
  writer.word(Number(uniqueId & 0xffffffffn));
  writer.word(Number(uniqueId >> 32n));
}

function writeWatch(writer: ByteWriter, record: WatchRecord | ExtendedWatchRecord, depth: number | null): void {
  writer.word(record.connection);
  writer.half(record.path.length + 1);
  writer.half(record.token.length + 1);
  if (depth !== null) {
    writer.half(depth);
    writer.half(0);
  }
  writer.string(record.path);
  writer.string(record.token);
}

function writeNode(writer: ByteWriter, record: NodeRecord): void {
  writer.word(record.connection);
  writer.word(record.transaction);
  writer.half(record.path.length + 1);
  writer.half(record.value.length);
  writer.half(record.access);
  writer.half(record.permissions.length);
  for (const { access, domid, stale } of record.permissions) {
    writer.text(access);
    writer.text(stale ? '\x01' : '\0');
    writer.half(domid);
  }
  writer.string(record.path);
  writer.text(record.value);
}

function writeQuotas(writer: ByteWriter, quotas: readonly QuotaValue[]): void {
  for (const { value } of quotas) writer.word(value);
  for (const { name } of quotas) writer.string(name);
}

/** A growing array of bytes, with little-endian words of 16 and 32 bits. */
class ByteWriter {
  #buffer = new Uint8Array(4096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  half(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, `state stream: ${value} does not fit 16 bits`);
    this.#byte(value);
    this.#byte(value >>> 8);
  }

  word(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, `state stream: ${value} does not fit 32 bits`);
    for (let shift = 0; shift < 32; shift += 8) this.#byte(value >>> shift);
  }

  bigEndianWord(value: number): void {
    for (let shift = 24; shift >= 0; shift -= 8) this.#byte(value >>> shift);
  }

  /** A signed word, -1 for none. */
  descriptor(value: number): void {
    assert(value === (value | 0) && value >= -1, `state stream: ${value} is no file descriptor`);
    this.word(value >>> 0);
  }

  patchWord(at: number, value: number): void {
    for (let i = 0; i < 4; i++) this.#buffer[at + i] = value >>> (8 * i);
  }

  text(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#buffer[this.#length + i] = text.charCodeAt(i);
    this.#length += text.length;
  }

  /** `text` and a nul. */
  string(text: string): void {
    assert(!text.includes('\0'), 'state stream: a string ends at its first nul');
    this.text(text);
    this.#byte(0);
  }

  /** Zeros up to a multiple of 8. */
  align(): void {
    while (this.#length % 8 !== 0) this.#byte(0);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.#length + count));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
