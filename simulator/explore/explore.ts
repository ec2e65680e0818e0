/**
 * Exhaustive exploration: every schedule of a world, up to equality of states.
 *
 * Depth-first is the fast way to cover everything; breadth-first finds a shortest schedule to a failure. Both stop at
 * the first state in which an oracle has failed. `complete` says that every reachable state was seen, so that a
 * verdict *holds* is a proof for this world (up to the hash, see `hypervisor/journaled-memory.ts`).
 */
import type { World } from '../world.js';
import { ORACLE_NAMES, type OracleName, oracleBit } from '../world-state.js';
import { breadthFirst } from './breadth-first.js';
import { depthFirst } from './depth-first.js';

export interface ExploreOptions {
  readonly order: 'dfs' | 'bfs';
  /** The exploration ends, incomplete, when it has seen this many states. */
  readonly maxStates?: number | undefined;
  /** The oracles that count; all when absent. */
  readonly oracles?: readonly OracleName[] | undefined;
  /** Called every few thousand states. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Progress {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
}

export interface Exploration {
  readonly holds: boolean;
  /** Every reachable state was seen. */
  readonly complete: boolean;
  readonly oracle: OracleName | null;
  /** What the machine reported, when a driver threw or touched memory it may not. */
  readonly fault: string | null;
  readonly states: number;
  readonly transitions: number;
  /** Longest path on the stack (dfs) or last level (bfs). */
  readonly depth: number;
  readonly tableBytes: number;
  /** Choices that lead to the failure; empty when it holds. */
  readonly choices: readonly number[];
}

/** What the two orders share. */
export interface Search {
  readonly world: World;
  readonly mask: number;
  readonly maxStates: number;
  readonly onProgress: (progress: Progress) => void;
}

/** States between two calls of `onProgress`. */
export const PROGRESS_STATES = 1 << 14;

/** More choices than one state of any world can offer. */
export const CHOICES_MAX = 4096;

export function explore(world: World, options: ExploreOptions): Exploration {
  const names = options.oracles ?? ORACLE_NAMES;
  const search: Search = {
    world,
    mask: names.reduce((bits, name) => bits | oracleBit(name), 0),
    maxStates: options.maxStates ?? Number.POSITIVE_INFINITY,
    onProgress: options.onProgress ?? (() => {}),
  };
  return options.order === 'dfs' ? depthFirst(search) : breadthFirst(search);
}
