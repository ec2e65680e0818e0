/**
 * `quiesce replay`: a recorded schedule, from a file or a token.
 */

import { readText } from '../library/files.js';
import { isBlockName } from '../scenarios/block-scenarios.js';
import { isIdentityName } from '../scenarios/identity-scenario.js';
import { type BlockNames, hasBlkfront, parseBlockSchedule } from '../simulator/block-data/schedule.js';
import { BlockWorld } from '../simulator/block-data/world.js';
import {
  hasDesign,
  type IdentityNames,
  identityOfToken,
  parseIdentitySchedule,
} from '../simulator/block-identity/schedule.js';
import { IdentityWorld } from '../simulator/block-identity/world.js';
import { type RecordedSteps, type Replay, replay, stepsByName, stepsOfToken } from '../simulator/replay.js';
import { parseSchedule, unusualDaemon, type WorldNames } from '../simulator/schedule.js';
import { looksLikeToken, parseToken } from '../simulator/token.js';
import { type Recordable, Recorder } from '../simulator/trace.js';
import { worldOf } from '../simulator/verdict.js';
import type { Arguments } from './arguments.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { findBlock } from './explore-block.js';
import { findIdentity } from './identity-options.js';
import { loadPairing } from './pairing-options.js';
import type { Terminal } from './terminal.js';
import { showTrace, TRACE_OPTIONS } from './trace-options.js';

export const replayCommand: Command = {
  name: 'replay',
  summary: 'take the steps of a recorded schedule again',
  details: [
    'TOKEN is what explore, check and run --json print; FILE is a schedule file (./q1.x for a file named like a token).',
    'Exit status 0: nothing failed. 1: an oracle failed. 2: a step of the schedule is not possible any more.',
  ],
  options: TRACE_OPTIONS,
  words: ['FILE|TOKEN'],
  required: 1,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const { names, recorded } = recordedSchedule(args.words[0] as string);
  const world = await namedWorld(names);
  const recorder = new Recorder(world);
  const result = replay(world, recorded, (choice) => recorder.take(choice));
  const { holds, oracle, quiescent } = result;
  showTrace(
    { header: { trace: 1, seed: null, ...names }, steps: recorder.steps, end: { holds, oracle, quiescent } },
    args,
    terminal,
    () => jsonOf(names, result),
  );
  if (result.diverged !== null) {
    terminal.err(`quiesce replay: ${divergenceText(result.diverged)}\n`);
    return EXIT.refused;
  }
  return holds ? EXIT.holds : EXIT.fails;
}

type Names = WorldNames | IdentityNames | BlockNames;

/** Throws `UNKNOWN_NAME` for names there are not. */
async function namedWorld(names: Names): Promise<Recordable> {
  if ('blkfront' in names) return new BlockWorld(findBlock(names.scenario, names.daemon).options);
  return 'design' in names
    ? new IdentityWorld(names.design, findIdentity(names.scenario, names.daemon).setting)
    : worldOf(await loadPairing(names), names);
}

/** Throws `BAD_SCHEDULE` for what is neither a token nor a schedule file. */
function recordedSchedule(source: string): { readonly names: Names; readonly recorded: RecordedSteps } {
  if (looksLikeToken(source)) {
    const token = parseToken(source);
    const recorded = stepsOfToken(token);
    if (isBlockName(token.scenario)) {
      const { scenario, tpmfront: blkfront, daemon } = token;
      return { names: { scenario, blkfront, ...unusualDaemon(daemon) }, recorded };
    }
    if (isIdentityName(token.scenario)) return { names: identityOfToken(token), recorded };
    const { hashes: _, hashBytes: __, ...names } = token;
    return { names, recorded };
  }
  const text = readText(source);
  const { steps, ...names } = parseAny(source, text);
  return { names, recorded: stepsByName(steps) };
}

function parseAny(source: string, text: string): Names & { readonly steps: readonly string[] } {
  if (hasBlkfront(text)) return parseBlockSchedule(source, text);
  return hasDesign(text) ? parseIdentitySchedule(source, text) : parseSchedule(source, text);
}

/** `steps` is how many were taken, `schedule` which. */
function jsonOf(names: Names, { holds, oracle, fault, quiescent, steps, diverged }: Replay): unknown {
  return { ...names, holds, oracle, fault, quiescent, steps: steps.length, schedule: steps, diverged };
}

function divergenceText({ step, wanted, possible }: NonNullable<Replay['diverged']>): string {
  const found = possible.length === 0 ? 'nothing can happen any more' : `possible: ${possible.join(', ')}`;
  return `step ${step} is not possible: wanted ${wanted}, ${found}`;
}
