/**
 * The first states that a depth-first search finds, as the steps by which it found them, so that it can go the same way
 * again; and how often each word changed on it.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';

export class Discoveries {
  size = 0;
  /** For each word, the steps that changed it, of `counted`. */
  changes: Int32Array = new Int32Array(0);
  counted = 0;
  readonly #memory: JournaledMemory;
  readonly #countedAfter: number;
  #depths = new Int32Array(1 << 10);
  #choices = new Int32Array(1 << 10);
  /** For each word, the last step that changed it. */
  #changedBy = new Int32Array(0);

  /** Before `countedAfter` states nothing is counted: a world that has no more is spared the room. */
  constructor(memory: JournaledMemory, countedAfter: number) {
    this.#memory = memory;
    this.#countedAfter = countedAfter;
  }

  /** A new state was found, in which the world stands, by `choice` in the state at `depth` of the path and at `mark` of the journal. */
  add(depth: number, choice: number, mark: number): void {
    if (this.size === this.#depths.length) {
      this.#depths = doubled(this.#depths);
      this.#choices = doubled(this.#choices);
    }
    this.#depths[this.size] = depth;
    this.#choices[this.size] = choice;
    this.size++;
    if (this.size > this.#countedAfter) this.#count(mark);
  }

  depth(state: number): number {
    return this.#depths[state] as number;
  }
  choice(state: number): number {
    return this.#choices[state] as number;
  }

  #count(mark: number): void {
    const memory = this.#memory;
    if (this.counted === 0) {
      this.changes = new Int32Array(memory.words.length);
      this.#changedBy = new Int32Array(memory.words.length);
    }
    const step = ++this.counted;
    for (let entry = mark; entry < memory.journalLength; entry++) {
      const word = memory.journalWord(entry);
      if (word < 0 || this.#changedBy[word] === step) continue;
      this.#changedBy[word] = step;
      (this.changes[word] as number)++;
    }
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
