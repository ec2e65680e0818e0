/**
 * When faults strike, for schedulers that order everything else: at steps drawn in advance, each as probable as any
 * other. A fault that is not possible at its moment strikes as soon as one is.
 *
 * Picked like any other choice, faults would strike in the first steps, where there are many places to die at and
 * little has happened yet.
 */
import type { Random } from '../random.js';

const FAULTS_MAX = 16;

export class FaultMoments {
  readonly #moments = new Int32Array(FAULTS_MAX);
  #left = 0;

  begin(random: Random, length: number, faults: number): void {
    this.#left = Math.min(faults, FAULTS_MAX);
    // One past the end: that one strikes at rest, or not at all.
    for (let i = 0; i < this.#left; i++) this.#moments[i] = random.index(length + 1);
  }

  /** Whether a fault strikes at `step`; asked where one is possible. */
  due(step: number, atRest: boolean): boolean {
    for (let i = 0; i < this.#left; i++) {
      if ((this.#moments[i] as number) > step && !atRest) continue;
      this.#left--;
      this.#moments[i] = this.#moments[this.#left] as number;
      return true;
    }
    return false;
  }
}
