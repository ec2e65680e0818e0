/**
 * Exhaustive exploration: every schedule of a world, up to equality of states and to steps that commute.
 *
 * Depth-first is the fast way to cover everything; breadth-first finds a shortest schedule to a failure. Both stop at
 * the first state in which an oracle has failed. `complete` says that everything was seen that the verdict needs, so that
 * a verdict *holds* is a proof for this world (up to the hash, see `hypervisor/journaled-memory.ts`).
 *
 * Breadth-first does not see cycles: neither a livelock, nor that steps which commute are put off for ever in one. So
 * where it finds nothing, only depth-first proves that nothing is there; `verdict.ts` asks both. Where depth-first sees
 * that there may be a cycle, and a hang would count, the whole graph of states is looked at for one (`fair-cycles.ts`).
 */
import { rememberedOf } from '../remembered/remembered-steps.js';
import { ORACLE_NAMES, oracleBit } from '../world-state.js';
import { adaptiveDepthFirst } from './adapt.js';
import { breadthFirst } from './breadth-first.js';
import { depthFirst } from './depth-first.js';
import { reducedDepthFirst } from './dpor.js';
import { searchFairCycles } from './fair-cycles.js';
import type { Explorable, Exploration, ExploreOptions, Reduction, Search } from './search.js';
import { sleepingDepthFirst } from './sleep-sets.js';

export * from './search.js';

const HANG = oracleBit('no-hang');

export function explore(world: Explorable, options: ExploreOptions): Exploration {
  const names = options.oracles ?? ORACLE_NAMES;
  const search: Search = {
    world,
    mask: names.reduce((bits, name) => bits | oracleBit(name), 0),
    maxStates: options.maxStates ?? Number.POSITIVE_INFINITY,
    onProgress: options.onProgress ?? (() => {}),
    remembered: options.remember === false ? null : rememberedOf(world),
    allocate: options.allocate,
  };
  const { reducing, steps } = world;
  const { reduction } = options;
  if (steps !== undefined) steps.remembering = search.remembered !== null;
  if (reduction === 'none' || reduction === 'sleep') world.reducing = false;
  try {
    if (options.order === 'bfs') return { ...breadthFirst(search), order: 'bfs', reduction: plain(world) };
    const found = searchDepthFirst(search, reduction);
    return found.cyclic && found.holds && found.complete ? judgeCycles(search, found) : found;
  } finally {
    if (steps !== undefined) steps.remembering = false;
    world.reducing = reducing;
  }
}

function searchDepthFirst(search: Search, reduction: Reduction | undefined): Exploration {
  const { world } = search;
  const { steps } = world;
  if (steps !== undefined && reduction === 'sleep')
    return { ...sleepingDepthFirst(search, steps), reduction, order: 'dfs' };
  if (steps !== undefined && (reduction === 'stubborn' || reduction === 'dpor'))
    return { ...reducedDepthFirst(search, steps, reduction === 'dpor'), reduction, order: 'dfs' };
  if (steps !== undefined && reduction === undefined) {
    const { found, reduced } = adaptiveDepthFirst(search, steps);
    return { ...found, reduction: reduced ? 'dpor' : plain(world), order: 'dfs' };
  }
  return { ...depthFirst(search), reduction: plain(world), order: 'dfs' };
}

/** There may be a cycle: is it a hang, and was a step that commutes put off for ever in it (the ignoring problem)? */
function judgeCycles(search: Search, found: Exploration): Exploration {
  const { world, mask } = search;
  if ((mask & HANG) !== 0) return { ...searchFairCycles(search), reduction: 'none', order: 'dfs' };
  // What the world itself selects is not undone by the cycle proviso.
  if (!world.reducing) return found;
  world.reducing = false;
  return searchDepthFirst(search, found.reduction === 'hosts' ? 'none' : found.reduction);
}

function plain(world: Explorable): Reduction {
  return world.reducing ? 'hosts' : 'none';
}
