/**
 * What the choices of the states on a path are remembered to do, known before they are taken. What a choice does in a state is
 * what it did in the state before, unless the step in between has stored to what it reads.
 */
import { type RememberedSteps, RUNS } from '../remembered/remembered-steps.js';
import { CHOICES_MAX } from './search.js';

export class EffectsOnPath {
  readonly #remembered: RememberedSteps;
  /** For each open choice, by its place: its effect or `RUNS`. */
  #effects = new Int32Array(CHOICES_MAX).fill(RUNS);
  /** For each choice its effect in the state before, and the number of the state after. */
  readonly #before = new Int32Array(CHOICES_MAX);
  readonly #beforeIn = new Int32Array(CHOICES_MAX);
  #state = 1;
  #forgotten: number;

  constructor(remembered: RememberedSteps) {
    this.#remembered = remembered;
    this.#forgotten = remembered.forgotten;
  }

  /** The effect of `choice`, which is at `place`, or `RUNS`. */
  effect(place: number, choice: number): number {
    this.#keepUp();
    const effect = this.#effects[place] as number;
    if (effect !== RUNS && this.#remembered.holds(effect)) return effect;
    return this.#remembered.effectOf(choice);
  }

  /**
   * Looks at the choices from `start` to `end` - 1 of the present state. Those up to `all` - 1 are not to be taken, unless the
   * search changes its mind.
   */
  look(open: Int32Array, start: number, end: number, all: number): void {
    this.#keepUp();
    if (all > this.#effects.length) this.#grow(open.length);
    const remembered = this.#remembered;
    const effects = this.#effects;
    const state = this.#state;
    for (let place = start; place < end; place++) {
      const choice = open[place] as number;
      const kept = choice < CHOICES_MAX && this.#beforeIn[choice] === state;
      effects[place] = kept ? (this.#before[choice] as number) : remembered.effectOf(choice);
    }
    effects.fill(RUNS, end, all);
  }

  /** `effect`, that of a choice from `start` to `end` - 1 of the present state, leads to a new state. */
  descend(open: Int32Array, start: number, end: number, effect: number): void {
    const state = this.#next();
    const remembered = this.#remembered;
    const effects = this.#effects;
    remembered.disturb(effect);
    for (let place = start; place < end; place++) {
      const choice = open[place] as number;
      const other = effects[place] as number;
      if (other === RUNS || choice >= CHOICES_MAX || !remembered.untouched(other)) continue;
      this.#before[choice] = other;
      this.#beforeIn[choice] = state;
    }
  }

  /** A step has run, and leads to a new state. */
  descendBlindly(): void {
    this.#next();
  }

  #next(): number {
    this.#state = (this.#state + 1) & 0x7fffffff;
    return this.#state;
  }

  /** What was remembered is gone. */
  #keepUp(): void {
    if (this.#forgotten === this.#remembered.forgotten) return;
    this.#forgotten = this.#remembered.forgotten;
    this.#effects.fill(RUNS);
    this.#next();
  }

  #grow(length: number): void {
    const effects = new Int32Array(Math.max(length, this.#effects.length * 2)).fill(RUNS);
    effects.set(this.#effects);
    this.#effects = effects;
  }
}
