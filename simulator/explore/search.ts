/**
 * What the orders of exploration share: what they are asked, what they report, and their limits.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import type { OracleName } from '../world-state.js';

/** What can be explored: `World`, and smaller worlds made for one question. */
export interface Explorable {
  readonly memory: JournaledMemory;
  /** Bit set of the oracles that have failed. */
  readonly violations: number;
  readonly lastFault: string | null;
  /** Nothing but a fault can happen in the state that was enumerated last. */
  readonly atRest: boolean;
  /** Whether steps that commute with all others are taken first. */
  reducing: boolean;
  /** Puts the choices of the present state into `choices` from `first` on; returns how many. */
  enumerate(choices: Int32Array, first?: number): number;
  step(choice: number): void;
  isFault(choice: number): boolean;
  /** Judges the end, where `atRest` holds. */
  quiescent(): void;
}

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
  /** A step led back to a state on the path. Only a depth-first search sees that. */
  readonly cyclic: boolean;
  /** Choices that lead to the failure; empty when it holds. */
  readonly choices: readonly number[];
}

/** What the two orders share. */
export interface Search {
  readonly world: Explorable;
  readonly mask: number;
  readonly maxStates: number;
  readonly onProgress: (progress: Progress) => void;
}

/** States between two calls of `onProgress`. */
export const PROGRESS_STATES = 1 << 14;

/** More choices than one state of any world can offer. */
export const CHOICES_MAX = 4096;
