/**
 * `quiesce campaign`: a campaign cut into shards that any number of machines can run, with the same report in the end.
 */
import { programBuild } from '../campaign/build.js';
import {
  type CampaignConfiguration,
  campaignId,
  corpusDigest,
  RUNS_MAX,
  runsOfShard,
  SHARDS_MAX,
} from '../campaign/configuration.js';
import { formatResult } from '../campaign/result-file.js';
import { CampaignShards } from '../campaign/shards.js';
import { filesOf, resolverOf, worldsOf } from '../campaign/worlds.js';
import { writeWhole } from '../library/files.js';
import { packageVersion } from '../library/package-root.js';
import { emptyTables } from '../simulator/fuzz/coverage.js';
import { ShardRunner } from '../simulator/fuzz/shard.js';
import { SEED_MAX } from '../simulator/random.js';
import { type Arguments, usage } from './arguments.js';
import { type CampaignRequest, redisCampaign } from './campaign-redis.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { CorpusFolder } from './fuzz-corpus.js';
import { USUAL_SEED, WORLD_OPTIONS, worldQuestionOf } from './fuzz-options.js';
import { ProgressLine } from './progress.js';
import { REDIS_OPTION } from './redis-options.js';
import { counted } from './schedule-text.js';
import type { Terminal } from './terminal.js';

const USUAL_RUNS = 1_000_000;
/** A shard of so many takes some seconds, and is what a worker that dies loses. */
const SHARD_RUNS = 16_384;

export const campaignCommand: Command = {
  name: 'campaign',
  summary: 'a campaign of many runs, in shards for many machines',
  details: [
    'With --redis the shards are run by every `quiesce worker` of that server, and merged here. Ctrl-C leaves the',
    'campaign as it is; the same command, or --resume with its id, goes on with it.',
    'With --shard I/N one shard is run here, without Redis; `quiesce merge` puts the results together.',
    'The report has the same bytes whoever runs the shards. It takes --seed, --runs, --shards, --corpus, and the same',
    'program everywhere.',
    'Exit status 0: nothing failed, which is no proof; or the shard was run, whatever it found. 1: an oracle failed.',
    '2: refused, or not finished. 3: a run taken twice was not the same.',
  ],
  options: {
    redis: REDIS_OPTION,
    shard: { value: 'I/N', help: 'run shard I of N, counted from 0, and nothing else' },
    seed: { value: 'N', help: `where chance begins (${USUAL_SEED})` },
    runs: { value: 'N', help: `how many runs, of all shards together (${USUAL_RUNS})` },
    shards: { value: 'N', help: `how many shards (one for ${SHARD_RUNS} runs)` },
    corpus: { value: 'DIR', help: 'begin with the runs kept in this folder; in the end new ones are put there' },
    result: { value: 'FILE', help: 'write what was found to this file, for `quiesce merge`' },
    'check-determinism': { help: 'take every run twice, not one in twenty' },
    ...WORLD_OPTIONS,
    resume: { value: 'ID', help: 'go on with the campaign of this id, as it was begun' },
    forget: { value: 'ID', help: 'take the campaign of this id, and what it has found, out of Redis' },
    patience: { value: '10m', help: 'give up when no shard is done, or Redis away, for so long (10m)' },
    json: { help: 'print one JSON document' },
  },
  words: [],
  required: 0,
  run,
};

/** What says which campaign it is. */
const IDENTITY = ['seed', 'runs', 'shards', 'shard', 'check-determinism', ...Object.keys(WORLD_OPTIONS)] as const;

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const resumed = args.text('resume') ?? args.text('forget');
  const extra = IDENTITY.find((name) => args.flag(name));
  if (resumed !== undefined && extra !== undefined)
    throw usage(`--${extra}: expected none with --resume or --forget, which know the campaign`);
  if (args.flag('shard')) return oneShard(args, terminal);
  const request = (): Promise<CampaignRequest> => requestOf(args, shardsOf(args), terminal);
  return redisCampaign(args, terminal, resumed === undefined ? request : null);
}

function runsOf(args: Arguments): number {
  return args.integer('runs', { minimum: 1, maximum: RUNS_MAX }) ?? USUAL_RUNS;
}

function shardsOf(args: Arguments): number {
  const runs = runsOf(args);
  const usual = Math.min(Math.ceil(runs / SHARD_RUNS), SHARDS_MAX);
  return args.integer('shards', { minimum: 1, maximum: Math.min(runs, SHARDS_MAX) }) ?? usual;
}

async function requestOf(args: Arguments, shards: number, terminal: Terminal): Promise<CampaignRequest> {
  const worlds = worldQuestionOf(args);
  const seed = args.integer('seed', { minimum: 0, maximum: SEED_MAX }) ?? USUAL_SEED;
  const tokens = await corpusOf(args, terminal);
  const configuration: CampaignConfiguration = {
    version: packageVersion(),
    build: programBuild(),
    seed,
    runs: runsOf(args),
    shards,
    checkAll: args.flag('check-determinism'),
    worlds,
    files: filesOf(worlds),
    corpus: corpusDigest(tokens),
  };
  return { configuration, tokens };
}

/** The entries to begin with. One shard of many leaves the folder alone: others read it at the same time. */
async function corpusOf(args: Arguments, terminal: Terminal): Promise<readonly string[]> {
  const worlds = await worldsOf(worldQuestionOf(args));
  const folder = args.text('corpus');
  if (folder === undefined) return [];
  const runner = new ShardRunner(worlds.swarm, await resolverOf(worlds), emptyTables());
  const reads = args.flag('shard');
  return new CorpusFolder(folder).load(
    (token) => runner.retrace(token),
    (file, reason) => terminal.err(`quiesce campaign: ${reads ? 'left out' : 'set aside'} ${file}: ${reason}\n`),
    reads,
  );
}

async function oneShard(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const wrong = ['redis', 'shards', 'json'].find((name) => args.flag(name));
  if (wrong !== undefined) throw usage(`--${wrong}: expected none with --shard, which runs one shard here`);
  const file = args.text('result');
  if (file === undefined) throw usage('--shard: expected --result FILE with it, for what the shard finds');
  const { shard, shards } = placeOf(args.text('shard') ?? '', runsOf(args));
  const { configuration, tokens } = await requestOf(args, shards, terminal);
  const campaign = await CampaignShards.open(configuration, tokens);
  const line = new ProgressLine(terminal);
  const { count } = runsOfShard(configuration, shard);
  const result = campaign.run(shard, (runs) =>
    line.show(`campaign: shard ${shard} of ${shards}: ${runs} of ${count} runs`),
  );
  line.clear();
  writeWhole(file, formatResult(result));
  const failures = counted(result.shards.get(shard)?.failures.length ?? 0, 'failure');
  terminal.out(
    `campaign ${campaignId(configuration)}: shard ${shard} of ${shards}, ${counted(count, 'run')}, ${failures}\n`,
  );
  return EXIT.holds;
}

/** Throws `USAGE` for what is no shard. */
function placeOf(text: string, runs: number): { readonly shard: number; readonly shards: number } {
  const [, first = '', second = ''] = /^([0-9]{1,6})\/([0-9]{1,6})$/.exec(text) ?? [];
  const shard = Number(first);
  const shards = Number(second);
  const most = Math.min(runs, SHARDS_MAX);
  if (first !== '' && shards >= 1 && shards <= most && shard < shards) return { shard, shards };
  throw usage(`--shard: expected I/N, I from 0 to N - 1 and N up to ${most}, as in 0/16, found '${text}'`);
}
