/**
 * The frames of the xenstore protocol (xen/include/public/io/xs_wire.h).
 *
 * A frame is a header of four little-endian words (type, request id, transaction id, payload length) and a payload of
 * at most 4096 bytes. Both directions use it, over sockets and rings alike; a frame may come in any number of pieces,
 * several may come in one.
 *
 * Text and values are binary strings here, one character per byte.
 */
import { QuiesceError } from './errors.js';

export const XS_HEADER_BYTES = 16;
/** Longest payload (XENSTORE_PAYLOAD_MAX). */
export const XS_PAYLOAD_BYTES_MAX = 4096;
/** Longest absolute and relative path (XENSTORE_ABS_PATH_MAX, XENSTORE_REL_PATH_MAX). */
export const XS_ABSOLUTE_PATH_BYTES_MAX = 3072;
export const XS_RELATIVE_PATH_BYTES_MAX = 2048;

/** Message types (enum xsd_sockmsg_type). 20 was RESTRICT and is gone. */
export const XsType = {
  CONTROL: 0,
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  INTRODUCE: 8,
  RELEASE: 9,
  GET_DOMAIN_PATH: 10,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  IS_DOMAIN_INTRODUCED: 17,
  RESUME: 18,
  SET_TARGET: 19,
  RESET_WATCHES: 21,
  DIRECTORY_PART: 22,
  GET_FEATURE: 23,
  SET_FEATURE: 24,
  GET_QUOTA: 25,
  SET_QUOTA: 26,
} as const;

export type XsTypeName = keyof typeof XsType;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(XsType).map(([name, type]) => [type, name]));

/** The name of message type `type`, or its number as text. */
export function xsTypeName(type: number): string {
  return NAMES.get(type) ?? String(type);
}

export interface XsHeader {
  readonly type: number;
  readonly requestId: number;
  readonly transactionId: number;
}

export interface XsFrame extends XsHeader {
  /** One character per byte. */
  readonly payload: string;
}

/** The bytes of `frame`. */
export function encodeFrame({ type, requestId, transactionId, payload }: XsFrame): Uint8Array {
  const frame = new Uint8Array(XS_HEADER_BYTES + payload.length);
  writeWord(frame, 0, type);
  writeWord(frame, 4, requestId);
  writeWord(frame, 8, transactionId);
  writeWord(frame, 12, payload.length);
  for (let i = 0; i < payload.length; i++) frame[XS_HEADER_BYTES + i] = payload.charCodeAt(i);
  return frame;
}

/** The 32 bits at `at`, which must lie within `bytes`: unsigned, little-endian (XSA-420: a length with the top bit set is a large one). */
export function readWord(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0;
}

export function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
}

/** The bytes from `from` to `to` as a binary string. */
export function binaryString(bytes: Uint8Array, from = 0, to = bytes.length): string {
  if (to - from <= PIECE) return piece(bytes, from, to);
  let text = '';
  for (let at = from; at < to; at += PIECE) text += piece(bytes, at, Math.min(to, at + PIECE));
  return text;
}

/** A call takes a limited number of arguments. */
const PIECE = 1024;

/** A plain array of arguments is taken several times faster than a typed one. */
function piece(bytes: Uint8Array, from: number, to: number): string {
  const codes = new Array<number>(to - from);
  for (let i = 0; i < codes.length; i++) codes[i] = bytes[from + i] as number;
  return String.fromCharCode.apply(null, codes);
}

/**
 * Puts the pieces of a stream together to frames. Holds at most one frame that is not complete.
 *
 * Once it has thrown, the stream is lost: where the next frame begins is unknown, and each further `push` throws too.
 */
export class FrameDecoder {
  readonly #payloadBytesMax: number;
  #held = new Uint8Array(XS_HEADER_BYTES);
  #heldBytes = 0;
  #broken = false;

  /** @param payloadBytesMax Longest payload to accept; above 4096 only for oxenstored, which sends long lists on sockets. */
  constructor(payloadBytesMax = XS_PAYLOAD_BYTES_MAX) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** Whether a frame has begun and not ended. */
  get midFrame(): boolean {
    return this.#heldBytes > 0;
  }

  /**
   * Takes the next piece of the stream; hands each frame that is complete to `onFrame`.
   *
   * @throws QuiesceError `BAD_FRAME` when a header announces more than the longest payload.
   */
  push(piece: Uint8Array, onFrame: (frame: XsFrame) => void): void {
    let at = 0;
    while (at < piece.length) {
      const wanted = this.#heldBytes < XS_HEADER_BYTES ? XS_HEADER_BYTES : XS_HEADER_BYTES + this.#length();
      const taken = Math.min(wanted - this.#heldBytes, piece.length - at);
      this.#hold(piece.subarray(at, at + taken), wanted);
      at += taken;
      if (this.#heldBytes >= XS_HEADER_BYTES && this.#heldBytes === XS_HEADER_BYTES + this.#length()) {
        const frame = this.#frame();
        this.#heldBytes = 0;
        onFrame(frame);
      }
    }
  }

  #hold(bytes: Uint8Array, wanted: number): void {
    if (wanted > this.#held.length) {
      const larger = new Uint8Array(Math.max(wanted, 2 * this.#held.length));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes += bytes.length;
  }

  #length(): number {
    const length = readWord(this.#held, 12);
    this.#broken ||= length > this.#payloadBytesMax;
    if (this.#broken) {
      throw new QuiesceError(
        'BAD_FRAME',
        `expected a xenstore frame with a payload of at most ${this.#payloadBytesMax} bytes, found ${length}: close the connection`,
      );
    }
    return length;
  }

  #frame(): XsFrame {
    const held = this.#held;
    return {
      type: readWord(held, 0),
      requestId: readWord(held, 4),
      transactionId: readWord(held, 8),
      payload: binaryString(held, XS_HEADER_BYTES, this.#heldBytes),
    };
  }
}
