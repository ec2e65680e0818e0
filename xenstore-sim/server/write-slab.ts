/**
 * Memory for what is written to sockets. A socket keeps a buffer only while the client does not take it; until then the
 * same bytes serve for write after write, of all clients.
 */
const SLAB_BYTES = 64 * 1024;

export class WriteSlab {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Where the next copy goes. What lies before belongs to sockets. */
  #at = 0;
  #length = 0;
  /** The last copy; the next one is often of the same length, at the same place. */
  #copy = this.#slab;

  /** A copy of `bytes`, good until the next call unless `keep` is called before. */
  copy(bytes: Uint8Array): Buffer {
    const { length } = bytes;
    this.#length = 0;
    if (length > SLAB_BYTES) return Buffer.from(bytes);
    if (this.#at + length > SLAB_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#at = 0;
    }
    this.#slab.set(bytes, this.#at);
    this.#length = length;
    const { buffer, byteOffset, length: before } = this.#copy;
    if (before !== length || byteOffset !== this.#at || buffer !== this.#slab.buffer)
      this.#copy = this.#slab.subarray(this.#at, this.#at + length);
    return this.#copy;
  }

  /** Leaves the last copy to whoever has it. */
  keep(): void {
    this.#at += this.#length;
    this.#length = 0;
  }
}
