/** The first states that a depth-first search finds, by what the steps did by which it found them. */
import { longer } from '../../protocol/allocate.js';
import { type RememberedSteps, RUNS } from '../remembered/remembered-steps.js';

export class Discoveries {
  size = 0;
  readonly #remembered: RememberedSteps;
  readonly #forgotten: number;
  #unknown = false;
  #depths = new Int32Array(1 << 10);
  #effects = new Int32Array(1 << 10);

  constructor(remembered: RememberedSteps) {
    this.#remembered = remembered;
    this.#forgotten = remembered.forgotten;
  }

  /** Of each step it is still known what it did. */
  get known(): boolean {
    return !this.#unknown && this.#forgotten === this.#remembered.forgotten;
  }

  /** A new state was found, by a step with `effect` in the state at `depth` of the path. */
  add(depth: number, effect: number): void {
    if (this.size === this.#depths.length) {
      this.#depths = longer(this.#depths);
      this.#effects = longer(this.#effects);
    }
    this.#depths[this.size] = depth;
    this.#effects[this.size] = effect;
    this.size++;
    if (effect === RUNS) this.#unknown = true;
  }

  depth(state: number): number {
    return this.#depths[state] as number;
  }
  effect(state: number): number {
    return this.#effects[state] as number;
  }
}
