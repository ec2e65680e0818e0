/** What is asked of a mutant, and what is answered. Both go between processes as JSON. */
import type { Edit, Mutant } from '../../scenarios/mutants/mutant.js';
import type { OracleName } from '../../simulator/world-state.js';

export interface Asked {
  /** Null where the world could not be built, or the search did not end. */
  readonly oracle: OracleName | null;
  /** What was reported with it. */
  readonly what: string;
}

export interface Found extends Asked {
  readonly question: string;
}

export interface ExploreAnswer {
  readonly found: Found | null;
  readonly states: number;
  readonly seconds: number;
}

export interface FuzzAnswer {
  readonly found: Found | null;
  readonly runs: number;
  readonly seconds: number;
}

export interface Task {
  readonly edits: readonly Edit[];
  readonly found: Mutant['found'];
  readonly explore: boolean;
  /** Of each campaign. */
  readonly seeds: readonly number[];
  readonly runs: number;
}

export interface Answer {
  /** With the question that must find it; null where none can. */
  readonly expected: ExploreAnswer | null;
  /** With all questions, null where that was not asked. */
  readonly explore: ExploreAnswer | null;
  readonly fuzz: readonly FuzzAnswer[];
}
