/**
 * Replay tokens: a whole schedule as one short line that can be pasted into a shell.
 *
 *     q1.AAAPY2xlYW4tbWlncmF0aW9u…
 *
 * `q`, the version, a dot, then base64url of
 *
 *     flags                1 byte: bit 0 coarse grain, bit 1 wide hashes, bits 2 and 3 the xenstored
 *     commands             number; 0 = all
 *     scenario, tpmfront   text; in a world of the device identity, the design in place of the tpmfront
 *     tpmback, session     text; empty for the one the tpmfront was made for, and for `USUAL_SESSION`
 *     steps                number, then a hash of each step's name: 2 bytes, or 4 when wide
 *     checksum             CRC-32 of all before it, 4 bytes
 *
 * Numbers are little-endian with 7 bits a byte (LEB128), texts are their length in bytes and UTF-8. A step is told by
 * its hash among the choices there are, so a replay finds the first step that is no longer possible. Whether 2 bytes
 * are enough to tell the choices apart is for who writes the token to see.
 */
import { QuiesceError } from '../protocol/errors.js';
import { fromBase64Url, toBase64Url } from './base64url.js';
import { TPMFRONTS } from './drivers.js';
import { COMMANDS_MAX, type Schedule, type WorldNames } from './schedule.js';
import { DAEMONS } from './world-options.js';

const PREFIX = 'q1.';
const COARSE = 1;
const WIDE = 2;
/** The place of the xenstored in `DAEMONS`, above the other flags. */
const DAEMON_SHIFT = 2;
const CHECKSUM_BYTES = 4;

/** The session that a token need not name. */
export const USUAL_SESSION = 'ima_extends';

/** Bytes of a hash in a token. */
export type HashBytes = 2 | 4;

export interface Token extends WorldNames {
  readonly hashBytes: HashBytes;
  /** Hash of the name of each step, as `stepHash` gives it. */
  readonly hashes: readonly number[];
}

/** Whether `text` is meant to be a token rather than the name of a file. */
export function looksLikeToken(text: string): boolean {
  return /^q[0-9]+\./.test(text);
}

/** The hash of a step's name, `bytes` wide: FNV-1a over its UTF-16 units, folded. */
export function stepHash(name: string, bytes: HashBytes): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return bytes === 4 ? hash >>> 0 : (hash ^ (hash >>> 16)) & 0xffff;
}

/** The token of a schedule. */
export function formatToken(schedule: Schedule, hashBytes: HashBytes = 2): string {
  const { steps, tpmfront, session } = schedule;
  const writer = new Writer();
  const flags = (schedule.grain === 'coarse' ? COARSE : 0) | (hashBytes === 4 ? WIDE : 0);
  writer.byte(flags | (DAEMONS.indexOf(schedule.daemon) << DAEMON_SHIFT));
  writer.number(schedule.commands ?? 0);
  writer.text(schedule.scenario);
  writer.text(tpmfront);
  writer.text(schedule.tpmback === usualTpmback(tpmfront) ? '' : schedule.tpmback);
  writer.text(session === USUAL_SESSION ? '' : session);
  writer.number(steps.length);
  for (const step of steps) writer.fixed(stepHash(step, hashBytes), hashBytes);
  writer.fixed(crc32(Uint8Array.from(writer.bytes)), CHECKSUM_BYTES);
  return PREFIX + toBase64Url(Uint8Array.from(writer.bytes));
}

/** Parses a token. Throws `BAD_SCHEDULE` for one that is damaged or of another version. */
export function parseToken(text: string): Token {
  if (!text.startsWith(PREFIX)) fail(`a token that begins with ${PREFIX}`, text.slice(0, PREFIX.length));
  const bytes = fromBase64Url(text.slice(PREFIX.length));
  if (typeof bytes === 'number')
    fail(`base64url at character ${PREFIX.length + bytes + 1}`, text.charAt(PREFIX.length + bytes));
  const end = bytes.length - CHECKSUM_BYTES;
  if (end < 0) fail('a whole token', `${bytes.length} bytes`);
  const found = new Reader(bytes.subarray(end)).fixed(CHECKSUM_BYTES);
  if (found !== crc32(bytes.subarray(0, end))) fail('a whole and unchanged token', 'another checksum');

  const reader = new Reader(bytes.subarray(0, end));
  const flags = reader.fixed(1);
  const daemon = DAEMONS[flags >>> DAEMON_SHIFT] ?? fail('known flags', String(flags));
  const hashBytes = (flags & WIDE) === 0 ? 2 : 4;
  const commands = reader.number();
  const scenario = reader.text();
  const tpmfront = reader.text();
  const tpmback = reader.text() || usualTpmback(tpmfront);
  const session = reader.text() || USUAL_SESSION;
  const count = reader.number();
  if (count * hashBytes !== reader.left) fail(`${count} steps of ${hashBytes} bytes`, `${reader.left} bytes`);
  const hashes = Array.from({ length: count }, () => reader.fixed(hashBytes));
  const world = { scenario, tpmfront, tpmback, session, commands: commands === 0 ? null : commands, daemon };
  return { ...world, grain: (flags & COARSE) === 0 ? 'fine' : 'coarse', hashBytes, hashes };
}

/** The backend a tpmfront was made for; empty for an unknown one. */
function usualTpmback(tpmfront: string): string {
  return TPMFRONTS.find(({ name }) => name === tpmfront)?.tpmback ?? '';
}

class Writer {
  readonly bytes: number[] = [];

  byte(value: number): void {
    this.bytes.push(value & 0xff);
  }

  fixed(value: number, size: number): void {
    for (let i = 0; i < size; i++) this.byte(value >>> (i * 8));
  }

  number(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest);
  }

  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    this.number(encoded.length);
    this.bytes.push(...encoded);
  }
}

/** Checks every length: the checksum says that nothing was changed by accident, not that an encoder wrote it. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  fixed(size: number): number {
    if (this.left < size) fail('a longer token', `${this.#bytes.length} bytes`);
    let value = 0;
    for (let i = 0; i < size; i++) value |= (this.#bytes[this.#at++] as number) << (i * 8);
    return value >>> 0;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.fixed(1);
      value += (byte & 0x7f) * scale;
      if (value > COMMANDS_MAX || scale > COMMANDS_MAX) fail(`a number up to ${COMMANDS_MAX}`, 'a larger one');
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    const length = this.number();
    if (length > this.left) fail('a longer token', `${this.#bytes.length} bytes`);
    const encoded = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(encoded);
    } catch {
      fail('names in UTF-8', 'other bytes');
    }
  }
}

/** CRC-32 as in ISO 3309: it finds every change of up to 32 bits in a row. */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function fail(expected: string, found: string): never {
  throw new QuiesceError(
    'BAD_SCHEDULE',
    `replay token: expected ${expected}, found ${found === '' ? 'nothing' : found}`,
  );
}
