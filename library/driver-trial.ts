/**
 * Tries drivers of one's own before their schedules are explored: are they connected at all, and do the same choices
 * lead to the same states when they are taken a second time? A driver that keeps something in an object or a closure,
 * draws lots or looks at a clock does something else then, and nothing that an exploration says of it would be true.
 *
 * A few random walks, not a proof: what differs only in a corner they do not reach is not found here.
 */
import { CHOICES_MAX } from '../simulator/explore/explore.js';
import type { Pairing } from '../simulator/pairing.js';
import { Random } from '../simulator/random.js';
import { replay, stepsByName } from '../simulator/replay.js';
import type { WorldNames } from '../simulator/schedule.js';
import { type Verdict, worldOf } from '../simulator/verdict.js';
import type { World } from '../simulator/world.js';
import { driverError, thrownText } from './driver-rules.js';

const WALKS = 12;
const STEPS_MAX = 600;

/** What is compared of a step: who could act, who did, and the state it led to. */
interface Taken {
  readonly name: string;
  readonly choice: number;
  /** Digest of the choices there were. */
  readonly possible: string;
  readonly hashLow: number;
  readonly hashHigh: number;
}

/** Throws `BAD_DRIVER` of rule `connects` or `memory`; `file` is the name that messages use. */
export function tryDrivers(pairing: Pairing, names: WorldNames, file: string): void {
  const world = connectedWorld(pairing, names, file);
  const walks = Array.from({ length: WALKS }, (_, seed) => {
    const walk = undoing(world, () => walkAtRandom(world, new Random(seed)));
    undoing(world, () => walkAgain(world, walk, file, 'taken again'));
    return walk;
  });
  // What a driver keeps outside its memory from its making on, or in its module, differs in a world of its own.
  const other = connectedWorld(pairing, names, file);
  for (const walk of walks) undoing(other, () => walkAgain(other, walk, file, 'taken in a second world'));
}

function connectedWorld(pairing: Pairing, names: WorldNames, file: string): World {
  try {
    return worldOf(pairing, names);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('world:')) throw error;
    const why = thrownText(error).replace(/^\w+: world: /, '');
    throw driverError(file, 'connects', `${why}; --scenario connect explores how`);
  }
}

function undoing<T>(world: World, walk: () => T): T {
  const { memory } = world;
  const mark = memory.journalLength;
  const { hashLow, hashHigh } = memory;
  try {
    return walk();
  } finally {
    memory.undo(mark, hashLow, hashHigh);
  }
}

function walkAtRandom(world: World, random: Random): readonly Taken[] {
  const choices = new Int32Array(CHOICES_MAX);
  const walk: Taken[] = [];
  while (walk.length < STEPS_MAX && world.failed === undefined) {
    const count = world.enumerate(choices);
    if (count === 0) break;
    walk.push(take(world, choices.subarray(0, count), choices[random.below(count)] as number));
  }
  return walk;
}

function walkAgain(world: World, walk: readonly Taken[], file: string, how: string): void {
  const choices = new Int32Array(CHOICES_MAX);
  walk.forEach((before, index) => {
    const differs = (what: string): Error =>
      driverError(file, 'memory', `step ${index + 1} of a trial, ${before.name}, ${what} when it was ${how}`);
    const count = world.enumerate(choices);
    if (choices.subarray(0, count).join() !== before.possible) throw differs('stood beside other choices');
    const now = take(world, choices.subarray(0, count), before.choice);
    if (now.name !== before.name || now.hashLow !== before.hashLow || now.hashHigh !== before.hashHigh)
      throw differs('led to another state');
  });
}

function take(world: World, possible: Int32Array, choice: number): Taken {
  const name = world.describe(choice);
  const all = possible.join();
  world.step(choice);
  const { hashLow, hashHigh } = world.memory;
  return { name, choice, possible: all, hashLow, hashHigh };
}

/**
 * Takes the schedule of a verdict once more in a world of its own: where it does not lead to the same failure, the driver
 * keeps something outside its memory that the trial did not show. Throws `BAD_DRIVER` of rule `memory`.
 */
export function confirmFailure(pairing: Pairing, names: WorldNames, verdict: Verdict, file: string): void {
  const { schedule, oracle } = verdict;
  if (oracle === null) return;
  const world = connectedWorld(pairing, names, file);
  const differs = (found: string): Error =>
    driverError(
      file,
      'memory',
      `a schedule of ${schedule.length} steps to a failure of ${oracle}, taken again, ${found}`,
    );
  const takes = [0, 1].map(() =>
    undoing(world, () => {
      const again = replay(world, stepsByName(schedule));
      return { again, end: `${world.memory.hashLow} ${world.memory.hashHigh}` };
    }),
  );
  for (const { again, end } of takes) {
    if (again.diverged !== null) throw differs(`is not possible at step ${again.diverged.step}`);
    // A circle in which nobody gets on is no failure of the state at its end, unless that is one of rest.
    if (again.oracle !== oracle && (oracle !== 'no-hang' || again.quiescent))
      throw differs(`leads to ${again.oracle ?? 'no failure'}`);
    if (end !== takes[0]?.end) throw differs('leads to another state');
  }
}
