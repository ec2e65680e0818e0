/**
 * The explorer's part of the benchmark: how fast it is, what a state costs, and how soon each bad design is found out.
 * The peer in the same run explores the same world by copying.
 */
import { readFileSync } from 'node:fs';
import { parseSession, type Session } from '../protocol/tpm/session.js';
import { EXPECTED } from '../scenarios/expected.js';
import { CHECK_SCENARIOS, SCENARIOS } from '../scenarios/scenarios.js';
import { find, findTpmback, findTpmfront, TPMFRONTS } from '../simulator/drivers.js';
import { type Exploration, type ExploreOptions, explore } from '../simulator/explore/explore.js';
import { worldOptions } from '../simulator/pairing.js';
import { World } from '../simulator/world.js';
import { exploreByCopying } from './copying-peer.js';
import { median, print, spread, thousands, timed } from './figures.js';

const RUNS = 5;
const session = sessionOf('ima_extends');
const long = sessionOf('context_juggling');

export function benchExplorer(): void {
  print(
    `median [min .. max] of ${RUNS} runs after one that does not count; session ${session.name}, ${session.entries.length} commands`,
  );
  print('');
  exploreSpeed('clean-migration');
  exploreSpeed('toolstack-dies');
  print('');
  peer();
  print('');
  heap();
  print('');
  counterexamples();
}

function exploreSpeed(scenario: string): void {
  const seconds: number[] = [];
  let result: Exploration | undefined;
  explore(world('sequenced', scenario), { order: 'dfs', reduction: 'hosts' });
  for (let run = 0; run < RUNS; run++) {
    const made = world('sequenced', scenario);
    seconds.push(timed(() => (result = explore(made, { order: 'dfs', reduction: 'hosts' }))));
  }
  if (result === undefined) return;
  const { states, transitions, tableBytes, depth } = result;
  print(
    `sequenced, ${scenario}: ${states} states, ${transitions} transitions, depth ${depth}, ${result.holds ? 'holds' : result.oracle}`,
  );
  print(
    `  transitions/s       ${spread(
      seconds.map((s) => transitions / s),
      thousands,
    )}`,
  );
  print(
    `  distinct states/s   ${spread(
      seconds.map((s) => states / s),
      thousands,
    )}`,
  );
  print(`  bytes per state     ${(tableBytes / states).toFixed(1)} of visited-state table`);
}

/** The same number of states of the same world, by journal and by copying, in turns. */
function peer(): void {
  const maxStates = 20_000;
  const journal: number[] = [];
  const copying: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const ours = world('sequenced', 'clean-migration');
    let transitions = 0;
    const oursSeconds = timed(
      () => (transitions = explore(ours, { order: 'dfs', reduction: 'hosts', maxStates }).transitions),
    );
    journal.push(transitions / oursSeconds);
    const theirs = world('sequenced', 'clean-migration');
    let copied = 0;
    const theirSeconds = timed(() => (copied = exploreByCopying(theirs, maxStates).transitions));
    copying.push(copied / theirSeconds);
  }
  print(`journal against copying, first ${maxStates} states of clean-migration, transitions/s`);
  print(`  journal             ${spread(journal, thousands)}`);
  print(`  copying             ${spread(copying, thousands)}`);
  print(
    `  ratio               ${spread(
      journal.map((speed, run) => speed / (copying[run] as number)),
      (x) => `${x.toFixed(1)}x`,
    )}`,
  );
}

/** The heap after exploring few and many states: it must not grow with their number. */
function heap(): void {
  print('JavaScript heap in use after garbage collection, without the table (typed arrays lie outside the heap)');
  if (globalThis.gc === undefined) {
    print('  not measured: start with node --expose-gc');
    return;
  }
  for (const [from, commands] of [
    [session, 4],
    [session, 16],
    [session, 63],
    [long, 203],
  ] as const) {
    const made = world('sequenced', 'toolstack-dies', commands, from);
    globalThis.gc();
    const before = process.memoryUsage().heapUsed;
    const { states } = explore(made, { order: 'dfs', reduction: 'hosts' });
    globalThis.gc();
    const grown = process.memoryUsage().heapUsed - before;
    const per = `${(grown / states).toFixed(2)} bytes per state`;
    print(
      `  ${String(states).padStart(9)} states: ${(grown / 1024).toFixed(0).padStart(7)} KiB more than before, ${per}`,
    );
  }
}

function counterexamples(): void {
  print('seconds to the first counterexample (depth-first), and to a shortest one (breadth-first)');
  for (const { name } of TPMFRONTS) {
    for (const scenario of CHECK_SCENARIOS) {
      if (EXPECTED[name]?.[scenario]?.oracle === null) continue;
      const first = repeated(name, scenario, { order: 'dfs' });
      const shortest = repeated(name, scenario, { order: 'bfs' });
      const found = `${shortest.result.oracle} in ${shortest.result.choices.length}`;
      print(
        `  ${name.padEnd(13)}${scenario.padEnd(19)}${milliseconds(first.seconds)}   ${milliseconds(shortest.seconds)}   ${found}`,
      );
    }
  }
}

function repeated(
  tpmfront: string,
  scenario: string,
  options: ExploreOptions,
): { seconds: number[]; result: Exploration } {
  const seconds: number[] = [];
  let result = explore(world(tpmfront, scenario), options);
  for (let run = 0; run < RUNS; run++) {
    const made = world(tpmfront, scenario);
    seconds.push(timed(() => (result = explore(made, options))));
  }
  return { seconds, result };
}

function world(tpmfront: string, scenario: string, commands?: number, from: Session = session): World {
  const front = findTpmfront(tpmfront);
  const pairing = {
    scenario: find('scenario', SCENARIOS, scenario),
    tpmfront: front,
    tpmback: findTpmback(front.tpmback),
    session: from,
  };
  return new World(worldOptions(pairing, commands === undefined ? {} : { commands }));
}

function sessionOf(name: string): Session {
  const file = `scenarios/sessions/${name}.jsonl`;
  return parseSession(file, readFileSync(file, 'latin1'));
}

function milliseconds(seconds: readonly number[]): string {
  return `${(median(seconds) * 1000).toFixed(1).padStart(8)} ms`;
}
