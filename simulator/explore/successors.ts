/**
 * Where the choices of the states on a path lead, known before they are taken: what each is remembered to do, and whether
 * the state after it has been visited.
 *
 * What a choice does in a state is what it did in the state before, unless the step in between has stored to what it reads.
 * The looks into the table of visited states follow one another without anything in between, so that they wait for
 * memory together.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { type RememberedSteps, RUNS } from '../remembered/remembered-steps.js';
import type { PathTable } from './path-table.js';
import { CHOICES_MAX } from './search.js';
import type { VisitedTable } from './visited-table.js';

/** What is known of the state that a choice leads to: nothing, that it has been visited, that it is on the path. */
export const UNKNOWN = 0;
export const VISITED = 1;
export const ON_PATH = 2;

/** States from which on it is looked ahead: the table of fewer is in the caches, and to look twice costs more than it saves. */
const LOOK_AHEAD_FROM = 3 << 15;

export class Successors {
  readonly #memory: JournaledMemory;
  readonly #remembered: RememberedSteps;
  #visited: VisitedTable;
  readonly #path: PathTable;
  /** For each open choice, by its place: its effect or `RUNS`, and what is known of the state it leads to. */
  #effects = new Int32Array(1 << 16).fill(RUNS);
  #known = new Uint8Array(1 << 16);
  /** For each choice its effect in the state before, and the number of the state after. */
  readonly #before = new Int32Array(CHOICES_MAX);
  readonly #beforeIn = new Int32Array(CHOICES_MAX);
  readonly #lows = new Int32Array(CHOICES_MAX);
  readonly #highs = new Int32Array(CHOICES_MAX);
  readonly #slots = new Int32Array(CHOICES_MAX);
  #state = 1;
  #forgotten: number;
  /** What was found where nobody asked; so that nothing is left out. */
  touched = 0;

  constructor(memory: JournaledMemory, remembered: RememberedSteps, visited: VisitedTable, path: PathTable) {
    this.#memory = memory;
    this.#remembered = remembered;
    this.#visited = visited;
    this.#path = path;
    this.#forgotten = remembered.forgotten;
  }

  /** What was visited is in another table from now on. */
  set visited(visited: VisitedTable) {
    this.#visited = visited;
  }

  /** Whether the choice at `place` leads to a state that is known. */
  known(place: number): number {
    return this.#known[place] as number;
  }

  /** The effect of `choice`, which is at `place`, or `RUNS`. */
  effect(place: number, choice: number): number {
    this.#keepUp();
    const effect = this.#effects[place] as number;
    if (effect !== RUNS && this.#remembered.holds(effect)) return effect;
    return this.#remembered.effectOf(choice);
  }

  /**
   * Looks at the choices from `start` to `end` - 1 of the present state, which is on the path already, and in `part`. Those up to `all` - 1
   * are not to be taken, unless the search changes its mind.
   */
  look(open: Int32Array, start: number, end: number, all: number, part: number): void {
    this.#keepUp();
    if (all > this.#effects.length) this.#grow(open.length);
    const remembered = this.#remembered;
    const effects = this.#effects;
    const known = this.#known;
    const state = this.#state;
    const visited = this.#visited;
    const lows = this.#lows;
    const highs = this.#highs;
    const slots = this.#slots;
    const { divided } = visited;
    const ahead = visited.size >= LOOK_AHEAD_FROM;
    const { hashLow, hashHigh } = this.#memory;
    let touched = 0;
    for (let place = start; place < end; place++) {
      const choice = open[place] as number;
      const kept = choice < CHOICES_MAX && this.#beforeIn[choice] === state;
      const effect = kept ? (this.#before[choice] as number) : remembered.effectOf(choice);
      effects[place] = effect;
      known[place] = UNKNOWN;
      if (effect === RUNS || !ahead) continue;
      const low = hashLow ^ remembered.changeOfLow(effect);
      const high = hashHigh ^ remembered.changeOfHigh(effect);
      lows[place - start] = low;
      highs[place - start] = high;
      slots[place - start] = visited.slotOf(low, high, divided ? part ^ remembered.changeOfPart(effect) : 0);
    }
    // A short loop, so that the processor comes to the next looks before the first has its answer.
    for (let place = start; ahead && place < end; place++)
      if (effects[place] !== RUNS) touched ^= visited.touch(slots[place - start] as number);
    this.touched = touched;
    for (let place = start; ahead && place < end; place++) {
      if (effects[place] === RUNS) continue;
      const low = lows[place - start] as number;
      const high = highs[place - start] as number;
      if (visited.hasFrom(slots[place - start] as number, low, high))
        known[place] = this.#path.depthOf(low, high) >= 0 ? ON_PATH : VISITED;
    }
    for (let place = end; place < all; place++) {
      effects[place] = RUNS;
      known[place] = UNKNOWN;
    }
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
    const known = new Uint8Array(effects.length);
    known.set(this.#known);
    this.#known = known;
  }
}
