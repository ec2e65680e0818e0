/**
 * `quiesce run`: one plausible order of events, drawn from a seed.
 */

import { writeWhole } from '../library/files.js';
import { isBlockName } from '../scenarios/block-scenarios.js';
import { isIdentityName } from '../scenarios/identity-scenario.js';
import { SEED_MAX } from '../simulator/random.js';
import { run as runWorld } from '../simulator/run.js';
import { formatSchedule } from '../simulator/schedule.js';
import { formatToken } from '../simulator/token.js';
import type { Trace } from '../simulator/trace.js';
import { namesOf, worldOf } from '../simulator/verdict.js';
import { type Arguments, usage } from './arguments.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { extentOf, PAIRING_OPTIONS, pairingOf } from './pairing-options.js';
import type { Terminal } from './terminal.js';
import { showTrace, TRACE_OPTIONS } from './trace-options.js';

const USUAL_SEED = 1;

export const runCommand: Command = {
  name: 'run',
  summary: 'one plausible order of events, drawn from a seed',
  details: ['The same seed gives the same bytes. Exit status 0: nothing failed in this order. 1: an oracle failed.'],
  options: {
    ...PAIRING_OPTIONS,
    seed: { value: 'N', help: `where chance begins (${USUAL_SEED})` },
    out: { value: 'FILE', help: 'write the schedule to this file' },
    ...TRACE_OPTIONS,
  },
  words: [],
  required: 0,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const scenario = args.text('scenario') ?? '';
  if (isIdentityName(scenario) || isBlockName(scenario))
    throw usage(`--scenario: ${scenario} can be explored and replayed, not run`);
  const pairing = await pairingOf(args);
  const seed = args.integer('seed', { minimum: 0, maximum: SEED_MAX }) ?? USUAL_SEED;
  const names = namesOf(pairing, extentOf(args));
  const { holds, oracle, quiescent, fault, steps } = runWorld(worldOf(pairing, names), seed);
  const schedule = { ...names, steps: steps.map(({ choice }) => choice) };
  const file = args.text('out');
  if (file !== undefined) writeWhole(file, formatSchedule(schedule));
  const trace: Trace = { header: { trace: 1, seed, ...names }, steps, end: { holds, oracle, quiescent } };
  // Wide hashes: nobody has looked at what else was possible on the way.
  showTrace(trace, args, terminal, () => ({
    seed,
    ...names,
    holds,
    oracle,
    quiescent,
    fault,
    steps,
    token: formatToken(schedule, 4),
  }));
  return holds ? EXIT.holds : EXIT.fails;
}
