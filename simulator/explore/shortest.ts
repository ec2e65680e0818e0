/**
 * Whether there is a shorter schedule to a failure than the one that was found.
 */
import { rememberedOf } from '../remembered/remembered-steps.js';
import { breadthFirst } from './breadth-first.js';
import type { Explorable, Exploration } from './search.js';

/**
 * `shortest`: no schedule of this world with fewer steps ends in a failure. `shortest-kept`: none of those that are left
 * where the world takes steps that commute first; others are shorter, or not all were looked at. `unknown`: the failure
 * does not come from a search that looks at shorter schedules first, or the bound came before the end of that.
 */
export type LengthProof = 'shortest' | 'shortest-kept' | 'unknown';

/** Every oracle. */
const ALL = -1;

/** Enough for a schedule of some twenty steps. */
export const PROOF_STATES = 100_000;

/**
 * What is known of the schedule of `found`, a failure; where the world leaves schedules out, those are looked at too.
 * `remember` as in `ExploreOptions`.
 */
export function lengthProof(world: Explorable, found: Exploration, remember = true): LengthProof {
  if (found.order !== 'bfs') return 'unknown';
  if (!world.reducing || found.reduction === 'none') return 'shortest';
  world.reducing = false;
  try {
    const all = breadthFirst({
      world,
      mask: ALL,
      maxStates: PROOF_STATES,
      onProgress: () => {},
      remembered: remember ? rememberedOf(world) : null,
    });
    return !all.holds && all.choices.length >= found.choices.length ? 'shortest' : 'shortest-kept';
  } finally {
    world.reducing = true;
  }
}
