/**
 * `quiesce fuzz`: a campaign of runs in worlds that are drawn, guided by what they show.
 */
import { packageVersion } from '../library/package-root.js';
import { askedOf } from '../library/question.js';
import { sessionNames } from '../library/sessions.js';
import { findScenario } from '../scenarios/find-scenario.js';
import { SCENARIOS } from '../scenarios/scenarios.js';
import { Campaign } from '../simulator/fuzz/campaign.js';
import { ShardRunner } from '../simulator/fuzz/shard.js';
import { EVERY_DAEMON, EVERY_GRAIN, EVERY_TPMFRONT, type Swarm } from '../simulator/fuzz/swarm.js';
import { SEED_MAX } from '../simulator/random.js';
import { COMMANDS_MAX } from '../simulator/schedule.js';
import { DAEMONS } from '../simulator/world-options.js';
import { type Arguments, usage } from './arguments.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { CorpusFolder } from './fuzz-corpus.js';
import {
  type FuzzEngine,
  type FuzzSetup,
  fuzzEngine,
  resolverOf,
  type ShardWatch,
  sharedTables,
} from './fuzz-engine.js';
import { type FuzzReport, reportJson, reportText } from './fuzz-report.js';
import { ProgressLine } from './progress.js';
import { counted } from './schedule-text.js';
import type { Terminal } from './terminal.js';

const USUAL_SEED = 1;
const USUAL_TIME = '60s';
const RUNS_MAX = 2 ** 31 - 1;
const WORKERS_MAX = 1024;
/** Nobody survives that two copies run; it is tried where it is asked for. */
const UNASKED: readonly string[] = ['both-copies-run'];

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
    scenario: { value: 'NAME', help: 'this situation only, with its own faults' },
    tpmfront: { value: 'NAME|FILE', help: 'this frontend only' },
    tpmback: { value: 'NAME|FILE', help: 'this backend only' },
    session: { value: 'NAME|FILE', help: 'commands of this session only' },
    commands: { value: 'N', help: 'the first N commands of it' },
    grain: { value: 'fine|coarse', help: 'interleave single steps only, or whole handlers only' },
    daemon: { value: DAEMONS.join('|'), help: 'this xenstored only' },
    json: { help: 'print one JSON document' },
  },
  words: [],
  required: 0,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const seed = args.integer('seed', { minimum: 0, maximum: SEED_MAX }) ?? USUAL_SEED;
  const runs = args.integer('runs', { minimum: 1, maximum: RUNS_MAX });
  const seconds = secondsOf(args.text('time') ?? (runs === undefined ? USUAL_TIME : undefined));
  const workers = args.integer('workers', { minimum: 1, maximum: WORKERS_MAX }) ?? terminal.jobs;
  const setup = await setupOf(args);
  const campaign = new Campaign(
    { seed, runs: runs ?? RUNS_MAX, checkAll: args.flag('check-determinism') },
    setup.tables,
  );
  const folder = args.text('corpus');
  const corpus = folder === undefined ? null : new CorpusFolder(folder);
  if (corpus !== null) await resume(campaign, corpus, setup, terminal);

  const stop = new Stop(terminal, seconds);
  const engine = await fuzzEngine(setup, workers);
  let report: FuzzReport;
  try {
    await generations({ campaign, engine, corpus, stop, terminal });
    const { failures, differences, figures } = campaign;
    // The bound on states keeps this short, so a signal need not end it.
    const shrunk = await engine.shrink(failures.map(({ token, oracle }) => ({ token, oracle })));
    report = { seed, figures, failures, shrunk, differences };
  } finally {
    stop.forget();
    await engine.close();
  }
  terminal.out(args.flag('json') ? reportJson(packageVersion(), report) : reportText(report, terminal));
  if (stop.signalled) terminal.err(`quiesce fuzz: stopped after ${counted(report.figures.runs, 'run')}\n`);
  if (report.differences.length > 0) return EXIT.fault;
  return report.failures.length > 0 ? EXIT.fails : EXIT.holds;
}

/** Throws what the names and files that the options give are refused with. */
async function setupOf(args: Arguments): Promise<FuzzSetup> {
  const scenario = args.text('scenario');
  const tpmfront = args.text('tpmfront');
  const tpmback = args.text('tpmback');
  const session = args.text('session');
  const grain = args.oneOf('grain', ['fine', 'coarse']);
  const daemon = args.oneOf('daemon', DAEMONS);
  if (tpmback !== undefined && tpmfront === undefined) throw usage('--tpmback: expected --tpmfront with it');
  const swarm: Swarm = {
    scenarios:
      scenario === undefined ? SCENARIOS.filter(({ name }) => !UNASKED.includes(name)) : [findScenario(scenario)],
    varies: scenario === undefined,
    tpmfronts: EVERY_TPMFRONT,
    tpmback: null,
    sessions: session === undefined ? sessionNames() : [session],
    commands: args.integer('commands', { minimum: 1, maximum: COMMANDS_MAX }) ?? null,
    grains: grain === undefined ? EVERY_GRAIN : [grain],
    daemons: daemon === undefined ? EVERY_DAEMON : [daemon],
  };
  const setup: FuzzSetup = { swarm, tpmfront, tpmback, tables: sharedTables() };
  if (tpmfront === undefined && session === undefined) return setup;
  // Here, once, rather than in each thread: what is wrong with a driver or a session is said before anything begins.
  const asked = await askedOf({ scenario: swarm.scenarios[0]?.name ?? '', tpmfront, tpmback, session });
  if (tpmfront === undefined) return setup;
  const { names } = asked;
  const usual = EVERY_TPMFRONT.includes(names.tpmfront) && tpmback === undefined;
  return { ...setup, swarm: { ...swarm, tpmfronts: [names.tpmfront], tpmback: usual ? null : names.tpmback } };
}

async function resume(campaign: Campaign, corpus: CorpusFolder, setup: FuzzSetup, terminal: Terminal): Promise<void> {
  const runner = new ShardRunner(setup.swarm, await resolverOf(setup), setup.tables);
  const tokens = corpus.load(
    (token) => runner.retrace(token),
    (file, reason) => terminal.err(`quiesce fuzz: set aside ${file}: ${reason}\n`),
  );
  campaign.resume(tokens, runner.takeCoverage());
}

interface Work {
  readonly campaign: Campaign;
  readonly engine: FuzzEngine;
  readonly corpus: CorpusFolder | null;
  readonly stop: Stop;
  readonly terminal: Terminal;
}

async function generations({ campaign, engine, corpus, stop, terminal }: Work): Promise<void> {
  const line = new ProgressLine(terminal);
  const start = terminal.clock();
  let { figures } = campaign;
  let fresh = 0;
  let runs = 0;
  const watch: ShardWatch = {
    stopped: () => stop.reached,
    done(result) {
      runs += result.runs;
      const speed = Math.round(runs / Math.max(terminal.clock() - start, 1e-3));
      const failures = counted(campaign.failures.length, 'failure');
      const { states, unseen } = figures;
      line.show(
        `fuzz: ${runs} runs, ${speed}/s, ${states} states, ${fresh} new, ${failures}, unseen ${unseen.toFixed(3)}`,
      );
    },
  };
  while (!stop.reached) {
    const tasks = campaign.plan();
    if (tasks.length === 0) break;
    for (const result of await engine.shards(tasks, watch)) {
      const added = campaign.merge(result);
      corpus?.save(added);
    }
    fresh = campaign.figures.features - figures.features;
    figures = campaign.figures;
  }
  line.clear();
  // Those that have shown new states only are many and soon replaced, so they are kept at the end.
  corpus?.save(campaign.corpus.tokens);
}

/** When a campaign ends: at a moment, or at the first SIGINT or SIGTERM. A second signal ends the process at once. */
class Stop {
  signalled = false;
  readonly #terminal: Terminal;
  readonly #end: number;
  readonly #onSignal: () => void;

  constructor(terminal: Terminal, seconds: number) {
    this.#terminal = terminal;
    this.#end = terminal.clock() + seconds;
    this.#onSignal = () => {
      this.signalled = true;
      this.forget();
    };
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal);
  }

  get reached(): boolean {
    return this.signalled || this.#terminal.clock() >= this.#end;
  }

  forget(): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal);
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Throws `USAGE` for what is no time. */
function secondsOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const [, digits, unit = ''] = /^([1-9][0-9]{0,5})([smh])$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined)
    throw usage(`--time: expected a number with s, m or h after it, as in 60s, found '${text}'`);
  return Number(digits) * factor;
}
