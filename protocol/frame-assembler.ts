/**
 * Whole messages out of a stream that comes in pieces.
 *
 * It keeps what is not yet a whole message: at most one message and one piece, provided that `next` is called until it
 * has no more before the next `push`, or that whoever pushes stops while messages wait.
 */

/** Bytes of the whole message that begins with `head`; undefined when more of it is needed to tell. May throw. */
export type FrameSize = (head: Uint8Array) => number | undefined;

const EMPTY = new Uint8Array(0);

export class FrameAssembler {
  readonly #sizeOf: FrameSize;
  #pending: Uint8Array = EMPTY;

  constructor(sizeOf: FrameSize) {
    this.#sizeOf = sizeOf;
  }

  /** Bytes that have come and not been taken. */
  get length(): number {
    return this.#pending.length;
  }

  /** Takes over `piece`, which must not be changed afterwards. */
  push(piece: Uint8Array): void {
    if (this.#pending.length === 0) {
      this.#pending = piece;
      return;
    }
    const joined = new Uint8Array(this.#pending.length + piece.length);
    joined.set(this.#pending);
    joined.set(piece, this.#pending.length);
    this.#pending = joined;
  }

  /** What has come and not been taken, which is forgotten here. */
  take(): Uint8Array {
    const pending = this.#pending;
    this.#pending = EMPTY;
    return pending;
  }

  /** The next whole message, as a window on what was pushed; undefined when there is none. Throws what `sizeOf` throws. */
  next(): Uint8Array | undefined {
    if (this.#pending.length === 0) return undefined;
    const size = this.#sizeOf(this.#pending);
    if (size === undefined || size > this.#pending.length) return undefined;
    const frame = this.#pending.subarray(0, size);
    this.#pending = size === this.#pending.length ? EMPTY : this.#pending.subarray(size);
    return frame;
  }
}
