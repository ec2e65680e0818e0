/**
 * Follows a stream of frames just closely enough to know whether it stands between two of them or inside one.
 *
 * A length beyond the longest payload counts as the longest: whether such a frame ends the connection is the daemon's
 * affair.
 */
import { readWord, XS_HEADER_BYTES, XS_PAYLOAD_BYTES_MAX } from '../../protocol/xs-wire.js';

const LENGTH_AT = 12;

export class FrameBoundary {
  /** Frames that have begun. */
  begun = 0;
  /** Bytes of the current header that are there; 0 also while the payload is read. */
  #headerBytes = 0;
  /** The length, as far as its bytes have come. */
  #length = 0;
  /** Bytes of the current payload that are to come. */
  #payloadLeft = 0;

  /** Whether a frame has begun and not ended. */
  get inside(): boolean {
    return this.#headerBytes > 0 || this.#payloadLeft > 0;
  }

  push(piece: Uint8Array): void {
    const end = piece.length;
    let at = this.#payloadLeft;
    if (at >= end) {
      this.#payloadLeft = at - end;
      return;
    }
    this.#payloadLeft = 0;
    while (at < end) {
      if (this.#headerBytes > 0 || end - at < XS_HEADER_BYTES) at = this.#headerByte(piece, at);
      else {
        this.begun++;
        at += XS_HEADER_BYTES + Math.min(readWord(piece, at + LENGTH_AT), XS_PAYLOAD_BYTES_MAX);
      }
    }
    this.#payloadLeft += at - end;
  }

  /** Takes one byte of a header that comes in pieces. Returns where to go on, beyond the end if the payload does. */
  #headerByte(piece: Uint8Array, at: number): number {
    if (this.#headerBytes === 0) {
      this.begun++;
      this.#length = 0;
    }
    const shift = 8 * (this.#headerBytes - LENGTH_AT);
    if (shift >= 0) this.#length = (this.#length | ((piece[at] ?? 0) << shift)) >>> 0;
    this.#headerBytes++;
    if (this.#headerBytes < XS_HEADER_BYTES) return at + 1;
    this.#headerBytes = 0;
    return at + 1 + Math.min(this.#length, XS_PAYLOAD_BYTES_MAX);
  }
}
