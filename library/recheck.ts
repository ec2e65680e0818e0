/**
 * Checks a schedule that once broke a driver again, after the driver was mended.
 *
 * A mended driver seldom follows the old schedule to its end: some step is not possible any more, because the driver now
 * waits. So the schedule is followed as far as it goes, and from there on every schedule is explored. It passes when no
 * oracle fails on the way nor in anything that can come after it.
 */
import { allocateLarge } from '../platform/large-pages.js';
import { explore } from '../simulator/explore/explore.js';
import { replay, stepsByName } from '../simulator/replay.js';
import { worldOf } from '../simulator/verdict.js';
import type { OracleName } from '../simulator/world-state.js';
import { askedOf, ownDrivers, type Question } from './question.js';

/** What is explored beyond the schedule before the check gives up, in states. */
const STATES_MAX = 2_000_000;

export interface Recheck {
  /** No oracle fails on the schedule, nor in anything that can come after it. */
  readonly holds: boolean;
  readonly oracle: OracleName | null;
  /** What the machine reported, when a driver threw or touched memory it may not. */
  readonly fault: string | null;
  /** Steps of the schedule that were possible. */
  readonly followed: number;
  /** All of the above in a sentence. */
  readonly text: string;
}

/** `steps` are the names of a schedule's steps. Throws what `explore` throws. */
export async function recheck(question: Question & { readonly steps: readonly string[] }): Promise<Recheck> {
  const { pairing, names } = await askedOf(question);
  const world = worldOf(pairing, names);
  const followed = replay(world, stepsByName(question.steps));
  const { diverged } = followed;
  const count = followed.steps.length;
  const way =
    diverged === null
      ? `all ${count} steps`
      : `${count} of ${question.steps.length} steps, up to where ${diverged.wanted} is not possible`;
  if (followed.oracle !== null) {
    const { oracle, fault } = followed;
    const why = fault === null ? '' : ` (${fault})`;
    return { holds: false, oracle, fault, followed: count, text: `${oracle} fails after ${count} steps${why}` };
  }
  if (followed.quiescent) return { holds: true, oracle: null, fault: null, followed: count, text: `${way}: holds` };
  const { holds, complete, oracle, fault, states } = explore(world, {
    order: 'dfs',
    maxStates: STATES_MAX,
    allocate: allocateLarge,
    remember: ownDrivers(pairing).length === 0,
  });
  const after = oracle === null ? `no failure in ${states} states after that` : `${oracle} fails after that`;
  const end = holds && !complete ? `${after}, but there are more` : after;
  return { holds: holds && complete, oracle, fault, followed: count, text: `${way}; ${end}` };
}
