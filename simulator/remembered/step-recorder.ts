/**
 * Writes down what one step reads and what becomes of what it stores to, as the memory's observer hears of it.
 *
 * What is read is everything that the outcome can depend on: the words loaded and the cells looked at; the words stored to,
 * because a store that changes nothing is none, and because the hash of the state changes by what was there; and the
 * entries of the page table that the loads and stores of an agent are checked against.
 */

import { type AccessObserver, ALL_AGENTS, type JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { longer } from '../../protocol/allocate.js';
import { assert } from '../../protocol/assert.js';

const STEPS_MAX = 0x3fffffff;

export class StepRecorder implements AccessObserver {
  /** Places (`JournaledMemory.places`) in the order in which they were first read. */
  reads = new Int32Array(1 << 8);
  readCount = 0;
  /** Words that a store has changed, each once; some of them may have been changed back. */
  changed = new Int32Array(1 << 8);
  changedCount = 0;
  readonly #memory: JournaledMemory;
  /** The observer that is there at other times; it goes on hearing everything. */
  #inner: AccessObserver | null = null;
  /** What each place that was read held before. */
  readonly #before: Int32Array;
  /** Twice the number of the step that read each place last, and one more where it was passed on the way (`pass`). */
  readonly #readIn: Int32Array;
  readonly #changedIn: Int32Array;
  #step = 0;

  constructor(memory: JournaledMemory) {
    this.#memory = memory;
    const count = memory.places.length;
    this.#before = new Int32Array(count);
    this.#readIn = new Int32Array(count);
    this.#changedIn = new Int32Array(count);
  }

  /** A step begins. */
  begin(): void {
    if (++this.#step === STEPS_MAX) {
      this.#step = 1;
      this.#readIn.fill(0);
      this.#changedIn.fill(0);
    }
    this.readCount = 0;
    this.changedCount = 0;
    assert(this.#memory.observer !== this, 'recorder: a step begins in the middle of another');
    this.#inner = this.#memory.observer;
    this.#memory.observer = this;
  }

  /** It has ended. */
  end(): void {
    this.#memory.observer = this.#inner;
  }

  /** What a place held before the step. */
  before(place: number): number {
    const read = (this.#readIn[place] as number) >>> 1 === this.#step;
    return (read ? this.#before[place] : this.#memory.places[place]) as number;
  }

  /** The step that has begun depends on a place, whether it looks at it itself or not. */
  read(place: number): void {
    this.#read(place);
  }

  /** Marks a place, for `passed`. */
  pass(place: number): void {
    if ((this.#readIn[place] as number) >>> 1 !== this.#step)
      this.#before[place] = this.#memory.places[place] as number;
    this.#readIn[place] = this.#step * 2 + 1;
  }

  passed(place: number): boolean {
    return this.#readIn[place] === this.#step * 2 + 1;
  }

  load(address: number, size: number): void {
    if (this.#inner !== null) this.#inner.load(address, size);
    if (this.#memory.current !== ALL_AGENTS) this.#read(address >>> 12);
    this.#read(address >>> 2);
  }

  store(address: number, size: number): void {
    if (this.#inner !== null) this.#inner.store(address, size);
    // What was there is read when it is known which words change.
  }

  looked(cell: number): void {
    this.#inner?.looked?.(cell);
    const place = this.#memory.placeOfCell(cell);
    this.#read(place);
    this.#read(place + 1);
  }

  stored(word: number, value: number, changed: boolean): void {
    this.#inner?.stored?.(word, value, changed);
    if (word < 0) {
      this.looked(-1 - word);
      if (changed) this.#change(this.#memory.placeOfCell(-1 - word));
      return;
    }
    if (this.#memory.current !== ALL_AGENTS) this.#read(word >>> 10);
    this.#read(word);
    if (changed) this.#change(word);
  }

  #read(place: number): void {
    if ((this.#readIn[place] as number) >>> 1 === this.#step) return;
    this.#readIn[place] = this.#step * 2;
    this.#before[place] = this.#memory.places[place] as number;
    if (this.readCount === this.reads.length) this.reads = longer(this.reads);
    this.reads[this.readCount++] = place;
  }

  #change(place: number): void {
    if (this.#changedIn[place] === this.#step) return;
    this.#changedIn[place] = this.#step;
    if (this.changedCount === this.changed.length) this.changed = longer(this.changed);
    this.changed[this.changedCount++] = place;
  }
}

/** One is enough for a memory, as only one thing at a time is written down. */
const ofMemories = new WeakMap<JournaledMemory, StepRecorder>();

export function recorderOf(memory: JournaledMemory): StepRecorder {
  const known = ofMemories.get(memory);
  if (known !== undefined) return known;
  const made = new StepRecorder(memory);
  ofMemories.set(memory, made);
  return made;
}
