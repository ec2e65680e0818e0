/**
 * Divides the states that a depth-first search has visited into parts, in the middle of the search: goes once more to each of
 * them, by the step by which it was found.
 */
import { assert } from '../../protocol/assert.js';
import type { Discoveries } from './discoveries.js';
import { PARTS } from './paged-parts.js';
import { Partition } from './partition.js';
import type { Search } from './search.js';
import { VisitedTable } from './visited-table.js';

/** A search goes on undivided until it has found so many states: the whole table fits in the caches as well. */
export const DIVIDE_AFTER: number = 3 << 13;

export interface Division {
  readonly partition: Partition;
  readonly table: VisitedTable;
}

/**
 * Null where most states would be in one part. The world stands in the first state, before and afterwards; `take` takes a
 * choice that was taken before.
 */
export function divide(search: Search, found: Discoveries, take: (choice: number) => void): Division | null {
  const { memory } = search.world;
  const partition = new Partition(memory, found.changes, found.counted);
  const table = new VisitedTable(search.allocate);
  table.divide();
  const sizes = new Int32Array(PARTS);
  /** Of the states on the path. */
  const marks = [memory.journalLength];
  const lows = [memory.hashLow];
  const highs = [memory.hashHigh];
  const parts = [0];
  table.add(memory.hashLow, memory.hashHigh, 0);
  for (let state = 0; state < found.size; state++) {
    const depth = found.depth(state);
    const mark = marks[depth] as number;
    memory.undo(mark, lows[depth] as number, highs[depth] as number);
    take(found.choice(state));
    const part = (parts[depth] as number) ^ partition.changeSince(mark);
    marks[depth + 1] = memory.journalLength;
    lows[depth + 1] = memory.hashLow;
    highs[depth + 1] = memory.hashHigh;
    parts[depth + 1] = part;
    table.add(memory.hashLow, memory.hashHigh, part);
    (sizes[part] as number)++;
  }
  memory.undo(marks[0] as number, lows[0] as number, highs[0] as number);
  assert(table.size === found.size + 1, `explore: expected ${found.size + 1} states again, found ${table.size}`);
  return Math.max(...sizes) * 2 > table.size ? null : { partition, table };
}
