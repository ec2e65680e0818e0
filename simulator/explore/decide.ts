/**
 * Two searches in one verdict: depth-first covers everything or finds some failure quickly; a failure found is searched
 * again breadth-first, because only then is its schedule a shortest one.
 */
import type { Replayable } from '../replay.js';
import { type Exploration, explore, type Progress } from './explore.js';

export interface DecideOptions {
  /** The order of the first search; when absent, depth-first, and after a failure breadth-first. */
  readonly order?: 'dfs' | 'bfs' | undefined;
  /** Each search ends, incomplete, when it has seen this many states. */
  readonly maxStates?: number | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** `afterFirst` is called between the searches. */
export function decideWorld(
  world: Replayable,
  { order, maxStates, onProgress }: DecideOptions,
  afterFirst: () => void = () => undefined,
): Exploration {
  const search = (by: 'dfs' | 'bfs'): Exploration => explore(world, { order: by, maxStates, onProgress });
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
