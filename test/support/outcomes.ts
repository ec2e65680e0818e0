/** What an exploration comes to see: every end, and every set of oracles that have failed in some state. */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { type Explorable, type Exploration, explore, type Reduction } from '../../simulator/explore/explore.js';
import type { StepSpace } from '../../simulator/explore/step-space.js';

export interface Outcomes {
  /** Hashes of the states in which nothing but a fault could happen, judged. */
  readonly ends: readonly string[];
  /** Bit sets of failed oracles. */
  readonly failures: readonly number[];
  readonly exploration: Exploration;
}

/** Explores everything that is left with `reduction`; failed oracles do not stop it. */
export function outcomesOf(world: Explorable, reduction: Reduction, maxStates?: number): Outcomes {
  const watched = new Watched(world);
  const exploration = explore(watched, { order: 'dfs', oracles: [], reduction, maxStates });
  return {
    ends: [...watched.ends].sort(),
    failures: [...watched.failures].sort((a, b) => a - b),
    exploration,
  };
}

class Watched implements Explorable {
  readonly memory: JournaledMemory;
  readonly ends = new Set<string>();
  readonly failures = new Set<number>();
  readonly #world: Explorable;

  constructor(world: Explorable) {
    this.#world = world;
    this.memory = world.memory;
  }

  get violations(): number {
    return this.#world.violations;
  }
  get lastFault(): string | null {
    return this.#world.lastFault;
  }
  get atRest(): boolean {
    return this.#world.atRest;
  }
  get reducing(): boolean {
    return this.#world.reducing;
  }
  set reducing(reducing: boolean) {
    this.#world.reducing = reducing;
  }
  get steps(): StepSpace | undefined {
    return this.#world.steps;
  }
  enumerate(choices: Int32Array, first?: number): number {
    return this.#world.enumerate(choices, first);
  }
  step(choice: number): void {
    this.#world.step(choice);
    this.failures.add(this.#world.violations);
  }
  isFault(choice: number): boolean {
    return this.#world.isFault(choice);
  }
  quiescent(): void {
    this.#world.quiescent();
    this.failures.add(this.#world.violations);
    this.ends.add(`${this.memory.hashLow} ${this.memory.hashHigh}`);
  }
}
