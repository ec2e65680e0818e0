/**
 * Reads fields of a state stream out of bytes, and says where it stands when a field is not there.
 */
import { QuiesceError } from '../../protocol/errors.js';
import { binaryString } from '../../protocol/xs-wire.js';

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  /** Exclusive. */
  readonly end: number;
  #at: number;

  /** The bytes from `at` to `end`, which may be beyond the end of `bytes`: that is found when they are read. */
  constructor(bytes: Uint8Array, at: number, end: number, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
    this.#at = at;
    this.end = Math.min(end, bytes.length);
  }

  /** Offset in the stream of what is read next. */
  get at(): number {
    return this.#at;
  }

  /** @throws QuiesceError `BAD_STATE_STREAM`, as all methods here. */
  half(what: string): number {
    return this.#view.getUint16(this.#take(2, what), this.#littleEndian);
  }

  word(what: string): number {
    return this.#view.getUint32(this.#take(4, what), this.#littleEndian);
  }

  /** A file descriptor, -1 for none. */
  descriptor(what: string): number {
    const descriptor = this.word(what) | 0;
    if (descriptor < -1) badStream(this.#at - 4, 'a descriptor or -1', String(descriptor));
    return descriptor;
  }

  long(what: string): bigint {
    return this.#view.getBigUint64(this.#take(8, what), this.#littleEndian);
  }

  text(length: number, what: string): string {
    const at = this.#take(length, what);
    return binaryString(this.#bytes, at, at + length);
  }

  /** Text of `length` bytes, the last of them its only nul. */
  string(length: number, what: string): string {
    const at = this.#at;
    if (length === 0) return badStream(at, `${what} with its nul`, 'a length of 0');
    const text = this.text(length, what);
    if (text.indexOf('\0') !== length - 1) {
      badStream(at, `${what} of ${length} bytes that ends with its first nul`, JSON.stringify(text.slice(0, 40)));
    }
    return text.slice(0, -1);
  }

  /** Text up to the next nul. */
  untilNul(what: string): string {
    const nul = this.#bytes.subarray(this.#at, this.end).indexOf(0);
    return this.string(nul < 0 ? this.end - this.#at : nul + 1, what);
  }

  /** Goes on to the next multiple of 8. */
  align(what: string): void {
    this.#take(-this.#at & 7, what);
  }

  /** Checks that `count` entries of at least `size` bytes can be there, before anything is made for them. */
  fits(count: number, size: number, what: string): void {
    if (count * size > this.end - this.#at) {
      badStream(this.#at, `${count} ${what}, of ${size} bytes at least`, `${this.end - this.#at} bytes`);
    }
  }

  #take(count: number, what: string): number {
    const at = this.#at;
    if (count > this.end - at) badStream(at, `${what}, ${count} bytes`, `${Math.max(0, this.end - at)} bytes`);
    this.#at = at + count;
    return at;
  }
}

/** The error of every reader of state streams. */
export function badStream(offset: number, expected: string, found: string): never {
  throw new QuiesceError('BAD_STATE_STREAM', `state stream, byte ${offset}: expected ${expected}, found ${found}`);
}
