/**
 * Strategy `run`: one plausible order, drawn from a seed, for a person to read.
 *
 * Every choice but a fault is as probable as any other. The faults that a scenario has a budget for strike each at a
 * moment drawn from the seed: a first pass without faults shows how long the run is, and the moments are steps of that
 * length. A fault that is not possible at its moment strikes as soon as it is, and at the latest when nothing else is
 * left to happen.
 */
import { CHOICES_MAX } from './explore/explore.js';
import { FAULT_PREFIX } from './faults.js';
import { Random } from './random.js';
import { Recorder, type TraceEnd, type TraceStep } from './trace.js';
import type { World } from './world.js';
import { strikesOf } from './world-options.js';

/** A run that is longer than any that comes to an end is broken off. */
export const RUN_STEPS_MAX = 100_000;

export interface RunResult extends TraceEnd {
  readonly fault: string | null;
  readonly steps: readonly TraceStep[];
}

/** Runs `world` from its present state; it is left where the run ends. `seed` is an integer from 0 to `SEED_MAX`. */
export function run(world: World, seed: number): RunResult {
  const { memory } = world;
  const mark = memory.journalLength;
  const { hashLow, hashHigh } = memory;
  const length = walk(world, new Random(seed), null, (choice) => world.step(choice));
  memory.undo(mark, hashLow, hashHigh);

  const random = new Random(seed);
  const moments = faultMoments(world, random, length);
  const recorder = new Recorder(world);
  walk(world, random, moments, (choice) => recorder.take(choice));
  const quiescent = world.failed === undefined && world.enumerate(new Int32Array(CHOICES_MAX)) === 0;
  if (quiescent) world.quiescent();
  const oracle = world.failed ?? null;
  return {
    holds: oracle === null,
    oracle,
    quiescent,
    fault: recorder.steps.at(-1)?.fault ?? null,
    steps: recorder.steps,
  };
}

/** Steps, in order, from which on one more fault strikes. */
function faultMoments(world: World, random: Random, length: number): readonly number[] {
  const budget = strikesOf(world.options.scenario.faults);
  return Array.from({ length: budget }, () => random.below(length + 1)).sort((a, b) => a - b);
}

/** Takes steps until nothing can happen or an oracle fails; returns how many. Without `moments` no fault strikes. */
function walk(world: World, random: Random, moments: readonly number[] | null, take: (choice: number) => void): number {
  const choices = new Int32Array(CHOICES_MAX);
  const usual: number[] = [];
  const faults: number[] = [];
  let struck = 0;
  let step = 0;
  for (; step < RUN_STEPS_MAX && world.failed === undefined; step++) {
    const count = world.enumerate(choices);
    if (count === 0) break;
    usual.length = 0;
    faults.length = 0;
    for (const choice of choices.subarray(0, count)) {
      (world.describe(choice).startsWith(FAULT_PREFIX) ? faults : usual).push(choice);
    }
    const due = moments !== null && (usual.length === 0 || (moments[struck] ?? Number.POSITIVE_INFINITY) <= step);
    const strikes = due && faults.length > 0;
    if (strikes) struck++;
    const from = strikes ? faults : usual;
    if (from.length === 0) break;
    take(from[random.below(from.length)] as number);
  }
  return step;
}
