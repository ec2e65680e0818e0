/**
 * Cost per state from 10^4 to 10^7 states: whole graphs of the sequenced pair in a migration, with more and more commands.
 *
 * Beside it, whole graphs of a row of counters, each of which somebody counts up. Their steps cost next to nothing, so that what
 * grows is the table of visited states. And one table that is not divided is given as many hashes in no order: what it costs
 * more per state when it is large is the price of the machine's caches.
 */
import { allocateLarge } from '../platform/large-pages.js';
import { type Allocate, allocatePlain } from '../protocol/allocate.js';
import { explore } from '../simulator/explore/explore.js';
import type { Explorable } from '../simulator/explore/search.js';
import { VisitedTable } from '../simulator/explore/visited-table.js';
import { Counters } from './counters.js';
import { median, print, processorSeconds } from './figures.js';
import { sequencedPair } from './sequenced-pair.js';

const COUNTERS = 7;
/** Of the pair: 20,816, 106,970, 1,291,498 and 9,595,218 states. */
const COMMANDS = [1, 4, 20, 60] as const;
/** Values of a counter: from 4^7 to 10^7 states. */
const VALUES = [4, 5, 7, 10] as const;
/** The program goes on learning what is hot for so long. */
const WARM_UP_SECONDS = 5;

const KINDS: readonly (readonly [string, Allocate])[] = [
  ['small pages', allocatePlain],
  ['large pages', allocateLarge],
];

interface Row {
  readonly states: number;
  /** Transitions of a state. */
  readonly perState: number;
  /** Nanoseconds for a transition of the explorer. */
  readonly explorer: number;
  /** And for a look into the bare table. */
  readonly table: number;
}

export function benchScale(): void {
  print('cost per state as their number grows, depth-first, nothing left out');
  const pair = measured(COMMANDS, (commands) => sequencedPair('clean-migration', commands));
  KINDS.forEach(([name], kind) => {
    print(`sequenced pair, a migration with 1 to ${COMMANDS.at(-1)} commands, ${name}`);
    const rows = pair[kind] ?? [];
    for (const row of rows) print(`  ${explorerOf(row, rows[0] as Row)}`);
  });
  const counters = measured(VALUES, (values) => new Counters(COUNTERS, values - 1), fill);
  KINDS.forEach(([name], kind) => {
    print(
      `${COUNTERS} counters, whose steps cost next to nothing, ${name}; a bare table that is not divided beside them`,
    );
    const rows = counters[kind] ?? [];
    for (const row of rows) {
      print(`  ${explorerOf(row, rows[0] as Row)}`);
      print(`            a look into the bare table ${against(row.table, (rows[0] as Row).table)}`);
    }
  });
}

/** For each kind of memory a row for each size, in turns, so that what else the machine does falls on all of them. */
function measured(
  sizes: readonly number[],
  world: (size: number) => Explorable,
  beside: typeof fill | null = null,
): readonly (readonly Row[])[] {
  // The first states are dearer than all others, as the program has only just begun.
  const [smallest] = sizes as readonly [number];
  for (let seconds = 0; seconds < WARM_UP_SECONDS; )
    seconds += processorSeconds(() => {
      explore(world(smallest), { order: 'dfs', reduction: 'none' });
    });
  const rows = KINDS.map((): Row[] => []);
  for (const size of sizes)
    KINDS.forEach(([, allocate], kind) => {
      rows[kind]?.push(rowOf(() => world(size), allocate, beside));
    });
  return rows;
}

function rowOf(make: () => Explorable, allocate: Allocate, beside: typeof fill | null): Row {
  const explorer: number[] = [];
  const table: number[] = [];
  let [states, transitions] = [0, 0];
  for (let run = 0, runs = 9; run <= runs; run++) {
    const world = make();
    const seconds = processorSeconds(() => {
      ({ states, transitions } = explore(world, { order: 'dfs', reduction: 'none', allocate }));
    });
    const bare = processorSeconds(() => beside?.(states, transitions, allocate));
    if (states >= 1e6) runs = 3;
    if (run === 0) continue;
    explorer.push((seconds / transitions) * 1e9);
    table.push((bare / transitions) * 1e9);
  }
  return { states, perState: transitions / states, explorer: median(explorer), table: median(table) };
}

function explorerOf({ states, perState, explorer }: Row, first: Row): string {
  const graph = `${String(states).padStart(9)} states, ${perState.toFixed(1)} transitions each`;
  const state = `${(explorer * perState).toFixed(0).padStart(4)} ns a state`;
  return `${graph}: ${state}, ${against(explorer, first.explorer)} a transition`;
}

function against(nanoseconds: number, first: number): string {
  return `${nanoseconds.toFixed(0).padStart(4)} ns (${(nanoseconds / first).toFixed(2)}x)`;
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
