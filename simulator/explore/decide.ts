/**
 * Two searches in one verdict: depth-first covers everything or finds some failure quickly; a failure found is searched
 * again breadth-first, because only then is its schedule a shortest one.
 */
import type { Replayable } from '../replay.js';
import { type Exploration, explore, type Progress, type Reduction } from './explore.js';
import { type LengthProof, lengthProof } from './shortest.js';

export interface DecideOptions {
  /** The order of the first search; when absent, depth-first, and after a failure breadth-first. */
  readonly order?: 'dfs' | 'bfs' | undefined;
  /** What the depth-first search leaves out; what pays when absent. */
  readonly reduction?: Reduction | undefined;
  /** Each search ends, incomplete, when it has seen this many states. */
  readonly maxStates?: number | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** What is said of a world: the exploration that the verdict comes from, and of a failure whether there is a shorter way. */
export interface Decided extends Exploration {
  readonly shortest: LengthProof | null;
}

/** `afterFirst` is called between the searches. */
export function decideWorld(
  world: Replayable,
  options: DecideOptions,
  afterFirst: () => void = () => undefined,
): Decided {
  const found = twoSearches(world, options, afterFirst);
  return { ...found, shortest: found.holds ? null : lengthProof(world, found) };
}

function twoSearches(
  world: Replayable,
  { order, reduction, maxStates, onProgress }: DecideOptions,
  afterFirst: () => void,
): Exploration {
  const search = (by: 'dfs' | 'bfs'): Exploration => explore(world, { order: by, reduction, maxStates, onProgress });
  let found = search(order ?? 'dfs');
  // Where breadth-first finds nothing, depth-first must say that nothing is there.
  if (order === 'bfs' && found.holds && found.complete) found = search('dfs');
  afterFirst();
  if (order !== undefined || found.holds) return found;
  const shortest = search('bfs');
  // The bound may end the second search before it comes to any failure.
  return shortest.holds ? found : shortest;
}

/** What went wrong at the end of a schedule, in words; the world is as before afterwards. */
export function whatFails(world: Replayable, choices: readonly number[]): string | null {
  const { memory } = world;
  const mark = memory.journalLength;
  const { hashLow, hashHigh } = memory;
  for (const choice of choices) world.step(choice);
  // An end is judged after its last step, so what it found is asked for again.
  if (world.failed === undefined) world.quiescent();
  const { lastFault } = world;
  memory.undo(mark, hashLow, hashHigh);
  return lastFault;
}
