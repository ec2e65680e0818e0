/**
 * Exhaustive exploration: every schedule of a world, up to equality of states.
 *
 * Depth-first is the fast way to cover everything; breadth-first finds a shortest schedule to a failure. Both stop at
 * the first state in which an oracle has failed. `complete` says that every reachable state was seen, so that a
 * verdict *holds* is a proof for this world (up to the hash, see `hypervisor/journaled-memory.ts`).
 *
 * Breadth-first does not see cycles: neither a livelock, nor that steps which commute are put off for ever in one. So
 * where it finds nothing, only depth-first proves that nothing is there; `verdict.ts` asks both.
 */
import { ORACLE_NAMES, oracleBit } from '../world-state.js';
import { breadthFirst } from './breadth-first.js';
import { depthFirst } from './depth-first.js';
import type { Explorable, Exploration, ExploreOptions, Search } from './search.js';

export { CHOICES_MAX, type Explorable, type Exploration, type ExploreOptions, type Progress } from './search.js';

export function explore(world: Explorable, options: ExploreOptions): Exploration {
  const names = options.oracles ?? ORACLE_NAMES;
  const search: Search = {
    world,
    mask: names.reduce((bits, name) => bits | oracleBit(name), 0),
    maxStates: options.maxStates ?? Number.POSITIVE_INFINITY,
    onProgress: options.onProgress ?? (() => {}),
  };
  if (options.order === 'bfs') return breadthFirst(search);
  const found = depthFirst(search);
  if (!found.cyclic || !found.holds || !world.reducing) return found;
  // Steps that are always put off could be put off for ever in a cycle (the ignoring problem): once more, with all.
  world.reducing = false;
  try {
    return depthFirst(search);
  } finally {
    world.reducing = true;
  }
}
