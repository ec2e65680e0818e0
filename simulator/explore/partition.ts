/**
 * Which part of the table a state belongs in: a hash of the words that seldom change from one state to the next. A
 * depth-first search leaves such words alone for thousands of states, so all these lie in one part, and the states that
 * one step leads to in it or in a few others. To divide states by part of what they consist of is how a search that is
 * distributed keeps them from being sent about (F. Lerda, R. Sisto, Distributed-memory model checking with SPIN, 1999).
 *
 * Any division is right, as the same state is always in the same part. It is learned from the first states that a search finds,
 * and stays as it is from then on.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PARTS } from './paged-parts.js';

/** A word is slow that is changed by at most one of so many steps to new states, or by one alone. */
const STEPS_FOR_A_CHANGE = 512;

const FAST = -1;
const TIME_MAX = 0x3fffffff;
const SHIFT: number = Math.clz32(PARTS) + 1;

export class Partition {
  readonly #memory: JournaledMemory;
  /** For each word `FAST`, or when `changeSince` has last seen it. */
  readonly #words: Int32Array;
  #time = 0;

  /** For each word how many of `steps` steps changed it; none where there is no number. */
  constructor(memory: JournaledMemory, changes: Int32Array, steps: number) {
    this.#memory = memory;
    this.#words = new Int32Array(memory.words.length);
    const most = Math.max(1, steps / STEPS_FOR_A_CHANGE);
    for (let word = 0; word < changes.length; word++) if ((changes[word] as number) > most) this.#words[word] = FAST;
  }

  /**
   * How the part of a state changes when a word does: the part of the state after is that of the state before, with this
   * as an exclusive or.
   */
  change(word: number, before: number, after: number): number {
    return this.#words[word] === FAST ? 0 : mixed(word, before) ^ mixed(word, after);
  }

  /** How it has changed since the journal was `mark` entries long. */
  changeSince(mark: number): number {
    const memory = this.#memory;
    const words = this.#words;
    if (this.#time === TIME_MAX) this.#beginTime();
    const time = ++this.#time;
    let change = 0;
    for (let entry = mark; entry < memory.journalLength; entry++) {
      const word = memory.journalWord(entry);
      // A negative one is a cell. The first entry of a word says what it held before.
      if (word < 0 || words[word] === FAST || words[word] === time) continue;
      words[word] = time;
      change ^= mixed(word, memory.journalOld(entry)) ^ mixed(word, memory.words[word] as number);
    }
    return change;
  }

  #beginTime(): void {
    this.#time = 0;
    for (let word = 0; word < this.#words.length; word++) if (this.#words[word] !== FAST) this.#words[word] = 0;
  }
}

/** From 0 to `PARTS` - 1. */
function mixed(word: number, value: number): number {
  let bits = Math.imul(value ^ Math.imul(word, 0x9e3779b1), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 15), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> SHIFT;
}
