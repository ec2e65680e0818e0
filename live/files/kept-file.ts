/**
 * A file that is rewritten often, whole or not at all, and also while the disk is full: two slots that are written in
 * turn, in place, over blocks that they have had since they were made. A slot counts when its sum is right, and of two
 * that do the later one; so whoever dies in the middle of a write leaves what was there before.
 *
 *     PATH.0, PATH.1:   "QKEPT1\0\0" | u64 number of the write | u32 bytes | SHA-256 over number, bytes and content | content
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';

const MAGIC = Buffer.from('QKEPT1\0\0', 'latin1');
const NUMBER_AT = MAGIC.length;
const DIGEST_AT = NUMBER_AT + 12;
const HEADER_BYTES = DIGEST_AT + 32;
const SLOTS = [0, 1] as const;

interface Slot {
  readonly number: bigint;
  readonly content: Buffer;
}

export class KeptFile {
  readonly #path: string;
  readonly #reserveBytes: number;
  readonly #durable: boolean;
  /** Of the last write; null before anybody has looked. */
  #number: bigint | null = null;

  /**
   * `reserveBytes`: so long a content needs no more room than the first one has taken. `durable`: a write is on the disk when it
   * returns, and not only with the kernel.
   */
  constructor(path: string, reserveBytes: number, durable: boolean) {
    this.#path = path;
    this.#reserveBytes = HEADER_BYTES + reserveBytes;
    this.#durable = durable;
  }

  /** What was written last, or null when nothing ever was. */
  read(): Buffer | null {
    const slots = SLOTS.map((slot) => readSlot(this.#slotPath(slot)));
    const latest = slots.reduce((a, b) => (a === null || (b !== null && b.number > a.number) ? b : a), null);
    this.#number = latest?.number ?? 0n;
    return latest?.content ?? null;
  }

  /** Throws what the system calls throw, for a disk on which more has no room; then `read` gives what it gave before. */
  write(content: Uint8Array): void {
    if (this.#number === null) this.read();
    const first = this.#number === 0n;
    const number = (this.#number ?? 0n) + 1n;
    // Both have their room from the beginning, or neither is taken.
    if (first) for (const slot of SLOTS) this.#store(slot, Buffer.alloc(0));
    this.#store(Number(number % 2n) as 0 | 1, encode(number, content));
    this.#number = number;
  }

  #slotPath(slot: 0 | 1): string {
    return `${this.#path}.${slot}`;
  }

  #store(slot: 0 | 1, bytes: Buffer): void {
    const file = openSync(this.#slotPath(slot), constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      const { size } = fstatSync(file);
      if (size < this.#reserveBytes) writeAll(file, Buffer.alloc(this.#reserveBytes - size), size);
      writeAll(file, bytes, 0);
      if (this.#durable) fsyncSync(file);
    } catch (error) {
      // It may all be there, and whoever reads it next would take it for written.
      if (bytes.length > 0) writeAll(file, Buffer.alloc(HEADER_BYTES), 0);
      throw error;
    } finally {
      closeSync(file);
    }
  }
}

/** Overwrites a small file for others to read, in place: `text` and blanks up to `bytes`. Throws what system calls throw. */
export function writeInPlace(path: string, text: string, bytes: number): void {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const padded = Buffer.from(text.padEnd(bytes), 'utf8');
    writeAll(file, padded, 0);
    ftruncateSync(file, padded.length);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, position + at);
}

function encode(number: bigint, content: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64BE(number, NUMBER_AT);
  header.writeUInt32BE(content.length, NUMBER_AT + 8);
  digestOf(header, content).copy(header, DIGEST_AT);
  return Buffer.concat([header, content]);
}

function digestOf(header: Buffer, content: Uint8Array): Buffer {
  return createHash('sha256').update(header.subarray(0, DIGEST_AT)).update(content).digest();
}

/** Null for a slot that is not there, has never been written, or only in part. */
function readSlot(path: string): Slot | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const length = bytes.readUInt32BE(NUMBER_AT + 8);
  const content = bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
  const whole = content.length === length && digestOf(bytes, content).equals(bytes.subarray(DIGEST_AT, HEADER_BYTES));
  return whole ? { number: bytes.readBigUInt64BE(NUMBER_AT), content } : null;
}
