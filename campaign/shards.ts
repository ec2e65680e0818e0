/**
 * Running the shards of a campaign. A shard is a pure function of configuration, corpus and number: it begins with what
 * the corpus shows and nothing else, whatever ran here before.
 */
import { QuiesceError } from '../protocol/errors.js';
import { Campaign, type FailureClass } from '../simulator/fuzz/campaign.js';
import { type CoverageDelta, type CoverageTables, emptyTables, FEATURE_SLOTS } from '../simulator/fuzz/coverage.js';
import { STRATEGIES } from '../simulator/fuzz/plot.js';
import { ShardRunner } from '../simulator/fuzz/shard.js';
import { type CampaignConfiguration, corpusDigest, runsOfShard } from './configuration.js';
import { CampaignResult, MANY, type ShardFailure, type ShardReport } from './result.js';
import { digestOfShard } from './result-file.js';
import { filesOf, resolverOf, worldsOf } from './worlds.js';

export class CampaignShards {
  readonly #configuration: CampaignConfiguration;
  readonly #tokens: readonly string[];
  readonly #runner: ShardRunner;
  /** What the corpus shows. */
  readonly #base: CoverageDelta;
  readonly #tables: CoverageTables;

  private constructor(
    configuration: CampaignConfiguration,
    tokens: readonly string[],
    runner: ShardRunner,
    tables: CoverageTables,
  ) {
    this.#configuration = configuration;
    this.#tokens = tokens;
    this.#runner = runner;
    this.#tables = tables;
    this.#base = runner.takeCoverage();
  }

  /**
   * Gets ready for the shards of a campaign that begins with the corpus `tokens`. Throws `BAD_CAMPAIGN` when a file or
   * the corpus is not the one of the configuration, and what `worldsOf` throws.
   */
  static async open(configuration: CampaignConfiguration, tokens: readonly string[]): Promise<CampaignShards> {
    checkFiles(configuration);
    if (corpusDigest(tokens) !== configuration.corpus)
      throw new QuiesceError('BAD_CAMPAIGN', 'expected the corpus that the campaign was begun with, found another one');
    const worlds = await worldsOf(configuration.worlds);
    const tables = emptyTables();
    const runner = new ShardRunner(worlds.swarm, await resolverOf(worlds), tables);
    for (const token of tokens) {
      const entry = runner.retrace(token);
      if (entry.kind === 'damaged') throw new QuiesceError('BAD_CAMPAIGN', `an entry of the corpus: ${entry.reason}`);
    }
    return new CampaignShards(configuration, tokens, runner, tables);
  }

  /** The result of shard `shard` alone. `onProgress` hears of the runs that are done. */
  run(shard: number, onProgress: (runs: number) => void = () => {}): CampaignResult {
    const { seed, checkAll } = this.#configuration;
    const { first, count } = runsOfShard(this.#configuration, shard);
    this.#tables.states.fill(0);
    this.#tables.features.fill(0);
    const result = new CampaignResult(this.#configuration);
    const settings = { seed, firstRun: first, runs: count, checkAll, generationShards: 1 };
    const campaign = new Campaign(settings, this.#tables);
    campaign.resume(this.#tokens, this.#base);
    for (const bit of this.#base.states) result.states.add(bit);
    let runs = 0;
    for (let tasks = campaign.plan(); tasks.length > 0; tasks = campaign.plan()) {
      for (const task of tasks) {
        const found = this.#runner.run(task);
        for (const { token, slots } of campaign.merge(found)) for (const slot of slots) result.entry(slot, token);
        for (const bit of found.coverage.states) result.states.add(bit);
        runs += found.runs;
        onProgress(runs);
      }
    }
    for (let slot = 0; slot < FEATURE_SLOTS; slot++) {
      const runs = this.#tables.features[slot] as number;
      if (runs > 0) result.feature(slot, runs === 1 ? shard : MANY);
    }
    result.shards.set(shard, reportOf(campaign, result));
    return result;
  }
}

function reportOf({ figures, failures, differences }: Campaign, result: CampaignResult): ShardReport {
  const { runs, steps, checked, strategies } = figures;
  const report = {
    runs,
    steps,
    checked,
    strategies: STRATEGIES.map((name) => strategies[name]),
    failures: failures.map(failureOf),
    differences: [...differences],
  };
  return { ...report, digest: digestOfShard(result, report) };
}

function failureOf({ tpmfront, tpmback, oracle, run, token, count, scenarios }: FailureClass): ShardFailure {
  const sorted = Object.fromEntries([...scenarios].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { tpmfront, tpmback, oracle, run, token, count, scenarios: sorted };
}

/** Throws `BAD_CAMPAIGN` where a file that the campaign names is not the one that it was begun with. */
function checkFiles({ worlds, files }: CampaignConfiguration): void {
  const here = filesOf(worlds);
  for (const [path, digest] of Object.entries(files)) {
    if (here[path] === digest) continue;
    throw new QuiesceError(
      'BAD_CAMPAIGN',
      `expected ${path} as it was when the campaign was begun, found another file: copy it to this machine`,
    );
  }
}
