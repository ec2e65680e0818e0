/**
 * Two searches in one verdict: depth-first covers everything or finds some failure quickly; a failure found is searched
 * again breadth-first, because only then is its schedule a shortest one.
 */
import type { Allocate } from '../../protocol/allocate.js';
import { nameChoices, type Replayable } from '../replay.js';
import type { HashBytes } from '../token.js';
import type { OracleName } from '../world-state.js';
import { type Exploration, explore, type Progress, type Reduction } from './explore.js';
import { type LengthProof, lengthProof } from './shortest.js';

export interface DecideOptions {
  /** The order of the first search; when absent, depth-first, and after a failure breadth-first. */
  readonly order?: 'dfs' | 'bfs' | undefined;
  /** What the depth-first search leaves out; what pays when absent. */
  readonly reduction?: Reduction | undefined;
  /** Whether what steps did is remembered (`remembered/`); true when absent. Not for a driver that may keep state elsewhere. */
  readonly remember?: boolean | undefined;
  /** Each search ends, incomplete, when it has seen this many states. */
  readonly maxStates?: number | undefined;
  /** Where the room of large tables comes from; `new ArrayBuffer` when absent. */
  readonly allocate?: Allocate | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** What is said of a world: the exploration that the verdict comes from, and of a failure whether there is a shorter way. */
export interface Decided extends Exploration {
  readonly shortest: LengthProof | null;
}

/** What is said of every world. Its kind adds the names of what was put into it. */
export interface WorldVerdict {
  /** No failure was found. A proof only when `complete`. */
  readonly holds: boolean;
  /** Every reachable state was seen. False after a failure, at which the search ends. */
  readonly complete: boolean;
  /** The oracle that failed. */
  readonly oracle: OracleName | null;
  /** What went wrong, in words, where there are any. */
  readonly fault: string | null;
  /** What the search left out that the verdict, or the schedule, comes from. */
  readonly reduction: Reduction;
  /** Of that search. */
  readonly states: number;
  readonly transitions: number;
  /** Choices that there were in those states: without reduction, in a complete search, as many as transitions. */
  readonly offered: number;
  /** Of a failure, whether there is a shorter schedule. */
  readonly shortest: LengthProof | null;
  /** Names of the choices that lead to the failure; empty when there is none. */
  readonly schedule: readonly string[];
  /** Replays the schedule; null when there is none. */
  readonly token: string | null;
}

/** The token of a schedule in a world of some kind; `hashBytes` of each step's name are enough to tell it from the others. */
export type TokenOf = (steps: readonly string[], hashBytes: HashBytes) => string;

/** Of a world, and how it was decided, what is said; in the order in which it is printed. */
export function verdictOf(world: Replayable, decided: Decided, tokenOf: TokenOf): WorldVerdict {
  const { holds, complete, oracle, fault, reduction, states, transitions, offered, shortest, choices } = decided;
  const said = { holds, complete, oracle, fault, reduction, states, transitions, offered, shortest };
  if (holds) return { ...said, schedule: [], token: null };
  const { steps, hashBytes } = nameChoices(world, choices);
  return { ...said, schedule: steps, token: tokenOf(steps, hashBytes) };
}

/** `afterFirst` is called between the searches. */
export function decideWorld(
  world: Replayable,
  options: DecideOptions,
  afterFirst: () => void = () => undefined,
): Decided {
  const found = twoSearches(world, options, afterFirst);
  return { ...found, shortest: found.holds ? null : lengthProof(world, found, options.remember !== false) };
}

function twoSearches(
  world: Replayable,
  { order, reduction, remember, maxStates, allocate, onProgress }: DecideOptions,
  afterFirst: () => void,
): Exploration {
  const search = (by: 'dfs' | 'bfs'): Exploration =>
    explore(world, { order: by, reduction, remember, maxStates, allocate, onProgress });
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
