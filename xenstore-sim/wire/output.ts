/**
 * Bytes on their way to a client: frames written one after the other into one buffer that grows and is used again.
 */
import { writeWord, XS_HEADER_BYTES, XS_PAYLOAD_BYTES_MAX, XsType } from '../../protocol/xs-wire.js';
import { formatPermission } from '../permissions.js';
import type { ErrorName, KnownType, Reply } from '../requests.js';
import type { WatchEvent } from '../watches.js';

/** A buffer that has become larger than this is given up once it is empty. */
const KEPT_BYTES_MAX = 1 << 16;
const FIRST_BYTES = 256;

export class Output {
  #buffer = new Uint8Array(0);
  #length = 0;
  /** The last answer of `bytes`: replies are often of the same length. */
  #bytes = this.#buffer;

  get length(): number {
    return this.#length;
  }

  /** What has been written; valid until the next write. */
  get bytes(): Uint8Array {
    if (this.#bytes.length !== this.#length || this.#bytes.buffer !== this.#buffer.buffer)
      this.#bytes = this.#buffer.subarray(0, this.#length);
    return this.#bytes;
  }

  clear(): void {
    this.#length = 0;
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = new Uint8Array(0);
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A whole frame with the text `payload`, and a nul behind it if `nul` is 1. */
  frame(type: number, requestId: number, transactionId: number, payload: string, nul: 0 | 1): void {
    const size = payload.length + nul;
    this.#header(type, requestId, transactionId, size);
    this.#text(payload);
    if (nul === 1) this.#buffer[this.#length++] = 0;
  }

  /** A whole frame outside of transactions, with the `length` bytes of `payload` from `from` on. */
  frameOf(type: number, requestId: number, payload: Uint8Array, from: number, length: number): void {
    this.#header(type, requestId, 0, length);
    const buffer = this.#buffer;
    const at = this.#length;
    for (let i = 0; i < length; i++) buffer[at + i] = payload[from + i] as number;
    this.#length = at + length;
  }

  event({ path, token }: WatchEvent): void {
    this.#header(XsType.WATCH_EVENT, 0, 0, path.length + token.length + 2);
    this.#text(path);
    this.#buffer[this.#length++] = 0;
    this.#text(token);
    this.#buffer[this.#length++] = 0;
  }

  /** Makes room for the frame and writes its header. */
  #header(type: number, requestId: number, transactionId: number, size: number): void {
    this.#reserve(XS_HEADER_BYTES + size);
    const buffer = this.#buffer;
    const at = this.#length;
    writeWord(buffer, at, type);
    writeWord(buffer, at + 4, requestId);
    writeWord(buffer, at + 8, transactionId);
    writeWord(buffer, at + 12, size);
    this.#length = at + XS_HEADER_BYTES;
  }

  #text(text: string): void {
    const buffer = this.#buffer;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length, FIRST_BYTES));
    larger.set(this.bytes);
    this.#buffer = larger;
  }
}

/** What a reply repeats of the header of its request. */
export interface ReplyPlace {
  readonly type: number;
  readonly requestId: number;
  readonly transactionId: number;
}

/** Writes `reply` to a request of type `type`; one that is too long is E2BIG if `limited`. */
export function writeReply(
  output: Output,
  place: ReplyPlace,
  known: KnownType | 'unknown',
  reply: Reply,
  limited: boolean,
): void {
  const { type, requestId, transactionId } = place;
  if (reply.kind === 'error') {
    output.frame(XsType.ERROR, requestId, transactionId, reply.error, 1);
    return;
  }
  const nul = reply.kind === 'ok' || (reply.kind === 'value' && known !== 'read') ? 1 : 0;
  const payload = payloadOf(reply);
  const error: ErrorName = 'E2BIG';
  if (limited && payload.length + nul > XS_PAYLOAD_BYTES_MAX)
    output.frame(XsType.ERROR, requestId, transactionId, error, 1);
  else output.frame(type, requestId, transactionId, payload, nul);
}

function payloadOf(reply: Exclude<Reply, { kind: 'error' }>): string {
  switch (reply.kind) {
    case 'ok':
      return 'OK';
    case 'value':
    case 'text':
      return reply.value;
    case 'list':
      return terminated(reply.names);
    case 'part':
      return `${reply.generation}\0${terminated(reply.names)}${reply.last ? '\0' : ''}`;
    case 'perms':
      return terminated(reply.permissions.map(formatPermission));
  }
}

function terminated(texts: readonly string[]): string {
  return texts.length === 0 ? '' : `${texts.join('\0')}\0`;
}
