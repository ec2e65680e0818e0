/**
 * `quiesce fuzz`: a campaign of runs in worlds that are drawn, guided by what they show.
 */
import { RUNS_MAX } from '../campaign/configuration.js';
import { resolverOf, worldsOf } from '../campaign/worlds.js';
import { Campaign } from '../simulator/fuzz/campaign.js';
import { ShardRunner } from '../simulator/fuzz/shard.js';
import { SEED_MAX } from '../simulator/random.js';
import type { Arguments } from './arguments.js';
import type { Command } from './command.js';
import type { ExitStatus } from './exit-status.js';
import { CorpusFolder } from './fuzz-corpus.js';
import { type FuzzEngine, type FuzzSetup, fuzzEngine, type ShardWatch, sharedTables } from './fuzz-engine.js';
import { secondsOf, USUAL_SEED, WORKERS_MAX, WORLD_OPTIONS, worldQuestionOf } from './fuzz-options.js';
import { FuzzProgress } from './fuzz-progress.js';
import { type FuzzReport, printReport } from './fuzz-report.js';
import { counted } from './schedule-text.js';
import { Stop } from './stop.js';
import type { Terminal } from './terminal.js';

const USUAL_TIME = '60s';

export const fuzzCommand: Command = {
  name: 'fuzz',
  summary: 'many runs in worlds drawn from a seed, guided by what they show',
  details: [
    'What no option fixes is drawn for every few runs: drivers, scenario, faults, session, xenstored.',
    'A failure is shrunk before it is shown. Ctrl-C ends the campaign and reports; --corpus goes on with it later.',
    'The same seed, corpus and number of runs give the same bytes, whatever the number of workers.',
    'Exit status 0: nothing failed, which is no proof. 1: an oracle failed. 3: a run taken twice was not the same.',
  ],
  options: {
    seed: { value: 'N', help: `where chance begins (${USUAL_SEED})` },
    runs: { value: 'N', help: 'end after N runs' },
    time: { value: '60s', help: `end after so many seconds (s), minutes (m) or hours (h) (${USUAL_TIME})` },
    workers: { value: 'N', help: 'threads to work on (one for each core)' },
    corpus: { value: 'DIR', help: 'go on with the runs kept in this folder, and keep new ones there' },
    'check-determinism': { help: 'take every run twice, not one in twenty' },
    ...WORLD_OPTIONS,
    json: { help: 'print one JSON document' },
  },
  words: [],
  required: 0,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const seed = args.integer('seed', { minimum: 0, maximum: SEED_MAX }) ?? USUAL_SEED;
  const runs = args.integer('runs', { minimum: 1, maximum: RUNS_MAX });
  const time = args.text('time') ?? (runs === undefined ? USUAL_TIME : undefined);
  const seconds = time === undefined ? Number.POSITIVE_INFINITY : secondsOf('time', time);
  const workers = args.integer('workers', { minimum: 1, maximum: WORKERS_MAX }) ?? terminal.jobs;
  const setup: FuzzSetup = { ...(await worldsOf(worldQuestionOf(args))), tables: sharedTables() };
  const settings = { seed, runs: runs ?? RUNS_MAX, checkAll: args.flag('check-determinism') };
  const campaign = new Campaign(settings, setup.tables);
  const progress = new FuzzProgress(settings, terminal);
  const folder = args.text('corpus');
  const corpus = folder === undefined ? null : new CorpusFolder(folder);
  if (corpus !== null) await resume({ campaign, corpus, progress, setup, terminal });

  const stop = new Stop(terminal, seconds);
  const engine = await fuzzEngine(setup, workers);
  let report: FuzzReport;
  try {
    await generations({ campaign, engine, corpus, stop, progress });
    const { failures, differences, figures } = campaign;
    // The bound on states keeps this short, so a signal need not end it.
    const shrunk = await engine.shrink(failures.map(({ token, oracle }) => ({ token, oracle })));
    report = { seed, figures, failures, shrunk, differences };
  } finally {
    stop.forget();
    await engine.close();
  }
  if (stop.signalled) terminal.err(`quiesce fuzz: stopped after ${counted(report.figures.runs, 'run')}\n`);
  return printReport(report, args.flag('json'), terminal);
}

interface Beginning {
  readonly campaign: Campaign;
  readonly corpus: CorpusFolder;
  readonly progress: FuzzProgress;
  readonly setup: FuzzSetup;
  readonly terminal: Terminal;
}

async function resume({ campaign, corpus, progress, setup, terminal }: Beginning): Promise<void> {
  const runner = new ShardRunner(setup.swarm, await resolverOf(setup), setup.tables);
  const tokens = corpus.load(
    (token) => runner.retrace(token),
    (file, reason) => terminal.err(`quiesce fuzz: set aside ${file}: ${reason}\n`),
  );
  const coverage = runner.takeCoverage();
  campaign.resume(tokens, coverage);
  progress.resume(coverage);
}

interface Work {
  readonly campaign: Campaign;
  readonly engine: FuzzEngine;
  readonly corpus: CorpusFolder | null;
  readonly stop: Stop;
  readonly progress: FuzzProgress;
}

async function generations({ campaign, engine, corpus, stop, progress }: Work): Promise<void> {
  const watch: ShardWatch = { stopped: () => stop.reached, done: (result) => progress.done(result) };
  while (!stop.reached) {
    const tasks = campaign.plan();
    if (tasks.length === 0) break;
    progress.begin();
    for (const result of await engine.shards(tasks, watch)) {
      const added = campaign.merge(result);
      corpus?.save(added.map(({ token }) => token));
    }
  }
  progress.clear();
  // Those that have shown new states only are many and soon replaced, so they are kept at the end.
  corpus?.save(campaign.corpus.tokens);
}
