/**
 * A shorter schedule to the same failure: by delta debugging (A. Zeller and R. Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input", 2002), with replay by the names of steps.
 *
 * A candidate is a list of names. It is replayed in order, and a name that is not among the choices is passed over. It
 * counts when the oracle fails on the way or at the end, before any other oracle does. What comes out is 1-minimal:
 * replayed like this without any one of its steps, it no longer fails. It need not be a shortest one.
 */
import { cycleFault } from '../explore/fair-cycles.js';
import { CHOICES_MAX } from '../explore/search.js';
import { fairCycleAtEnd } from '../lasso.js';
import { type OracleName, oracleBit } from '../world-state.js';
import { STEPS_MAX } from './runner.js';
import type { Fuzzable } from './scheduler.js';

export type Names = readonly string[];

export class LooseReplay {
  /** How many candidates were tried. */
  tries = 0;
  /** What the machine reported in the last one that failed as wanted. */
  fault: string | null = null;
  readonly #world: Fuzzable;
  readonly #bit: number;
  readonly #choices = new Int32Array(CHOICES_MAX);

  /** `world` stands at its beginning, and does so again after each call. */
  constructor(world: Fuzzable, oracle: OracleName) {
    this.#world = world;
    this.#bit = oracleBit(oracle);
  }

  /**
   * The steps that were taken up to the failure of the oracle, or null when it does not fail. With `goesOn`, the first
   * choice that is no fault is taken again and again after the last name.
   */
  fails(names: Names, goesOn = false): Names | null {
    this.tries++;
    const found = this.#replay(names, goesOn);
    this.#world.memory.undo(0, 0, 0);
    return found;
  }

  #replay(names: Names, goesOn: boolean): Names | null {
    const world = this.#world;
    const taken: string[] = [];
    const choices: number[] = [];
    let count = this.#look();
    if (world.violations !== 0) return this.#verdict(taken);
    const take = (choice: number, name: string): boolean => {
      taken.push(name);
      choices.push(choice);
      world.step(choice);
      if (world.violations !== 0) return true;
      count = this.#look();
      return world.violations !== 0;
    };
    for (const name of names) {
      const choice = this.#choices.subarray(0, count).find((candidate) => world.describe(candidate) === name);
      if (choice !== undefined && take(choice, name)) return this.#verdict(taken);
    }
    while (goesOn && taken.length < STEPS_MAX) {
      const choice = this.#choices.subarray(0, count).find((candidate) => !world.isFault(candidate));
      if (choice === undefined) return null;
      if (take(choice, world.describe(choice))) return this.#verdict(taken);
    }
    return goesOn ? null : this.#round(taken, choices);
  }

  /** Whether going on like at the end of the steps is a hang. */
  #round(taken: Names, choices: readonly number[]): Names | null {
    if (this.#bit !== oracleBit('no-hang') || taken.length === 0) return null;
    this.#world.memory.undo(0, 0, 0);
    const steps = fairCycleAtEnd(this.#world, choices);
    if (steps === 0) return null;
    this.fault = cycleFault(steps);
    return taken;
  }

  /** The choices there are; where the world is at rest, its end is judged. */
  #look(): number {
    const world = this.#world;
    const count = world.enumerate(this.#choices);
    if (!world.atRest) return count;
    const { journalLength, hashLow, hashHigh } = world.memory;
    world.quiescent();
    if (world.violations === 0) world.memory.undo(journalLength, hashLow, hashHigh);
    return count;
  }

  #verdict(taken: Names): Names | null {
    if ((this.#world.violations & this.#bit) === 0 || !this.#first()) return null;
    this.fault = this.#world.lastFault;
    return taken;
  }

  /** Whether the oracle is the one that is reported: the first in the order of `ORACLES` that failed in this step. */
  #first(): boolean {
    const { violations } = this.#world;
    return (violations & -violations) === this.#bit;
  }
}

/** A 1-minimal part of `names`, which must fail. */
export function shrinkSchedule(replay: LooseReplay, names: Names): Names {
  let current = shorterEnd(replay, names);
  for (let chunk = Math.max(current.length >> 1, 1); ; chunk = Math.max(chunk >> 1, 1)) {
    const before = current;
    for (let at = 0; at < current.length; ) {
      const without = replay.fails([...current.slice(0, at), ...current.slice(at + chunk)]);
      if (without === null) at += chunk;
      else current = without;
    }
    // Nothing that stands before a step taken out has been tried without that step.
    if (chunk === 1 && current.length === before.length) return current;
  }
}

/**
 * The shortest of the schedules that begin like `names` and then go on in the order of the actors. Only that way a
 * failure at rest gets shorter: what was left undone would still be possible.
 */
function shorterEnd(replay: LooseReplay, names: Names): Names {
  let best = names;
  for (let kept = 0; kept < best.length; kept++) {
    const found = replay.fails(best.slice(0, kept), true);
    if (found !== null && found.length < best.length) best = found;
  }
  return best;
}
