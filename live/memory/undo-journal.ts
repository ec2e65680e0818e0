/**
 * What makes a step whole although its process may be killed between any two stores: before each store of the step, the
 * word and its old value go into pages of the process's own domain, where they outlive it. Whoever starts the process
 * again takes the stores of the unfinished step back, and the step runs anew from its beginning.
 *
 * Only what nobody else looks at is taken back. A page shared with the other side keeps what was stored there, as after
 * a crash of the simulator's backend between two stores, and the step stores it again.
 *
 * What a step asks of others is not taken back: before it does, it may promise that it will, and whoever takes it back
 * learns that it had.
 *
 *     word 0         entries; the top bit: a promise was made
 *     word 1         of a promise: what whoever comes next is to know
 *     words 2k, 2k+1 for entry k from 1 on: index of the word in the host's memory, old value
 */
import { assert } from '../../protocol/assert.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { JOURNAL_PAGES } from './segments.js';

const PROMISED = 0x8000_0000 | 0;
const ENTRIES_MAX = (JOURNAL_PAGES * PAGE_SIZE) / 8 - 1;

export class UndoJournal {
  readonly #words: Int32Array;
  readonly #start: number;
  #length = 0;
  /** `PROMISED`, or 0. */
  #promise = 0;

  /** `address` is that of its first page. */
  constructor(words: Int32Array, address: number) {
    this.#words = words;
    this.#start = address >>> 2;
  }

  /** To be called before word `index` changes. */
  record(index: number): void {
    const length = ++this.#length;
    assert(length <= ENTRIES_MAX, `journal: a step of more than ${ENTRIES_MAX} stores`);
    const at = this.#start + 2 * length;
    this.#words[at] = index;
    this.#words[at + 1] = this.#words[index] as number;
    // The count goes last, and before the store itself: `Atomics` keeps the compiler from moving either.
    Atomics.store(this.#words, this.#start, length | this.#promise);
  }

  /** The step is about to ask something of others that cannot be taken back; `value` is for whoever takes it back. */
  promise(value: number): void {
    this.#words[this.#start + 1] = value;
    this.#promise = PROMISED;
    Atomics.store(this.#words, this.#start, this.#length | PROMISED);
  }

  /** What was promised is not asked for after all. */
  withdraw(): void {
    if (this.#promise === 0) return;
    this.#promise = 0;
    Atomics.store(this.#words, this.#start, this.#length);
  }

  /** What was promised in the step that was taken back, or is under way; null where nothing was. Stays until `commit`. */
  get promised(): number | null {
    return this.#promise === 0 ? null : (this.#words[this.#start + 1] as number);
  }

  /** The step is done: its stores stay. */
  commit(): void {
    if ((this.#length | this.#promise) === 0) return;
    this.#length = 0;
    this.#promise = 0;
    Atomics.store(this.#words, this.#start, 0);
  }

  /** Takes back the stores of a step that was not finished. Returns how many there were. */
  recover(): number {
    const header = Atomics.load(this.#words, this.#start);
    const length = header & ~PROMISED;
    assert(length >= 0 && length <= ENTRIES_MAX, `journal: expected 0 to ${ENTRIES_MAX} entries, found ${length}`);
    for (let entry = length; entry > 0; entry--) {
      const at = this.#start + 2 * entry;
      this.#words[this.#words[at] as number] = this.#words[at + 1] as number;
    }
    this.#length = 0;
    this.#promise = header & PROMISED;
    Atomics.store(this.#words, this.#start, this.#promise);
    return length;
  }
}
