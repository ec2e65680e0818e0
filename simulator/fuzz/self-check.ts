/**
 * Determinism, checked: a run is taken again, step by step, and must lead through the same states with the same number
 * of choices to the same verdict. What keeps state outside its memory, asks a clock or iterates in another order shows
 * here, as the first step at which the two differ.
 */

import { CHOICES_MAX } from '../explore/search.js';
import { fairCycleAtEnd } from '../lasso.js';
import { oracleBit } from '../world-state.js';
import type { Runner } from './runner.js';
import type { Fuzzable } from './scheduler.js';

export interface Difference {
  /** Which step, from 1; one more than there are for the verdict. */
  readonly step: number;
  /** Its name, as the second time has it. */
  readonly name: string;
  /** What was found the second time, and the first. */
  readonly what: string;
}

const choices = new Int32Array(CHOICES_MAX);

/** Takes the last run of `runner` again. Null when nothing differs. The world stands at its beginning before and after. */
export function checkAgain(world: Fuzzable, runner: Runner): Difference | null {
  const difference = firstDifference(world, runner);
  world.memory.undo(0, 0, 0);
  return difference;
}

function firstDifference(world: Fuzzable, runner: Runner): Difference | null {
  const { memory } = world;
  for (let i = 0; i < runner.length; i++) {
    const choice = runner.choices[i] as number;
    const count = world.enumerate(choices);
    const offered = runner.offers[i] as number;
    const among = choices.subarray(0, count).includes(choice);
    const step = i + 1;
    if (!among) return { step, name: '', what: 'the step is not possible the second time' };
    const name = world.describe(choice);
    if (offered !== 0 && offered !== count)
      return { step, name, what: `${offered} choices the first time, ${count} the second` };
    world.step(choice);
    if (memory.hashLow !== runner.lows[i] || memory.hashHigh !== runner.highs[i])
      return { step, name, what: 'the step leads to another state the second time' };
  }
  if (world.violations === 0) {
    world.enumerate(choices);
    if (world.atRest) world.quiescent();
  }
  if (world.violations === runner.violations) return null;
  if (world.violations === 0 && runner.violations === oracleBit('no-hang')) {
    world.memory.undo(0, 0, 0);
    if (fairCycleAtEnd(world, runner.choices.subarray(0, runner.length)) > 0) return null;
  }
  return { step: runner.length + 1, name: '', what: 'another verdict the second time' };
}
