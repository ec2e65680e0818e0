/** Every state of a small world, and shortest ways in it. */
import { CHOICES_MAX, type Explorable, type Exploration, explore } from '../../simulator/explore/explore.js';

import type { OracleName } from '../../simulator/world-state.js';

/** Stands in every state that can be reached, once, and calls `visit` there. */
export function visitStates(world: Explorable, visit: () => void): number {
  const { memory } = world;
  const seen = new Set<string>();
  const walk = (): void => {
    const key = `${memory.hashLow} ${memory.hashHigh}`;
    if (seen.has(key)) return;
    seen.add(key);
    visit();
    const mark = memory.journalLength;
    const { hashLow, hashHigh } = memory;
    const choices = new Int32Array(64);
    const count = world.enumerate(choices);
    for (let i = 0; i < count; i++) {
      world.step(choices[i] as number);
      walk();
      memory.undo(mark, hashLow, hashHigh);
    }
  };
  walk();
  return seen.size;
}

/** Whether every state was seen and no oracle failed. */
export function holdsEverywhere(world: Explorable): boolean {
  const { holds, complete } = explore(world, { order: 'dfs' });
  return holds && complete;
}

export interface ShortestFailure {
  readonly exploration: Exploration;
  /** Names of the steps. */
  readonly steps: readonly string[];
  /** What went wrong at their end. */
  readonly why: string | null;
}

/** A shortest schedule to a failure of `oracles`, all when absent. */
export function shortestFailure(
  world: Explorable & { describe(choice: number): string },
  oracles?: readonly OracleName[],
): ShortestFailure {
  const exploration = explore(world, { order: 'bfs', oracles });
  const steps = exploration.choices.map((choice) => {
    const name = world.describe(choice);
    world.step(choice);
    return name;
  });
  let why = world.lastFault;
  if (exploration.oracle === 'no-hang' && world.enumerate(new Int32Array(CHOICES_MAX)) === 0) {
    world.quiescent();
    why = world.lastFault;
  }
  return { exploration, steps, why };
}
