/**
 * Strategy `replay`: takes the choices of a recorded schedule, by name or by hash of the name, and says exactly where
 * the world first no longer offers what was recorded.
 */
import { QuiesceError } from '../protocol/errors.js';
import { cycleFault } from './explore/fair-cycles.js';
import { CHOICES_MAX, type Explorable } from './explore/search.js';
import { fairCycleAtEnd } from './lasso.js';
import { type HashBytes, stepHash, type Token } from './token.js';
import type { OracleName } from './world-state.js';

/** A world whose choices have names: `World`, and smaller ones. */
export interface Replayable extends Explorable {
  /** The first oracle that has failed, if one has. */
  readonly failed: OracleName | undefined;
  /** Name of a choice of the present state. */
  describe(choice: number): string;
}

export interface Divergence {
  /** Which step, from 1. */
  readonly step: number;
  /** Its name; for a token `the step with hash 1f2e`. */
  readonly wanted: string;
  /** Names of the choices there are; none when the world is quiescent. */
  readonly possible: readonly string[];
}

export interface Replay {
  /** No oracle failed and every step was possible. */
  readonly holds: boolean;
  readonly oracle: OracleName | null;
  /** What the machine reported, when a driver threw or touched memory it may not. */
  readonly fault: string | null;
  /** Names of the steps taken. It ends at the first failure of an oracle, though more steps may be recorded. */
  readonly steps: readonly string[];
  /** Nothing more could happen after the last step, and the end was judged. */
  readonly quiescent: boolean;
  readonly diverged: Divergence | null;
}

/** What is wanted at each step. */
export interface RecordedSteps {
  readonly count: number;
  matches(step: number, name: string): boolean;
  describe(step: number): string;
}

export function stepsByName(names: readonly string[]): RecordedSteps {
  return {
    count: names.length,
    matches: (step, name) => names[step] === name,
    describe: (step) => names[step] as string,
  };
}

export function stepsOfToken({ hashes, hashBytes }: Pick<Token, 'hashes' | 'hashBytes'>): RecordedSteps {
  return {
    count: hashes.length,
    matches: (step, name) => hashes[step] === stepHash(name, hashBytes),
    describe: (step) => `the step with hash ${(hashes[step] as number).toString(16).padStart(hashBytes * 2, '0')}`,
  };
}

/**
 * Replays `recorded` from the present state of `world`, which is left where the replay ends. `take` takes a choice;
 * by default it is a step of the world. Throws `BAD_SCHEDULE` when a hash stands for two of the choices there are.
 */
export function replay(
  world: Replayable,
  recorded: RecordedSteps,
  take: (choice: number) => void = (choice) => world.step(choice),
): Replay {
  const choices = new Int32Array(CHOICES_MAX);
  const steps: string[] = [];
  const taken: number[] = [];
  const seen = new Set<string>();
  const begun = world.memory.journalLength === 0;
  let count = world.enumerate(choices);
  const result = (more: Partial<Replay>): Replay => {
    const oracle = world.failed ?? null;
    return { holds: oracle === null, oracle, fault: null, steps, quiescent: false, diverged: null, ...more };
  };

  for (let step = 0; step < recorded.count; step++) {
    let names = namesOf(world, choices, count);
    let found = names.findIndex((name) => recorded.matches(step, name));
    if (found < 0) {
      // It may have been found by a search that leaves nothing out.
      count = enumerateAll(world, choices);
      names = namesOf(world, choices, count);
      found = names.findIndex((name) => recorded.matches(step, name));
    }
    if (found < 0) {
      return result({ holds: false, diverged: { step: step + 1, wanted: recorded.describe(step), possible: names } });
    }
    const name = names[found] as string;
    if (names.some((other) => other !== name && recorded.matches(step, other))) {
      throw new QuiesceError(
        'BAD_SCHEDULE',
        `step ${step + 1}: expected a hash of one choice, found one of several (${recorded.describe(step)})`,
      );
    }
    taken.push(choices[found] as number);
    seen.add(`${world.memory.hashLow} ${world.memory.hashHigh}`);
    take(choices[found] as number);
    steps.push(name);
    if (world.failed !== undefined) return result({ fault: world.lastFault });
    count = world.enumerate(choices);
  }
  const { atRest } = world;
  if (atRest) world.quiescent();
  const goesRound = begun && seen.has(`${world.memory.hashLow} ${world.memory.hashHigh}`);
  const round = goesRound ? roundOf(world, taken) : 0;
  if (round > 0) return result({ holds: false, oracle: 'no-hang', fault: cycleFault(round) });
  return result({ quiescent: atRest });
}

/** Steps of the fair way round at the end of `taken`, or 0; the world stands where it stood. */
function roundOf(world: Replayable, taken: readonly number[]): number {
  world.memory.undo(0, 0, 0);
  const steps = fairCycleAtEnd(world, taken);
  for (const choice of taken) world.step(choice);
  return steps;
}

function namesOf(world: Replayable, choices: Int32Array, count: number): string[] {
  return Array.from(choices.subarray(0, count), (choice) => world.describe(choice));
}

/** All choices, also where the world itself would take some first. */
function enumerateAll(world: Replayable, choices: Int32Array): number {
  const { reducing } = world;
  world.reducing = false;
  const count = world.enumerate(choices);
  world.reducing = reducing;
  return count;
}

/** The names of a list of choices, and how wide hashes must be to tell them from all others there are on the way. */
export function nameChoices(
  world: Replayable,
  choices: readonly number[],
): { steps: readonly string[]; hashBytes: HashBytes } {
  const { memory } = world;
  const mark = memory.journalLength;
  const { hashLow, hashHigh } = memory;
  const possible = new Int32Array(CHOICES_MAX);
  const steps: string[] = [];
  let hashBytes: HashBytes = 2;
  for (const choice of choices) {
    const name = world.describe(choice);
    let others = possible.subarray(0, world.enumerate(possible));
    if (!others.includes(choice)) others = possible.subarray(0, enumerateAll(world, possible));
    const hash = stepHash(name, 2);
    for (const other of others) {
      const otherName = world.describe(other);
      if (otherName !== name && stepHash(otherName, 2) === hash) hashBytes = 4;
    }
    steps.push(name);
    world.step(choice);
  }
  memory.undo(mark, hashLow, hashHigh);
  return { steps, hashBytes };
}
