/**
 * Divides the states that a depth-first search has visited into parts, in the middle of the search. The table does not know
 * in which part a state belongs, so the search is followed once more, step by step; by what each step did, without doing it.
 */
import type { RememberedSteps } from '../remembered/remembered-steps.js';
import type { Discoveries } from './discoveries.js';
import { PARTS } from './paged-parts.js';
import { Partition } from './partition.js';
import type { Search } from './search.js';
import { VisitedTable } from './visited-table.js';

/** A search goes on undivided until it has found so many states: a table of 1 MiB is in the caches as well. */
export const DIVIDE_AFTER: number = 3 << 15;

export interface Division {
  readonly partition: Partition;
  readonly table: VisitedTable;
}

/**
 * Null where most states would be in one part, or where it is not known what the steps did. The world stands in the first
 * state.
 */
export function divide(search: Search, remembered: RememberedSteps, found: Discoveries): Division | null {
  if (!found.known) return null;
  const { memory } = search.world;
  const partition = new Partition(memory, changesOf(remembered, found), found.size);
  remembered.partition = partition;
  const table = new VisitedTable(search.allocate);
  table.divide();
  const sizes = new Int32Array(PARTS);
  /** Of the states on the path. */
  const lows = [memory.hashLow];
  const highs = [memory.hashHigh];
  const parts = [0];
  table.add(memory.hashLow, memory.hashHigh, 0);
  for (let state = 0; state < found.size; state++) {
    const depth = found.depth(state);
    const effect = found.effect(state);
    const low = (lows[depth] as number) ^ remembered.changeOfLow(effect);
    const high = (highs[depth] as number) ^ remembered.changeOfHigh(effect);
    const part = (parts[depth] as number) ^ remembered.changeOfPart(effect);
    table.add(low, high, part);
    (sizes[part] as number)++;
    lows[depth + 1] = low;
    highs[depth + 1] = high;
    parts[depth + 1] = part;
  }
  return Math.max(...sizes) * 2 > table.size ? null : { partition, table };
}

/** For each word, by how many of the steps it was changed. */
function changesOf(remembered: RememberedSteps, found: Discoveries): Int32Array {
  const times = new Map<number, number>();
  for (let state = 0; state < found.size; state++) {
    const effect = found.effect(state);
    times.set(effect, (times.get(effect) ?? 0) + 1);
  }
  const changes = new Int32Array(remembered.words);
  for (const [effect, count] of times) remembered.countChanges(effect, changes, count);
  return changes;
}
