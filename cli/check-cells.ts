/**
 * The cells of the verdict table: every tpmfront in every situation, and the order in which they are worked on.
 */
import { CHECK_SCENARIOS } from '../scenarios/scenarios.js';
import { TPMFRONTS } from '../simulator/drivers.js';
import type { Extent } from './pairing-options.js';

export interface Cell {
  /** Place in the table, row by row. */
  readonly index: number;
  readonly scenario: string;
  readonly tpmfront: string;
}

/** What a worker of `check` is given besides its cells. */
export interface CheckTask extends Extent {
  /** Name or file of the session. */
  readonly session: string;
}

/** In the order of the table. */
export const CELLS: readonly Cell[] = TPMFRONTS.flatMap(({ name }, row) =>
  CHECK_SCENARIOS.map((scenario, column) => ({
    index: row * CHECK_SCENARIOS.length + column,
    scenario,
    tpmfront: name,
  })),
);

/** Situations with the most schedules, the largest first; the others are small. */
const LARGE: readonly string[] = ['toolstack-dies', 'backend-restart', 'clean-migration'];

/**
 * The longest first, so that no thread begins a long cell when the others have finished. It is a guess from the number
 * of states, which grows with what a driver goes through; a wrong one costs time and changes no verdict.
 */
export function longestFirst(cells: readonly Cell[]): readonly Cell[] {
  const rank = ({ scenario }: Cell): number => (LARGE.includes(scenario) ? LARGE.indexOf(scenario) : LARGE.length);
  return [...cells].sort((a, b) => rank(a) - rank(b) || b.index - a.index);
}
