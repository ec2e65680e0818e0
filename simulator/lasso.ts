/**
 * Whether a schedule that somebody has taken ends in a hang that goes on for ever: its last steps lead back to where they
 * began, and going round them again and again is fair (see `explore/fair-cycles.ts`).
 *
 * No step that is only unlucky gives an alarm: whoever could act in every state of the way round has acted in it.
 */
import { CHOICES_MAX, type Explorable } from './explore/search.js';

/**
 * Steps of the shortest such way round at the end of `choices`, or 0. `choices` lead from the beginning of the world's
 * journal, where the world stands, and does so again afterwards.
 */
export function fairCycleAtEnd(world: Explorable, choices: ArrayLike<number>): number {
  const { memory } = world;
  const lows = new Int32Array(choices.length + 1);
  const highs = new Int32Array(choices.length + 1);
  const marks = new Int32Array(choices.length + 1);
  for (let step = 0; ; step++) {
    lows[step] = memory.hashLow;
    highs[step] = memory.hashHigh;
    marks[step] = memory.journalLength;
    if (step === choices.length) break;
    world.step(choices[step] as number);
  }
  const end = choices.length;
  const starts: number[] = [];
  for (let start = 0; start < end; start++)
    if (lows[start] === lows[end] && highs[start] === highs[end]) starts.push(start);
  const fair = (start: number): boolean => {
    memory.undo(marks[start] as number, lows[start] as number, highs[start] as number);
    return isFair(world, choices, start);
  };
  // A way round that holds a fair one is fair, so those that begin early enough are.
  let least = 0;
  let past = starts.length;
  while (least < past) {
    const middle = (least + past) >> 1;
    if (fair(starts[middle] as number)) least = middle + 1;
    else past = middle;
  }
  memory.undo(0, 0, 0);
  return least === 0 ? 0 : end - (starts[least - 1] as number);
}

/** Takes the steps from `start` on, and looks who could act all the while and has not. */
function isFair(world: Explorable, choices: ArrayLike<number>, start: number): boolean {
  const kept = offered(world);
  for (let step = start; step < choices.length; step++) {
    kept.delete(choices[step] as number);
    world.step(choices[step] as number);
    const here = offered(world);
    for (const choice of kept) if (!here.has(choice)) kept.delete(choice);
  }
  return kept.size === 0;
}

/** All that can act in the present state, but faults. */
function offered(world: Explorable): Set<number> {
  const { reducing } = world;
  const choices = new Int32Array(CHOICES_MAX);
  world.reducing = false;
  const count = world.enumerate(choices);
  world.reducing = reducing;
  return new Set(choices.subarray(0, count).filter((choice) => !world.isFault(choice)));
}
