/**
 * Cost per state from 10^4 to 10^7 states. The world is a row of counters, each of which somebody counts up, so that its
 * own steps cost the same everywhere, and what grows is the table of visited states alone. Beside it, in the same run, the
 * bare table is given as many hashes: what it costs more per state when it is large is the price of the machine's caches.
 */
import { JournaledMemory } from '../hypervisor/journaled-memory.js';
import { allocateLarge } from '../platform/large-pages.js';
import { type Allocate, allocatePlain } from '../protocol/allocate.js';
import { type Explorable, explore } from '../simulator/explore/explore.js';
import type { StepSpace } from '../simulator/explore/step-space.js';
import { VisitedTable } from '../simulator/explore/visited-table.js';
import { median, print, processorSeconds } from './figures.js';

const SIZES = [1e4, 1e5, 1e6, 1e7] as const;
const COUNTERS = 7;
const LIMIT = 10;
const FIRST_WORD = 0x1000;

class Counters implements Explorable, StepSpace {
  readonly actorCount = COUNTERS;
  readonly groupCount = 0;
  readonly time = -1;
  readonly restricted = false;
  watch = null;
  readonly memory = new JournaledMemory(2);
  readonly violations = 0;
  readonly lastFault = null;
  atRest = false;
  reducing = false;

  enumerate(choices: Int32Array, first = 0): number {
    let end = first;
    for (let counter = 0; counter < COUNTERS; counter++)
      if (this.memory.word((FIRST_WORD >>> 2) + counter) < LIMIT - 1) choices[end++] = counter;
    this.atRest = end === first;
    return end - first;
  }

  step(choice: number): void {
    const address = FIRST_WORD + choice * 4;
    this.memory.write32(address, this.memory.read32(address) + 1);
  }

  get steps(): StepSpace {
    return this;
  }
  groupOf(): number {
    return -1;
  }
  positionWord(): number {
    return -1;
  }
  isLazy(): boolean {
    return false;
  }
  actorOf(choice: number): number {
    return choice;
  }
  isKill(): boolean {
    return false;
  }

  isFault(): boolean {
    return false;
  }

  quiescent(): void {}
}

interface Row {
  readonly states: number;
  readonly perState: number;
  /** Nanoseconds for a transition of the explorer, and for a look into the bare table. */
  readonly explorer: number;
  readonly table: number;
}

export function benchScale(): void {
  print(
    'cost per state as their number grows: depth-first over counters, and the bare table of visited states beside it',
  );
  const kinds: readonly (readonly [string, Allocate])[] = [
    ['small pages', allocatePlain],
    ['large pages', allocateLarge],
  ];
  // In turns, so that what else the machine does falls on all of them.
  const measured = kinds.map((): Row[] => []);
  for (const states of SIZES)
    kinds.forEach(([, allocate], kind) => {
      measured[kind]?.push(rowOf(states, allocate));
    });
  kinds.forEach(([name], kind) => {
    print(name);
    printRows(measured[kind] ?? []);
  });
}

function rowOf(states: number, allocate: Allocate): Row {
  const runs = states >= 1e6 ? 3 : 9;
  const explorer: number[] = [];
  const table: number[] = [];
  let perState = 0;
  for (let run = 0; run <= runs; run++) {
    const world = new Counters();
    let transitions = 0;
    const seconds = processorSeconds(() => {
      transitions = explore(world, { order: 'dfs', reduction: 'none', maxStates: states, allocate }).transitions;
    });
    perState = transitions / states;
    const bare = processorSeconds(() => fill(states, transitions, allocate));
    if (run === 0) continue;
    explorer.push((seconds / transitions) * 1e9);
    table.push((bare / transitions) * 1e9);
  }
  return { states, perState, explorer: median(explorer), table: median(table) };
}

function printRows(rows: readonly Row[]): void {
  const [base] = rows;
  if (base === undefined) return;
  for (const { states, perState, explorer, table } of rows) {
    const of = `${explorer.toFixed(0).padStart(5)} ns a transition (${(explorer / base.explorer).toFixed(2)}x)`;
    const bare = `${table.toFixed(0).padStart(5)} ns (${(table / base.table).toFixed(2)}x)`;
    const own = `${(explorer - table).toFixed(0).padStart(5)} ns (${((explorer - table) / (base.explorer - base.table)).toFixed(2)}x)`;
    print(`  ${String(states).padStart(9)} states, ${perState.toFixed(1)} transitions each: ${of}`);
    print(`            the bare table ${bare}, all but the table ${own}`);
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
