/**
 * The verdict on a design of the device identity in one situation: whether it holds over every schedule, what happens in
 * them, and if it does not hold, a shortest schedule that breaks it.
 */
import { explore, type Progress } from '../explore/explore.js';
import { nameChoices } from '../replay.js';
import type { Order } from '../verdict.js';
import type { OracleName } from '../world-state.js';
import { formatIdentityToken, type IdentityNames } from './schedule.js';
import type { IdentitySetting, Observation } from './setting.js';
import { IdentityWorld } from './world.js';

export interface IdentityVerdictOptions {
  /** The order of the first search; when absent, depth-first, and after a failure breadth-first. */
  readonly order?: Order | undefined;
  /** Each search ends, incomplete, when it has seen this many states. */
  readonly maxStates?: number | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface IdentityVerdict extends IdentityNames {
  readonly holds: boolean;
  /** Every reachable state was seen. False after a failure, at which the search ends. */
  readonly complete: boolean;
  readonly oracle: OracleName | null;
  /** What went wrong, in words. */
  readonly fault: string | null;
  readonly states: number;
  readonly transitions: number;
  /** What happens in some schedule. Not all of it where an oracle fails, as the search ends there. */
  readonly observed: readonly Observation[];
  readonly schedule: readonly string[];
  /** Replays the schedule; null when there is none. */
  readonly token: string | null;
}

/** `setting` is that of the scenario named. */
export function decideIdentity(
  { scenario, design }: IdentityNames,
  setting: IdentitySetting,
  { order, maxStates, onProgress }: IdentityVerdictOptions = {},
): IdentityVerdict {
  const world = new IdentityWorld(design, setting);
  let found = explore(world, { order: order ?? 'dfs', maxStates, onProgress });
  // Where breadth-first finds nothing, depth-first must say that nothing is there.
  if (order === 'bfs' && found.holds && found.complete) found = explore(world, { order: 'dfs', maxStates, onProgress });
  const observed = [...world.observed].sort();
  if (order === undefined && !found.holds) {
    const shortest = explore(world, { order: 'bfs', maxStates, onProgress });
    // The bound may end the second search before it comes to any failure.
    if (!shortest.holds) found = shortest;
  }
  const { holds, complete, oracle, states, transitions, choices } = found;
  const verdict = { scenario, design, holds, complete, oracle, states, transitions, observed };
  if (holds) return { ...verdict, fault: null, schedule: [], token: null };
  const { steps, hashBytes } = nameChoices(world, choices);
  const token = formatIdentityToken({ scenario, design, steps }, hashBytes);
  return { ...verdict, fault: whatFails(world, choices), schedule: steps, token };
}

/** An end is judged after its last step, so what it found is asked for again. */
function whatFails(world: IdentityWorld, choices: readonly number[]): string | null {
  for (const choice of choices) world.step(choice);
  if (world.failed === undefined) world.quiescent();
  const { lastFault } = world;
  world.memory.undo(0, 0, 0);
  return lastFault;
}
