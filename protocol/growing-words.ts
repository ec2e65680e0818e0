/**
 * An array of words that grows where it lies, so that nothing is copied: a memory of WebAssembly, which has its addresses
 * reserved from the beginning (WebAssembly Core Specification, memory.grow). It is a shared one, as those who hold an array of
 * a memory that is not would lose it.
 *
 * Where there is none, or no more of it, the words are copied to a longer array.
 */
import { type Allocate, allocatePlain } from './allocate.js';

/** A page of WebAssembly. */
const PAGE_BYTES = 65_536;
/** 4 GiB, the most that a memory has whose addresses are 32 bits. */
const PAGES_MAX = 65_536;

/** What is used of it: TypeScript declares it for pages only. */
interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
  grow(pages: number): number;
}
declare const WebAssembly: {
  readonly Memory: new (of: { initial: number; maximum: number; shared: true }) => SharedMemory;
};

/** Shared memory. */
interface Shared {
  readonly memory: SharedMemory;
  /**
   * The garbage collector of V8 does not count shared memory, and would let it pile up. It counts this, which is as long and
   * goes together with it; as nobody touches it, it takes addresses alone.
   */
  counted: ArrayBuffer;
}

export class GrowingWords {
  words: Int32Array;
  readonly #allocate: Allocate;
  #shared: Shared | null;

  /** At least `length` words, which are 0. Throws RangeError where there is no memory for them. */
  constructor(length: number, allocate: Allocate = allocatePlain) {
    this.#allocate = allocate;
    this.#shared = reserve(Math.ceil((length * 4) / PAGE_BYTES));
    this.words = new Int32Array(this.#shared?.memory.buffer ?? allocate(length * 4));
  }

  /** There are at least `length` words from now on, what is new is 0. Throws RangeError where there is no memory for them. */
  grow(length: number): void {
    const more = length * 4 - this.words.byteLength;
    if (more <= 0) return;
    if (this.#shared !== null && extend(this.#shared, Math.ceil(more / PAGE_BYTES))) {
      this.words = new Int32Array(this.#shared.memory.buffer);
      this.#allocate.advise?.(this.words);
      return;
    }
    const words = new Int32Array(this.#allocate(length * 4));
    words.set(this.words);
    this.words = words;
    this.#shared = null;
  }
}

/** Null where WebAssembly has no shared memory, or there are no addresses to reserve. */
function reserve(pages: number): Shared | null {
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: PAGES_MAX, shared: true });
    return { memory, counted: new ArrayBuffer(pages * PAGE_BYTES) };
  } catch {
    return null;
  }
}

/** False where there is no more of it. */
function extend(shared: Shared, pages: number): boolean {
  const { memory } = shared;
  try {
    shared.counted = new ArrayBuffer(memory.buffer.byteLength + pages * PAGE_BYTES);
    memory.grow(pages);
    return true;
  } catch {
    return false;
  }
}
