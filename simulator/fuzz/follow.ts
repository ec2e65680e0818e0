/**
 * Strategy replay and mutate: goes along a schedule of the corpus, leaves it at some step, and comes back to it or not.
 *
 * The steps before the one it leaves at are replayed by the runner (`Prefix`); here is what follows. Half of the runs
 * then take a random walk. The others hold one step of the schedule back and follow the rest as far as it goes: a step
 * that is not possible is passed over, and taken at the first moment at which it is the oldest one passed over. Where
 * nothing of the schedule is possible a random choice is taken.
 */
import type { Random } from '../random.js';
import { FaultMoments } from './fault-moments.js';
import type { Fuzzable, Offer, Scheduler } from './scheduler.js';

/** How many steps ahead a step of the schedule is looked for. */
const WINDOW = 24;

export class Follow implements Scheduler {
  readonly #faults = new FaultMoments();
  #random: Random | null = null;
  /** Numbers of the steps that are still to be taken, 0 for those that have been. */
  #ids = new Int32Array(256);
  #length = 0;
  #next = 0;
  #walks = false;

  /** The schedule whose steps from `from` on are to be followed in the next run. */
  prepare(ids: Int32Array, length: number, from: number): void {
    this.#length = Math.max(length - from, 0);
    if (this.#ids.length < this.#length) this.#ids = new Int32Array(this.#length * 2);
    for (let i = 0; i < this.#length; i++) this.#ids[i] = ids[from + i] as number;
  }

  begin(_world: Fuzzable, random: Random, length: number, faults: number): void {
    this.#random = random;
    this.#walks = random.index(2) === 0;
    this.#faults.begin(random, length, faults);
    this.#next = 0;
    if (this.#walks || this.#length < 2) return;
    // The step at which it leaves comes some steps later, or, one time in four, not at all.
    const held = this.#ids[0] as number;
    const until = random.index(4) === 0 ? 0 : 1 + random.index(Math.min(this.#length - 1, WINDOW));
    for (let i = 0; i < until; i++) this.#ids[i] = this.#ids[i + 1] as number;
    this.#ids[until] = until === 0 ? 0 : held;
  }

  pick({ ids, usual, count, step }: Offer): number {
    const random = this.#random as Random;
    if (!this.#walks) {
      while (this.#next < this.#length && this.#ids[this.#next] === 0) this.#next++;
      const end = Math.min(this.#length, this.#next + WINDOW);
      for (let at = this.#next; at < end; at++) {
        const wanted = this.#ids[at] as number;
        if (wanted === 0) continue;
        for (let i = 0; i < count; i++) {
          if (ids[i] !== wanted) continue;
          this.#ids[at] = 0;
          return i;
        }
      }
    }
    if (count > usual && this.#faults.due(step, usual === 0)) return usual + random.index(count - usual);
    return usual === 0 ? -1 : random.index(usual);
  }
}
