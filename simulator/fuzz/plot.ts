/**
 * Some runs in one world. Those that show something new are remembered, and later runs of the plot begin like them.
 */
import { mix } from '../../protocol/digest.js';
import { Random } from '../random.js';
import type { Coverage } from './coverage.js';
import { Follow } from './follow.js';
import type { OpenWorld } from './open-world.js';
import { Pct } from './pct.js';
import { RandomWalk } from './random-walk.js';
import type { Runner } from './runner.js';
import type { Fuzzable, Scheduler } from './scheduler.js';

export type StrategyName = 'walk' | 'pct' | 'mutate';
export const STRATEGIES: readonly StrategyName[] = ['walk', 'pct', 'mutate'];

/** Runs remembered at a time. */
const POOL_MAX = 16;
/** The depths of bugs that PCT is tried with: most known ones have 1 to 3 (Burckhardt et al., section 5). */
const DEPTH_MAX = 4;

/** A run that showed something new, or the entry of the corpus that the plot is about. */
export interface Remembered {
  readonly choices: Int32Array;
  readonly ids: Int32Array;
  /** New pairs and orderings. */
  readonly slots: readonly number[];
  readonly freshStates: number;
}

export class Plot<W extends Fuzzable> {
  readonly pool: Remembered[] = [];
  readonly #place: OpenWorld<W>;
  readonly #runner: Runner;
  readonly #coverage: Coverage;
  readonly #strategies: readonly StrategyName[];
  readonly #random = new Random(0);
  readonly #walk = new RandomWalk();
  readonly #pct = Array.from({ length: DEPTH_MAX }, (_, depth) => new Pct(depth + 1));
  readonly #follow = new Follow();
  /** Entries of the pool before this one were there in the beginning. */
  #first = 0;
  #replaced = 0;

  constructor(place: OpenWorld<W>, runner: Runner, coverage: Coverage, strategies: readonly StrategyName[]) {
    this.#place = place;
    this.#runner = runner;
    this.#coverage = coverage;
    this.#strategies = strategies;
  }

  /** Begins with an entry of the corpus. */
  remember(choices: Int32Array, ids: Int32Array): void {
    this.pool.push({ choices, ids, slots: [], freshStates: 0 });
    this.#first = this.pool.length;
  }

  /** What has been found here and is still remembered. */
  get found(): readonly Remembered[] {
    return this.pool.slice(this.#first);
  }

  /** One run, of which `runner` has the details. Returns the strategy it took. */
  run(seed: number): StrategyName {
    const random = this.#random;
    random.seed(mix(seed, 0x51ed270b) >>> 0);
    const { world, length, faults, stateSalt, featureSalt } = this.#place;
    const coverage = this.#coverage;
    const base = this.pool.length === 0 ? null : (this.pool[random.index(this.pool.length)] as Remembered);
    const wished = this.#strategies[random.index(this.#strategies.length)] as StrategyName;
    const strategy = wished === 'mutate' && base === null ? 'walk' : wished;
    const mutated = strategy === 'mutate' ? base : null;
    const kept = mutated === null ? 0 : random.index(mutated.choices.length + 1);
    if (mutated !== null) this.#follow.prepare(mutated.ids, mutated.ids.length, kept);

    coverage.begin(stateSalt, featureSalt);
    this.#runner.run(world, {
      scheduler: this.#schedulerOf(strategy, random),
      random,
      length,
      faults,
      coverage,
      prefix: mutated === null ? undefined : { choices: mutated.choices, length: kept },
    });
    if (this.#runner.violations === 0 && coverage.freshStates + coverage.freshFeatures > 0) this.#keep();
    return strategy;
  }

  #schedulerOf(strategy: StrategyName, random: Random): Scheduler {
    if (strategy === 'walk') return this.#walk;
    return strategy === 'mutate' ? this.#follow : (this.#pct[random.index(DEPTH_MAX)] as Pct);
  }

  /** The newest takes the place of the oldest one that showed no new pair or ordering, or of any. */
  #keep(): void {
    const { choices, ids, length } = this.#runner;
    const { slots, freshStates } = this.#coverage;
    const made = { choices: choices.slice(0, length), ids: ids.slice(0, length), slots: [...slots], freshStates };
    if (this.pool.length < POOL_MAX) {
      this.pool.push(made);
      return;
    }
    const own = POOL_MAX - this.#first;
    for (let i = 0; i < own; i++) {
      const at = this.#first + ((this.#replaced + i) % own);
      if ((this.pool[at] as Remembered).slots.length > made.slots.length) continue;
      this.pool[at] = made;
      this.#replaced = at - this.#first + 1;
      return;
    }
  }
}
