/**
 * Fuzz for programs: a campaign in this thread, so that it can be asked for in any test runner.
 *
 *     const { failures } = await fuzz({ tpmfront: './mine.ts', seed: 1, runs: 20_000 });
 */
import { QuiesceError } from '../protocol/errors.js';
import type { LengthProof } from '../simulator/explore/shortest.js';
import { Campaign, type CampaignFigures } from '../simulator/fuzz/campaign.js';
import { emptyTables } from '../simulator/fuzz/coverage.js';
import { type FoundDifference, type ShardResult, ShardRunner } from '../simulator/fuzz/shard.js';
import { type Shrunk, shrink } from '../simulator/fuzz/shrink.js';
import { SEED_MAX } from '../simulator/random.js';
import type { WorldNames } from '../simulator/schedule.js';
import type { OracleName } from '../simulator/world-state.js';
import { blamed } from './driver-file.js';
import { driverError } from './driver-rules.js';
import { type SwarmQuestion, swarmOf } from './swarm.js';

const USUAL_SEED = 1;
const USUAL_RUNS = 10_000;
const RUNS_MAX = 2 ** 31 - 1;

export interface FuzzQuestion extends SwarmQuestion {
  /** Where chance begins, 0 to 2^32 - 1; 1 when absent. */
  readonly seed?: number | undefined;
  /** How many runs, 1 to 2^31 - 1; 10,000 when absent. */
  readonly runs?: number | undefined;
  /** Every run is taken twice and compared; one in twenty when absent. */
  readonly checkDeterminism?: boolean | undefined;
  /** Tokens of an earlier campaign, to go on with. Those that are no longer possible are left out, see `damaged`. */
  readonly corpus?: readonly string[] | undefined;
  /** Ends the campaign early, between two shards of some hundred runs: what was found until then is reported. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each shard. */
  readonly onProgress?: ((progress: FuzzProgress) => void) | undefined;
}

export interface FuzzProgress {
  readonly runs: number;
  /** Kinds of failures so far: pair of drivers and oracle. */
  readonly failures: number;
}

/** Runs that failed alike, shrunk: the same oracle with the same pair of drivers. */
export interface FuzzFailure {
  readonly tpmfront: string;
  readonly tpmback: string;
  readonly oracle: OracleName;
  /** What the machine reported, when a driver threw or touched memory it may not. */
  readonly fault: string | null;
  /** The smallest world in which it was seen; `scenario` says which faults strike, too. */
  readonly world: WorldNames;
  /** Names of the choices that lead to it: none of them can be left out. */
  readonly schedule: readonly string[];
  /** Replays the schedule. */
  readonly token: string;
  /** What is known of shorter ones, see docs/fuzzing.md. */
  readonly proof: LengthProof;
  /** Number of the first run that failed so, from 0, and how many did. */
  readonly firstRun: number;
  readonly runs: number;
}

export interface Fuzzing extends CampaignFigures {
  /** No oracle failed in these runs, which is no proof. */
  readonly holds: boolean;
  /** In the order of their first runs. */
  readonly failures: readonly FuzzFailure[];
  /** The campaign was ended by its signal. The figures are those of the runs that were made. */
  readonly aborted: boolean;
  /** Tokens to go on with. */
  readonly tokens: readonly string[];
  /** Tokens of `corpus` that cannot be taken any more, and why. */
  readonly damaged: readonly { readonly token: string; readonly reason: string }[];
}

/**
 * Many runs in worlds drawn from a seed, guided by what they show. The same question, seed, corpus and number of runs
 * give the same result, if no signal comes. Throws `QuiesceError`: what `explore` throws, and `BAD_DRIVER` of rule
 * `memory` for a driver of one's own with which a run taken twice was not the same both times.
 */
export async function fuzz(question: FuzzQuestion = {}): Promise<Fuzzing> {
  const { signal, onProgress, checkDeterminism = false } = question;
  const seed = integer('seed', question.seed ?? USUAL_SEED, 0, SEED_MAX);
  const runs = integer('runs', question.runs ?? USUAL_RUNS, 1, RUNS_MAX);
  const stopped = (): boolean => signal?.aborted === true;
  const { swarm, resolve, own } = await swarmOf(question);
  const tables = emptyTables();
  const runner = new ShardRunner(swarm, resolve, tables);
  const campaign = new Campaign({ seed, runs, checkAll: checkDeterminism }, tables);
  try {
    const damaged = resume(campaign, runner, question.corpus ?? []);
    let made = 0;
    for (let tasks = campaign.plan(); tasks.length > 0 && !stopped(); tasks = campaign.plan()) {
      // The shards of a generation know nothing of each other, so they are merged when all are done.
      const results: ShardResult[] = [];
      for (const task of tasks) {
        // Here a signal can come, and whoever else has something to do in this thread does it.
        await new Promise((next) => setImmediate(next));
        if (stopped()) break;
        const result = runner.run(task);
        results.push(result);
        made += result.runs;
        onProgress?.({ runs: made, failures: campaign.failures.length });
      }
      for (const result of results) campaign.merge(result);
    }
    const [difference] = campaign.differences;
    if (difference !== undefined) throw differenceError(difference, own);
    const failures = campaign.failures.map(({ tpmfront, tpmback, oracle, run, token, count }): FuzzFailure => {
      const { names, fault, steps, token: shortest, proof }: Shrunk = shrink(token, oracle, resolve);
      const found = { tpmfront, tpmback, oracle, fault, world: names, schedule: steps, token: shortest, proof };
      return { ...found, firstRun: run, runs: count };
    });
    const aborted = made < runs;
    const { tokens } = campaign.corpus;
    return { ...campaign.figures, holds: failures.length === 0, failures, aborted, tokens, damaged };
  } catch (error) {
    throw blamed(error);
  }
}

function resume(campaign: Campaign, runner: ShardRunner, corpus: readonly string[]): Fuzzing['damaged'] {
  const damaged: { readonly token: string; readonly reason: string }[] = [];
  const tokens = corpus.filter((token) => {
    const check = runner.retrace(token);
    if (check.kind === 'damaged') damaged.push({ token, reason: check.reason });
    return check.kind === 'whole';
  });
  campaign.resume(tokens, runner.takeCoverage());
  return damaged;
}

function differenceError({ run, step, name, what }: FoundDifference, own: readonly string[]): Error {
  const found = `run ${run}, step ${step}${name === '' ? '' : ` (${name})`}, taken twice: ${what}`;
  if (own.length === 0) throw new Error(`quiesce is not deterministic: ${found}`);
  return driverError(own.join(' with '), 'memory', found);
}

function integer(name: string, value: number, minimum: number, maximum: number): number {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw new QuiesceError('USAGE', `${name}: expected an integer from ${minimum} to ${maximum}, found ${value}`);
}
