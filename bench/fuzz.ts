/**
 * The fuzzer's part of the benchmark: schedules a second by strategy, against fast-check's `scheduler` ordering the same
 * steps of the same worlds, and how soon each failure of the verdict table is found.
 *
 * fast-check is given what our runs have, too: its runs go back by undoing the journal, and do not build a world each.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc, { type Scheduler as FastCheckScheduler } from 'fast-check';
import { worldsOf } from '../campaign/worlds.js';
import { fuzzEngine, type ShardWatch, sharedTables } from '../cli/fuzz-engine.js';
import { loadSession } from '../library/sessions.js';
import { assert } from '../protocol/assert.js';
import { EXPECTED } from '../scenarios/expected.js';
import { findScenario } from '../scenarios/find-scenario.js';
import { CHECK_SCENARIOS } from '../scenarios/scenarios.js';
import { findTpmback, findTpmfront, TPMFRONTS } from '../simulator/drivers.js';
import { CHOICES_MAX } from '../simulator/explore/explore.js';
import { Campaign } from '../simulator/fuzz/campaign.js';
import { Coverage, emptyTables } from '../simulator/fuzz/coverage.js';
import { type OpenWorld, WorldShelf } from '../simulator/fuzz/open-world.js';
import { Pct } from '../simulator/fuzz/pct.js';
import { Plot, STRATEGIES } from '../simulator/fuzz/plot.js';
import { RandomWalk } from '../simulator/fuzz/random-walk.js';
import { Runner } from '../simulator/fuzz/runner.js';
import type { Scheduler } from '../simulator/fuzz/scheduler.js';
import { Random } from '../simulator/random.js';
import type { WorldNames } from '../simulator/schedule.js';
import type { World } from '../simulator/world.js';
import { median, print, spread, thousands, timed } from './figures.js';

const run = promisify(execFile);
const ROUNDS = 5;
/** Runs of ours, and of fast-check, in one round. */
const OURS = 20_000;
const THEIRS = 1_000;
const FOUND_RUNS_MAX = 20_000;
/** Four generations: in a round both engines run the same shards. */
const PLANNED_RUNS = 16_384;

const session = loadSession();
/** One command on a connected pair, with nothing else: the shortest schedules there are. */
const IDLE = { ...findScenario('connect'), name: 'idle', start: 'connected' } as const;

const shelf = new WorldShelf(({ scenario, tpmfront, tpmback }) => ({
  scenario: scenario === IDLE.name ? IDLE : findScenario(scenario),
  tpmfront: findTpmfront(tpmfront),
  tpmback: findTpmback(tpmback),
  session,
}));

export async function benchFuzz(): Promise<void> {
  print(`schedules for a second of the processor, median [min .. max] of ${ROUNDS} rounds in turns`);
  for (const [tpmfront, scenario] of [
    ['quiesce', IDLE.name],
    ['linux', 'checkpoint'],
    ['sequenced', 'clean-migration'],
  ] as const)
    await speed(placeOf(tpmfront, scenario, 1));
  print('');
  await threads();
  print('');
  found();
}

/**
 * A campaign over all worlds, with one thread and with two: the same shards, in turns. By the clock two threads make as
 * many runs more as the machine has to spare for them, which two programs that share nothing show; by the processor they
 * make as many as one for a second of it, or what they share costs something.
 */
async function threads(): Promise<void> {
  const worlds = await worldsOf({});
  const runs = PLANNED_RUNS * (ROUNDS + 1);
  const engines = await Promise.all(
    [1, 2].map(async (workers) => {
      const tables = sharedTables();
      const campaign = new Campaign({ seed: 1, runs, checkAll: false }, tables);
      const speeds: number[] = [];
      const processorSpeeds: number[] = [];
      return { workers, campaign, speeds, processorSpeeds, engine: await fuzzEngine({ ...worlds, tables }, workers) };
    }),
  );
  const watch: ShardWatch = { stopped: () => false, done() {} };
  const apart: number[] = [];
  try {
    for (let round = -1; round < ROUNDS; round++) {
      for (const { campaign, engine, speeds, processorSpeeds } of engines) {
        const before = campaign.figures.runs;
        const start = process.hrtime.bigint();
        const processor = process.cpuUsage();
        while (campaign.figures.runs - before < PLANNED_RUNS)
          for (const result of await engine.shards(campaign.plan(), watch)) campaign.merge(result);
        const seconds = Number(process.hrtime.bigint() - start) / 1e9;
        // The first round warms up.
        if (round < 0) continue;
        speeds.push((campaign.figures.runs - before) / seconds);
        processorSpeeds.push((campaign.figures.runs - before) / processorSeconds(processor));
      }
      const one = await programs(1);
      const two = await programs(2);
      if (round >= 0) apart.push((2 * one) / two);
    }
  } finally {
    for (const { engine } of engines) await engine.close();
  }
  print(`runs/s of a campaign over all worlds, ${PLANNED_RUNS} runs, median [min .. max] of ${ROUNDS} rounds in turns`);
  for (const { workers, speeds } of engines)
    print(`    ${`${workers} ${workers === 1 ? 'thread' : 'threads'}`.padEnd(18)}${spread(speeds, thousandths)}`);
  const times = (x: number): string => `${x.toFixed(2)}x`;
  const ratio = ([one = [], two = []]: readonly (readonly number[])[]): number[] =>
    two.map((speed, round) => speed / (one[round] as number));
  const byClock = ratio(engines.map(({ speeds }) => speeds));
  const byProcessor = ratio(engines.map(({ processorSpeeds }) => processorSpeeds));
  print(`    ${'ratio'.padEnd(18)}${spread(byClock, times)}   of two threads to one`);
  print(`    ${'programs'.padEnd(18)}${spread(apart, times)}   of two programs that share nothing to one`);
  print(`    ${'processor'.padEnd(18)}${spread(byProcessor, times)}   of runs for a second of it, two threads to one`);
}

/** Seconds that some programs at a time take, each for a campaign of its own with one thread. */
async function programs(count: number): Promise<number> {
  const main = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  const start = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: count }, (_, at) =>
      run(process.execPath, [main, 'fuzz', '--seed', `${at}`, '--runs', `${PLANNED_RUNS}`, '--workers', '1']).catch(
        // The zoo fails, so every campaign has failures to report.
        ({ code }) => assert(code === 1, `bench: fuzz ended with ${code}`),
      ),
    ),
  );
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function placeOf(tpmfront: string, scenario: string, commands: number): OpenWorld {
  const { tpmback } = findTpmfront(tpmfront);
  const names: WorldNames = {
    scenario,
    tpmfront,
    tpmback,
    session: session.name,
    commands,
    grain: 'fine',
    daemon: 'c',
  };
  return shelf.open(names);
}

async function speed(place: OpenWorld): Promise<void> {
  const { scenario, tpmfront } = place.names;
  const guided = (): Coverage => new Coverage(emptyTables());
  const rows: readonly (readonly [string, () => number])[] = [
    ['random walk', () => plain(place, new RandomWalk())],
    ['PCT', () => plain(place, new Pct(3))],
    ['with coverage', () => campaign(place, guided())],
  ];
  const seconds = rows.map((): number[] => []);
  const theirs: number[] = [];
  let steps = 0;
  for (let round = -1; round < ROUNDS; round++) {
    rows.forEach(([, body], row) => {
      const before = process.cpuUsage();
      steps = body();
      const taken = processorSeconds(before);
      // The first round warms up.
      if (round >= 0) (seconds[row] as number[]).push(taken);
    });
    const start = process.cpuUsage();
    await fastCheck(place, round + 2);
    if (round >= 0) theirs.push(processorSeconds(start));
  }
  print(`  ${tpmfront}, ${scenario}, 1 command: ${(steps / OURS).toFixed(1)} steps a schedule`);
  rows.forEach(([name], row) => {
    print(
      `    ${name.padEnd(18)}${spread(
        (seconds[row] as number[]).map((s) => OURS / s),
        thousandths,
      )}`,
    );
  });
  print(
    `    ${'fast-check'.padEnd(18)}${spread(
      theirs.map((s) => THEIRS / s),
      thousandths,
    )}`,
  );
  const ratios = theirs.map((s, round) => OURS / ((seconds[0] as number[])[round] as number) / (THEIRS / s));
  print(`    ${'ratio'.padEnd(18)}${spread(ratios, (x) => `${x.toFixed(1)}x`)}   of the random walk`);
}

/** Of the processor: a busy machine lengthens them less than those of the clock. */
function processorSeconds(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

function thousandths(value: number): string {
  return value < 10_000 ? `${(value / 1000).toFixed(1)} k` : thousands(value);
}

/** Runs without coverage; returns the number of steps. */
function plain({ world, length, faults }: OpenWorld, scheduler: Scheduler): number {
  const runner = new Runner();
  const random = new Random(0);
  let steps = 0;
  for (let seed = 0; seed < OURS; seed++) {
    random.seed(seed);
    runner.run(world, { scheduler, random, length, faults, coverage: null });
    steps += runner.length;
  }
  return steps;
}

function campaign(place: OpenWorld, coverage: Coverage): number {
  const runner = new Runner();
  const plot = new Plot(place, runner, coverage, STRATEGIES);
  let steps = 0;
  for (let seed = 0; seed < OURS; seed++) {
    plot.run(seed);
    steps += runner.length;
  }
  return steps;
}

/** The same steps, as tasks whose order fast-check decides. A failing schedule is no counterexample here, only an end. */
async function fastCheck({ world }: OpenWorld, seed: number): Promise<void> {
  const property = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
    await ordered(world, scheduler);
    world.memory.undo(0, 0, 0);
  });
  await fc.assert(property, { numRuns: THEIRS, seed });
}

async function ordered(world: World, scheduler: FastCheckScheduler): Promise<void> {
  const choices = new Int32Array(CHOICES_MAX);
  const waiting = new Set<number>();
  const possible = (): Int32Array => choices.subarray(0, world.enumerate(choices));
  const offer = (): void => {
    for (const choice of possible()) {
      if (waiting.has(choice)) continue;
      waiting.add(choice);
      void scheduler.schedule(Promise.resolve(choice)).then(take);
    }
  };
  const take = (choice: number): void => {
    waiting.delete(choice);
    if (world.violations !== 0) return;
    // What was possible when it was offered need not be any more.
    if (possible().includes(choice)) world.step(choice);
    if (world.violations === 0) offer();
  };
  offer();
  await scheduler.waitIdle();
}

function found(): void {
  print('until a failure is found, all strategies with coverage, 3 commands: median of 5 seeds');
  for (const { name } of TPMFRONTS) {
    for (const scenario of CHECK_SCENARIOS) {
      if (EXPECTED[name]?.[scenario]?.oracle === null) continue;
      const place = placeOf(name, scenario, 3);
      const runs: number[] = [];
      const seconds = [1, 2, 3, 4, 5].map((seed) => timed(() => runs.push(runsUntilFound(place, seed))));
      const time = `${(median(seconds) * 1000).toFixed(1).padStart(8)} ms`;
      print(`  ${name.padEnd(13)}${scenario.padEnd(19)}${time}   ${median(runs)} runs`);
    }
  }
}

function runsUntilFound(place: OpenWorld, seed: number): number {
  const runner = new Runner();
  const plot = new Plot(place, runner, new Coverage(emptyTables()), STRATEGIES);
  for (let run = 1; run <= FOUND_RUNS_MAX; run++) {
    plot.run(seed * 1_000_003 + run);
    if (runner.violations !== 0) return run;
  }
  return Number.POSITIVE_INFINITY;
}
