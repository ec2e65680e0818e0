/**
 * A campaign: plans the shards of one generation after the other, and merges what they report.
 *
 * What the shards of a generation are asked depends on the generations before alone, and their reports are merged in
 * the order of the shards. So the outcome depends on the seed, the corpus it began with and the number of runs, and not
 * on how many workers there are or who is done first.
 */
import { mix } from '../../protocol/digest.js';
import { Random } from '../random.js';
import type { OracleName } from '../world-state.js';
import { Corpus, digestTokens } from './corpus.js';
import { absorb, type CoverageDelta, type CoverageTables, FEATURE_SLOTS, STATE_BYTES } from './coverage.js';
import { STRATEGIES, type StrategyName } from './plot.js';
import type { Candidate, FoundDifference, FoundFailure, PlotTask, ShardResult, ShardTask } from './shard.js';

const PLOT_RUNS = 128;
const SHARD_PLOTS = 2;
/** No more workers than this have something to do at a time. */
export const GENERATION_SHARDS = 16;
const DRAW_SALT = 0x0b4b82e3;

export interface CampaignSettings {
  readonly seed: number;
  /** Number of the first run, 0 when absent, and how many runs at most. */
  readonly firstRun?: number;
  readonly runs: number;
  readonly checkAll: boolean;
  /** Shards of a generation; `GENERATION_SHARDS` when absent. */
  readonly generationShards?: number;
}

/** Runs that failed alike: the same oracle with the same pair of drivers. */
export interface FailureClass {
  readonly tpmfront: string;
  readonly tpmback: string;
  readonly oracle: OracleName;
  /** The first such run: its number and its token. */
  readonly run: number;
  readonly token: string;
  /** How many runs failed alike, in all and by scenario. */
  readonly count: number;
  readonly scenarios: ReadonlyMap<string, number>;
}

export interface CampaignFigures {
  readonly runs: number;
  readonly steps: number;
  /** Estimated from the bits set, of which two states may share one (K.-Y. Whang et al., "Linear counting", 1990). */
  readonly states: number;
  /** Pairs of steps and orderings. */
  readonly features: number;
  /**
   * The probability that one more run shows a pair or ordering not yet seen, after Good and Turing: those shown by
   * exactly one run, divided by the number of runs. Runs that begin like known ones make it an estimate only.
   */
  readonly unseen: number;
  readonly corpus: number;
  readonly checked: number;
  readonly strategies: Readonly<Record<StrategyName, number>>;
}

export class Campaign {
  readonly corpus = new Corpus();
  readonly differences: FoundDifference[] = [];
  readonly #settings: CampaignSettings;
  readonly #tables: CoverageTables;
  readonly #failures = new Map<string, FailureClass>();
  readonly #strategies: number[] = STRATEGIES.map(() => 0);
  #seed: number;
  /** Number of the next run that is planned, and of the first that is not. */
  #planned: number;
  readonly #end: number;
  readonly #generationShards: number;
  #generation: number;
  #runs = 0;
  #steps = 0;
  #checked = 0;
  /** Bits set in the table of states. */
  #stateBits = 0;

  /** `tables` are those that the shards look at; they change only in `merge`. */
  constructor(settings: CampaignSettings, tables: CoverageTables) {
    this.#settings = settings;
    this.#tables = tables;
    this.#seed = settings.seed;
    this.#planned = settings.firstRun ?? 0;
    this.#end = this.#planned + settings.runs;
    this.#generationShards = settings.generationShards ?? GENERATION_SHARDS;
    // A generation has a run at least, so those of campaigns with other runs have other numbers.
    this.#generation = this.#planned;
  }

  /** Goes on with the corpus of an earlier campaign and what it shows, and with other runs than that one began with. */
  resume(tokens: readonly string[], coverage: CoverageDelta): void {
    this.#stateBits += absorb(this.#tables, coverage);
    // What earlier campaigns have shown says nothing about how much more the runs of this one show.
    this.#stateBits += absorb(this.#tables, coverage);
    for (const token of tokens) this.corpus.add({ token, slots: [0], freshStates: 0 });
    if (tokens.length > 0) this.#seed = mix(this.#settings.seed, digestTokens(tokens)) >>> 0;
  }

  /** The shards of the next generation; none when all runs have been planned. */
  plan(): readonly ShardTask[] {
    const random = new Random(mix(this.#seed ^ DRAW_SALT, this.#generation++) >>> 0);
    const shards: ShardTask[] = [];
    while (shards.length < this.#generationShards && this.#planned < this.#end) {
      const plots: PlotTask[] = [];
      while (plots.length < SHARD_PLOTS && this.#planned < this.#end) {
        const runs = Math.min(PLOT_RUNS, this.#end - this.#planned);
        // Every other plot begins with an entry of the corpus, if there is one.
        const token = plots.length % 2 === 0 ? null : this.corpus.draw(random);
        plots.push({ firstRun: this.#planned, runs, token });
        this.#planned += runs;
      }
      shards.push({ seed: this.#seed, plots, checkAll: this.#settings.checkAll });
    }
    return shards;
  }

  /**
   * Takes the report of a shard; to be called in the order of the shards. Returns the entries that have shown a pair or
   * ordering for the first time, with those.
   */
  merge(result: ShardResult): readonly Candidate[] {
    const { features } = this.#tables;
    this.#runs += result.runs;
    this.#steps += result.steps;
    this.#checked += result.checked;
    for (let i = 0; i < this.#strategies.length; i++)
      this.#strategies[i] = (this.#strategies[i] as number) + (result.strategies[i] as number);
    this.differences.push(...result.differences);
    for (const failure of result.failures) this.#fail(failure);
    const added: Candidate[] = [];
    for (const candidate of result.candidates) {
      // Another shard of this generation may have shown the same before.
      const slots = candidate.slots.filter((slot) => features[slot] === 0);
      if (this.#admit({ ...candidate, slots }) && slots.length > 0) added.push({ ...candidate, slots });
    }
    this.#stateBits += absorb(this.#tables, result.coverage);
    return added;
  }

  #admit(candidate: Candidate): boolean {
    if (candidate.slots.length + candidate.freshStates === 0 || this.corpus.has(candidate.token)) return false;
    this.corpus.add(candidate);
    return true;
  }

  /** In the order of their first runs. */
  get failures(): readonly FailureClass[] {
    return [...this.#failures.values()].sort((a, b) => a.run - b.run);
  }

  get figures(): CampaignFigures {
    const { features } = this.#tables;
    let shown = 0;
    let once = 0;
    for (let slot = 0; slot < FEATURE_SLOTS; slot++) {
      if (features[slot] !== 0) shown++;
      if (features[slot] === 1) once++;
    }
    const all = STATE_BYTES * 8;
    return {
      runs: this.#runs,
      steps: this.#steps,
      states: Math.round(-all * Math.log(1 - this.#stateBits / all)),
      features: shown,
      unseen: this.#runs === 0 ? 1 : Math.min(once / this.#runs, 1),
      corpus: this.corpus.size,
      checked: this.#checked,
      strategies: {
        walk: this.#strategies[0] as number,
        pct: this.#strategies[1] as number,
        mutate: this.#strategies[2] as number,
      },
    };
  }

  #fail({ run, names, oracle, token, count }: FoundFailure): void {
    const { tpmfront, tpmback, scenario } = names;
    const key = [tpmfront, tpmback, oracle].join('\n');
    const known = this.#failures.get(key) ?? { tpmfront, tpmback, oracle, run, token, count: 0, scenarios: new Map() };
    const base = scenario.split('+')[0] ?? scenario;
    const scenarios = new Map(known.scenarios);
    scenarios.set(base, (scenarios.get(base) ?? 0) + count);
    const first = run < known.run ? { run, token } : {};
    this.#failures.set(key, { ...known, ...first, count: known.count + count, scenarios });
  }
}
