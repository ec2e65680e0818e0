/**
 * Cost per state from 10^4 to 10^7 states. The world is a row of counters, each of which somebody counts up, so that its
 * own steps cost the same everywhere, and what grows is the table of visited states alone. Whole graphs of 7 counters, so that each
 * state has about as many transitions at each size. Beside them, in the same run, one table that is not divided is given as many
 * hashes in no order: what it costs more per state when it is large is the price of the machine's caches.
 */
import { allocateLarge } from '../platform/large-pages.js';
import { type Allocate, allocatePlain } from '../protocol/allocate.js';
import { explore } from '../simulator/explore/explore.js';
import { VisitedTable } from '../simulator/explore/visited-table.js';
import { Counters } from './counters.js';
import { median, print, processorSeconds } from './figures.js';

const COUNTERS = 7;
/** Values of a counter: from 4^7 to 10^7 states. */
const VALUES = [4, 5, 7, 10] as const;
/** The program goes on learning what is hot for so long. */
const WARM_UP_SECONDS = 5;

interface Row {
  readonly states: number;
  readonly perState: number;
  /** Nanoseconds for a transition of the explorer, and for a look into the bare table. */
  readonly explorer: number;
  readonly table: number;
}

export function benchScale(): void {
  print(
    'cost per state as their number grows: depth-first over counters, and a bare table that is not divided beside it',
  );
  // The first states are dearer than all others, as the program has only just begun.
  for (let seconds = 0; seconds < WARM_UP_SECONDS; )
    seconds += processorSeconds(() => {
      rowOf(VALUES[0], allocatePlain);
    });
  const kinds: readonly (readonly [string, Allocate])[] = [
    ['small pages', allocatePlain],
    ['large pages', allocateLarge],
  ];
  // In turns, so that what else the machine does falls on all of them.
  const measured = kinds.map((): Row[] => []);
  for (const values of VALUES)
    kinds.forEach(([, allocate], kind) => {
      measured[kind]?.push(rowOf(values, allocate));
    });
  kinds.forEach(([name], kind) => {
    print(name);
    printRows(measured[kind] ?? []);
  });
}

function rowOf(values: number, allocate: Allocate): Row {
  const states = values ** COUNTERS;
  const runs = states >= 1e6 ? 3 : 9;
  const explorer: number[] = [];
  const table: number[] = [];
  let transitions = 0;
  for (let run = 0; run <= runs; run++) {
    const world = new Counters(COUNTERS, values - 1);
    const seconds = processorSeconds(() => {
      transitions = explore(world, { order: 'dfs', reduction: 'none', allocate }).transitions;
    });
    const bare = processorSeconds(() => fill(states, transitions, allocate));
    if (run === 0) continue;
    explorer.push((seconds / transitions) * 1e9);
    table.push((bare / transitions) * 1e9);
  }
  return { states, perState: transitions / states, explorer: median(explorer), table: median(table) };
}

function printRows(rows: readonly Row[]): void {
  const [base] = rows;
  if (base === undefined) return;
  for (const { states, perState, explorer, table } of rows) {
    const of = `${explorer.toFixed(0).padStart(5)} ns a transition (${(explorer / base.explorer).toFixed(2)}x)`;
    const bare = `${table.toFixed(0).padStart(5)} ns (${(table / base.table).toFixed(2)}x)`;
    print(`  ${String(states).padStart(9)} states, ${perState.toFixed(1)} transitions each: ${of}`);
    print(`            a look into the bare table ${bare}`);
  }
}

/** As many looks into a table as the exploration makes, for as many states. */
function fill(states: number, looks: number, allocate: Allocate): void {
  const table = new VisitedTable(allocate);
  let seed = 1;
  for (let look = 0; look < looks; look++) {
    // One look in each `looks / states` is for a state that is new.
    const state =
      table.size < states && look * states >= table.size * looks ? table.size : (seed >>> 0) % (table.size + 1);
    seed = Math.imul(seed ^ look, 0x9e3779b1) + 1;
    const low = Math.imul(state + 1, 0x85ebca6b);
    table.add(low ^ (low >>> 13), Math.imul(low ^ (low >>> 16), 0xc2b2ae35));
  }
}
