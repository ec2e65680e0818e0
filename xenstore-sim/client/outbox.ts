/**
 * Frames that wait to be sent, in one piece of memory: whatever is asked for in one turn of the event loop leaves in
 * one write.
 */
import { writeWord, XS_HEADER_BYTES } from '../../protocol/xs-wire.js';

const FIRST_BYTES = 256;

const NOTHING = new Uint8Array(0);

export class Outbox {
  #bytes = NOTHING;
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Puts in one frame; its payload is `text`, one character per byte, and then `value`. */
  add(type: number, requestId: number, transactionId: number, text: string, value: Uint8Array = NOTHING): void {
    const at = this.#length;
    const payloadBytes = text.length + value.length;
    this.#reserve(at + XS_HEADER_BYTES + payloadBytes);
    const bytes = this.#bytes;
    writeWord(bytes, at, type);
    writeWord(bytes, at + 4, requestId);
    writeWord(bytes, at + 8, transactionId);
    writeWord(bytes, at + 12, payloadBytes);
    const payload = at + XS_HEADER_BYTES;
    for (let i = 0; i < text.length; i++) bytes[payload + i] = text.charCodeAt(i);
    bytes.set(value, payload + text.length);
    this.#length = payload + payloadBytes;
  }

  /** Hands over everything; the memory is the caller's from now on. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = NOTHING;
    this.#length = 0;
    return taken;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length, FIRST_BYTES));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
