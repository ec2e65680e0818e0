/**
 * Worlds by name, built once and used for many runs: building one costs as much as some hundred steps.
 */
import type { Pairing } from '../pairing.js';
import { Random } from '../random.js';
import type { WorldNames } from '../schedule.js';
import { stepHash } from '../token.js';
import { worldOf } from '../verdict.js';
import type { World } from '../world.js';
import { strikesOf } from '../world-options.js';
import { RandomWalk } from './random-walk.js';
import { Runner } from './runner.js';
import type { Fuzzable } from './scheduler.js';

/** The things that names name. Throws `UNKNOWN_NAME` where there is none. */
export type Resolve = (names: WorldNames) => Pairing;

export interface OpenWorld<W extends Fuzzable = World> {
  readonly names: WorldNames;
  readonly world: W;
  /** Steps of one run in which no fault strikes; at least 1. */
  readonly length: number;
  /** How many faults can strike in a run. */
  readonly faults: number;
  /** Tells the states of this world from those of others. */
  readonly stateSalt: number;
  /** Tells the steps of this pair of drivers in this scenario from those of others. */
  readonly featureSalt: number;
}

const WORLDS_MAX = 48;

export class WorldShelf {
  readonly #resolve: Resolve;
  /** In the order of their last use. */
  readonly #worlds = new Map<string, OpenWorld>();

  constructor(resolve: Resolve) {
    this.#resolve = resolve;
  }

  /** Throws what `resolve` throws, and `USAGE` when the two ends speak different rings. */
  open(names: WorldNames): OpenWorld {
    const { scenario, tpmfront, tpmback, session, commands, grain, daemon } = names;
    const key = [scenario, tpmfront, tpmback, session, commands, grain, daemon].join('\n');
    const found = this.#worlds.get(key) ?? this.#build(names, key);
    this.#worlds.delete(key);
    this.#worlds.set(key, found);
    const [oldest] = this.#worlds.keys();
    if (this.#worlds.size > WORLDS_MAX && oldest !== undefined) this.#worlds.delete(oldest);
    return found;
  }

  #build(names: WorldNames, key: string): OpenWorld {
    const pairing = this.#resolve(names);
    const world = worldOf(pairing, names);
    const faults = strikesOf(pairing.scenario.faults);
    const featureSalt = stepHash([names.scenario, names.tpmfront, names.tpmback].join('\n'), 4) | 0;
    return { names, world, length: usualLength(world), faults, stateSalt: stepHash(key, 4) | 0, featureSalt };
  }
}

/** Steps of a run in which every fault that need not strike does not. */
export function usualLength(world: Fuzzable): number {
  const runner = new Runner();
  const walk = new RandomWalk();
  const calm = {
    begin: (...[place, random, length]: Parameters<RandomWalk['begin']>) => walk.begin(place, random, length, 0),
    pick: (...[offer]: Parameters<RandomWalk['pick']>) => walk.pick(offer),
  };
  // One fault, so that the runner tells faults from the rest; the walk knows of none.
  runner.run(world, { scheduler: calm, random: new Random(1), length: 1, faults: 1, coverage: null });
  return Math.max(runner.length, 1);
}
