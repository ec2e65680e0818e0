/**
 * What the orders of exploration share: what they are asked, what they report, and their limits.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import type { Allocate } from '../../protocol/allocate.js';
import type { RememberedSteps } from '../remembered/remembered-steps.js';
import type { OracleName } from '../world-state.js';
import type { StepSpace } from './step-space.js';

/** What can be explored: `World`, and smaller worlds made for one question. */
export interface Explorable {
  readonly memory: JournaledMemory;
  /** Bit set of the oracles that have failed. */
  readonly violations: number;
  readonly lastFault: string | null;
  /** Nothing but a fault can happen in the state that was enumerated last. */
  readonly atRest: boolean;
  /** Whether steps that commute with all others are taken first, where the world itself knows of any. */
  reducing: boolean;
  /** What a reduction must know of the world's steps; a world without is explored without. */
  readonly steps?: StepSpace | undefined;
  /** Puts the choices of the present state into `choices` from `first` on; returns how many. */
  enumerate(choices: Int32Array, first?: number): number;
  step(choice: number): void;
  isFault(choice: number): boolean;
  /** Judges the end, where `atRest` holds. */
  quiescent(): void;
}

/**
 * What is left out. `none`: nothing. `hosts`: what the world itself knows to commute (`Independence` in `machine.ts`).
 * `sleep`: transitions that lead to states seen already, by sleep sets. `stubborn`: states too, by stubborn sets over the
 * footprints of the steps. `dpor`: both, on top of `hosts`. See docs/reduction.md.
 */
export const REDUCTIONS = ['none', 'hosts', 'sleep', 'stubborn', 'dpor'] as const;

export type Reduction = (typeof REDUCTIONS)[number];

export interface ExploreOptions {
  readonly order: 'dfs' | 'bfs';
  /**
   * Of a depth-first search; breadth-first knows `none` and `hosts`. When absent: `hosts`, and `dpor` for a large world
   * where it leaves out enough to pay.
   */
  readonly reduction?: Reduction | undefined;
  /**
   * Whether the code of a step runs again before what it has read before, or what it did then is done (`remembered/`).
   * True when absent; a world without `steps` is explored without.
   */
  readonly remember?: boolean | undefined;
  /** The exploration ends, incomplete, when it has seen this many states. */
  readonly maxStates?: number | undefined;
  /** The oracles that count; all when absent. */
  readonly oracles?: readonly OracleName[] | undefined;
  /** Where the room of the table of states comes from; `new ArrayBuffer` when absent. */
  readonly allocate?: Allocate | undefined;
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
  /** Every reachable state was seen, or every one that the reduction needs. */
  readonly complete: boolean;
  readonly oracle: OracleName | null;
  /** What the machine reported, when a driver threw or touched memory it may not. */
  readonly fault: string | null;
  readonly order: 'dfs' | 'bfs';
  readonly reduction: Reduction;
  readonly states: number;
  readonly transitions: number;
  /** Choices that there were in the states seen; without reduction, in a complete search, as many as transitions. */
  readonly offered: number;
  /** Longest path on the stack (dfs) or last level (bfs). */
  readonly depth: number;
  readonly tableBytes: number;
  /** There may be a cycle. Only a depth-first search sees that; false says that there is none. */
  readonly cyclic: boolean;
  /** Choices that lead to the failure; empty when it holds. */
  readonly choices: readonly number[];
}

/** What the orders share. */
export interface Search {
  readonly world: Explorable;
  readonly mask: number;
  readonly maxStates: number;
  readonly onProgress: (progress: Progress) => void;
  /** What steps are remembered to do; null where their code always runs. */
  readonly remembered: RememberedSteps | null;
  readonly allocate?: Allocate | undefined;
  /** States after which a depth-first search divides those it has visited (`divide.ts`); `DIVIDE_AFTER` when absent. */
  readonly divideAfter?: number | undefined;
}

/** States between two calls of `onProgress`. */
export const PROGRESS_STATES = 1 << 14;

/** More choices than one state of any world can offer. */
export const CHOICES_MAX = 4096;
