/**
 * A shard: the runs of some plots, as a pure function of what it is asked and of the coverage known when it begins. It
 * does not matter where or when a shard is run.
 */
import { mix } from '../../protocol/digest.js';
import { QuiesceError } from '../../protocol/errors.js';
import { Random } from '../random.js';
import { nameChoices, replay, stepsOfToken } from '../replay.js';
import type { WorldNames } from '../schedule.js';
import { formatToken, parseToken } from '../token.js';
import { firstOracle, type OracleName } from '../world-state.js';
import { Coverage, type CoverageDelta, type CoverageTables } from './coverage.js';
import { type OpenWorld, type Resolve, WorldShelf } from './open-world.js';
import { Plot, type Remembered, STRATEGIES, type StrategyName } from './plot.js';
import { Runner } from './runner.js';
import type { Scheduler } from './scheduler.js';
import { checkAgain, type Difference } from './self-check.js';
import { drawWorld, type Swarm, suits } from './swarm.js';

export interface PlotTask {
  /** Number of its first run, and how many it has. */
  readonly firstRun: number;
  readonly runs: number;
  /** The entry of the corpus it begins with; null for a world that is drawn. */
  readonly token: string | null;
}

export interface ShardTask {
  readonly seed: number;
  readonly plots: readonly PlotTask[];
  /** Whether every run is checked for determinism, or one in twenty. */
  readonly checkAll: boolean;
}

export interface Candidate {
  readonly token: string;
  /** The new pairs and orderings it showed, and how many new states. */
  readonly slots: readonly number[];
  readonly freshStates: number;
}

export interface FoundFailure {
  readonly run: number;
  readonly names: WorldNames;
  readonly oracle: OracleName;
  /** Of the first such run of the plot. */
  readonly token: string;
  /** Runs of the plot that failed like this. */
  readonly count: number;
}

export interface FoundDifference extends Difference {
  readonly run: number;
  readonly token: string;
}

export type EntryCheck = { readonly kind: 'whole' | 'foreign' } | { readonly kind: 'damaged'; readonly reason: string };

export interface ShardResult {
  readonly runs: number;
  readonly steps: number;
  readonly checked: number;
  /** Runs by strategy, in the order of `STRATEGIES`. */
  readonly strategies: readonly number[];
  readonly coverage: CoverageDelta;
  readonly candidates: readonly Candidate[];
  readonly failures: readonly FoundFailure[];
  readonly differences: readonly FoundDifference[];
}

/** Ends a run where its prefix does. */
const NOTHING_MORE: Scheduler = { begin() {}, pick: () => -1 };

const CHECK_ONE_IN = 20;
const CHECK_SALT = 0x3c6ef372;
const WORLD_SALT = 0x78dde6e4;

export class ShardRunner {
  readonly #swarm: Swarm;
  readonly #shelf: WorldShelf;
  readonly #coverage: Coverage;
  readonly #runner = new Runner();
  readonly #strategies: readonly StrategyName[];

  /** `tables` may change between shards, not within one. */
  constructor(
    swarm: Swarm,
    resolve: Resolve,
    tables: CoverageTables,
    strategies: readonly StrategyName[] = STRATEGIES,
  ) {
    this.#swarm = swarm;
    this.#shelf = new WorldShelf(resolve);
    this.#coverage = new Coverage(tables);
    this.#strategies = strategies;
  }

  /**
   * Takes an entry of the corpus again, so that what it shows is known. It is `damaged` when it is no token, names what
   * there is not, or has a step that is no longer possible, and `foreign` when it is of a world that is not drawn here.
   */
  retrace(token: string): EntryCheck {
    try {
      const { hashes, hashBytes, ...names } = parseToken(token);
      if (!suits(this.#swarm, names)) return { kind: 'foreign' };
      const { world, stateSalt, featureSalt } = this.#shelf.open(names);
      const choices: number[] = [];
      const { diverged } = replay(world, stepsOfToken({ hashes, hashBytes }), (choice) => {
        choices.push(choice);
        world.step(choice);
      });
      world.memory.undo(0, 0, 0);
      if (diverged !== null) return { kind: 'damaged', reason: `step ${diverged.step} is no longer possible` };
      this.#coverage.begin(stateSalt, featureSalt);
      const prefix = { choices: Int32Array.from(choices), length: choices.length };
      const settings = { scheduler: NOTHING_MORE, random: new Random(0), length: 1, faults: 0, prefix };
      this.#runner.run(world, { ...settings, coverage: this.#coverage });
      return { kind: 'whole' };
    } catch (error) {
      if (error instanceof QuiesceError) return { kind: 'damaged', reason: error.message };
      throw error;
    }
  }

  /** What the entries have shown that were taken again since the last call. */
  takeCoverage(): CoverageDelta {
    return this.#coverage.take();
  }

  run(task: ShardTask): ShardResult {
    const report = new ShardReport();
    for (const plot of task.plots) this.#plot(task, plot, report);
    return report.result(this.#coverage.take());
  }

  #plot({ seed, checkAll }: ShardTask, { firstRun, runs, token }: PlotTask, report: ShardReport): void {
    const place = this.#placeOf(token, mix(seed ^ WORLD_SALT, firstRun));
    const plot = new Plot(place, this.#runner, this.#coverage, this.#strategies);
    if (token !== null) this.#remember(plot, place, token);
    const failures = new Map<OracleName, FoundFailure>();
    for (let run = firstRun; run < firstRun + runs; run++) {
      const runSeed = mix(seed, run);
      report.ran(plot.run(runSeed), this.#runner.length);
      const oracle = firstOracle(this.#runner.violations);
      let isFirst = false;
      if (oracle !== undefined) {
        isFirst = !failures.has(oracle);
        const first = failures.get(oracle) ?? { run, oracle, names: place.names, token: this.#token(place), count: 0 };
        failures.set(oracle, { ...first, count: first.count + 1 });
      }
      // What is reported was taken twice, always.
      if (isFirst || checkAll || (mix(runSeed, CHECK_SALT) >>> 0) % CHECK_ONE_IN === 0) {
        report.checked++;
        const difference = checkAgain(place.world, this.#runner);
        if (difference !== null) report.differences.push({ ...difference, run, token: this.#token(place) });
      }
    }
    report.failures.push(...failures.values());
    report.candidates.push(...plot.found.map((found) => candidateOf(place, found)));
  }

  #placeOf(token: string | null, seed: number): OpenWorld {
    if (token === null) return this.#shelf.open(drawWorld(this.#swarm, new Random(seed >>> 0)));
    const { hashes: _, hashBytes: __, ...names } = parseToken(token);
    return this.#shelf.open(names);
  }

  /** The steps of an entry, which `retrace` has seen to be possible. */
  #remember(plot: Plot<OpenWorld['world']>, { world }: OpenWorld, token: string): void {
    const taken: number[] = [];
    const ids: number[] = [];
    replay(world, stepsOfToken(parseToken(token)), (choice) => {
      taken.push(choice);
      ids.push(world.stepId(choice));
      world.step(choice);
    });
    world.memory.undo(0, 0, 0);
    plot.remember(Int32Array.from(taken), Int32Array.from(ids));
  }

  #token({ world, names }: OpenWorld): string {
    return tokenOf(world, names, this.#runner.choices.subarray(0, this.#runner.length));
  }
}

function candidateOf({ world, names }: OpenWorld, { choices, slots, freshStates }: Remembered): Candidate {
  return { token: tokenOf(world, names, choices), slots, freshStates };
}

function tokenOf(world: OpenWorld['world'], names: WorldNames, choices: Int32Array): string {
  const { steps, hashBytes } = nameChoices(world, [...choices]);
  return formatToken({ ...names, steps }, hashBytes);
}

/** What a shard reports, while it runs. */
class ShardReport {
  readonly candidates: Candidate[] = [];
  readonly failures: FoundFailure[] = [];
  readonly differences: FoundDifference[] = [];
  checked = 0;
  #runs = 0;
  #steps = 0;
  readonly #strategies = STRATEGIES.map(() => 0);

  ran(strategy: StrategyName, steps: number): void {
    const index = STRATEGIES.indexOf(strategy);
    this.#strategies[index] = (this.#strategies[index] as number) + 1;
    this.#runs++;
    this.#steps += steps;
  }

  result(coverage: CoverageDelta): ShardResult {
    const { checked, candidates, failures, differences } = this;
    return {
      runs: this.#runs,
      steps: this.#steps,
      checked,
      strategies: this.#strategies,
      coverage,
      candidates,
      failures,
      differences,
    };
  }
}
