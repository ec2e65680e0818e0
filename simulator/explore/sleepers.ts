/**
 * Sleep sets of a depth-first search that takes every state once (P. Godefroid, 1990): for each state on the path the
 * steps that need not be taken there, because they were taken in a state above and conflict with nothing since.
 *
 * They do not lie with the states: where there is no cycle, a state that was reached before is done with whatever slept
 * in it. The argument is in docs/reduction.md.
 */
import { type Footprints, has, ROW, STEPS_MAX } from './footprints.js';

export class Sleepers {
  readonly #footprints: Footprints;
  /** For each state on the path, what sleeps there; with the steps already taken there. */
  #rows = new Int32Array(ROW << 10);
  /** What sleeps in the state that the last step has led to. */
  readonly #next = new Int32Array(ROW);

  constructor(footprints: Footprints) {
    this.#footprints = footprints;
  }

  /** A search begins: nothing sleeps. */
  clear(): void {
    this.#next.fill(0);
  }

  /** The state that the last step has led to is entered at `depth`. */
  enter(depth: number): void {
    if ((depth + 1) * ROW > this.#rows.length) {
      const larger = new Int32Array(this.#rows.length * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows.set(this.#next, depth * ROW);
  }

  /** Whether `step` sleeps in the state at `depth`. */
  has(depth: number, step: number): boolean {
    return has(this.#rows, depth, step);
  }

  /** `step` has been taken in the state at `depth`: it sleeps there from now on, if it `canSleep`. */
  taken(depth: number, step: number, canSleep: boolean): void {
    const { conflicts } = this.#footprints;
    const row = depth * ROW;
    for (let i = 0; i < ROW; i++)
      this.#next[i] = (this.#rows[row + i] as number) & ~(conflicts[step * ROW + i] as number);
    // The last number may stand for several steps.
    if (canSleep && step !== STEPS_MAX - 1) (this.#rows[row + (step >>> 5)] as number) |= 1 << (step & 31);
  }
}
