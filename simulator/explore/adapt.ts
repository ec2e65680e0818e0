/**
 * A depth-first search of a world of which it is not known whether `dpor` pays. The plain search goes on as long as that
 * is tried, and the trial is given so little that the plain search is hardly late where it does not pay.
 *
 * What tells is which part of the choices is in the stubborn sets: only they leave out states. What sleeps leaves out
 * transitions, and a transition without a new state costs the plain search next to nothing.
 */
import { beginDepthFirst, type DepthFirst, type Found } from './depth-first.js';
import { ReducedDepthFirst } from './dpor.js';
import type { Search } from './search.js';
import type { StepSpace } from './step-space.js';

/** A world of at most this many states is explored without a trial. */
export const TRIAL_AFTER: number = 1 << 14;
/** States of the first trial. While nobody can tell, the plain search goes on to twice as many, and the trial to four times. */
const FIRST_TRIED = 1 << 8;
/** With so many, it pays or does not. */
const TRIED_AT_MOST = 1 << 14;

/** Parts. Measured on the worlds of docs/reduction.md, of which none ends in between. */
const PAYS_BELOW = 0.7;
const NEVER_PAYS_ABOVE = 0.9;
/** Tried states, after the first path to an end, that are enough to say that it does not pay, or that it does. */
const ENOUGH_TO_GIVE_UP = 1 << 6;
const ENOUGH_TO_CHOOSE = 1 << 10;

export interface Adapted {
  readonly found: Found;
  /** Whether the search was `dpor`. */
  readonly reduced: boolean;
}

export function adaptiveDepthFirst(search: Search, space: StepSpace): Adapted {
  const { maxStates } = search;
  const plain = beginDepthFirst(search);
  let trial: ReducedDepthFirst | null = null;
  let trialStates = FIRST_TRIED;
  for (let states = TRIAL_AFTER; ; states *= 2, trialStates *= 4) {
    const found = plain.run(Math.min(states, maxStates));
    if (isOver(found, maxStates)) return { found, reduced: false };
    trial ??= new ReducedDepthFirst(search, space, true);
    const tried = trial.run(Math.min(trialStates, maxStates));
    if (isOver(tried, maxStates)) return { found: tried, reduced: true };
    const pays = judge(trial, tried.states);
    if (pays !== null) return goOn(pays ? trial : plain, maxStates, pays);
  }
}

function goOn(search: DepthFirst, maxStates: number, reduced: boolean): Adapted {
  return { found: search.run(maxStates), reduced };
}

function isOver({ holds, complete, states }: Found, maxStates: number): boolean {
  return !holds || complete || states >= maxStates;
}

/** Null when it cannot be told yet. */
function judge({ stubbornPart, judgedStates }: ReducedDepthFirst, tried: number): boolean | null {
  if (judgedStates >= ENOUGH_TO_GIVE_UP && stubbornPart > NEVER_PAYS_ABOVE) return false;
  if (judgedStates >= ENOUGH_TO_CHOOSE && stubbornPart < PAYS_BELOW) return true;
  return tried < TRIED_AT_MOST ? null : stubbornPart < PAYS_BELOW;
}
