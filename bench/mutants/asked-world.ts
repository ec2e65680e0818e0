/** A question's world as the explorer and the fuzzer see it: only the oracles that count, and only the first to fail. */
import type { Question } from '../../scenarios/mutants/questions.js';
import type { Fuzzable } from '../../simulator/fuzz/scheduler.js';
import { stepHash } from '../../simulator/token.js';
import { ORACLE_NAMES, oracleBit } from '../../simulator/world-state.js';

type NamedWorld = ReturnType<Question['world']>;

/** Where a kill inside a step lies among the choices of the worlds that have them. */
const KILL_BASE = 1 << 12;
const STORES_MAX = 1 << 11;

export class AskedWorld implements Fuzzable {
  readonly memory;
  readonly actorCount: number;
  readonly #world: NamedWorld;
  readonly #mask: number;
  readonly #first: boolean;
  readonly #excused: Question['excused'] | null;

  constructor(
    world: NamedWorld,
    { oracles = ORACLE_NAMES, first = false, excused }: Pick<Question, 'oracles' | 'first' | 'excused'>,
  ) {
    this.memory = world.memory;
    this.#world = world;
    this.#mask = oracles.reduce((bits, oracle) => bits | oracleBit(oracle), 0);
    this.#first = first;
    this.#excused = excused ?? null;
    this.actorCount = isFuzzable(world) ? world.actorCount : KILL_BASE;
  }

  get violations(): number {
    const { violations } = this.#world;
    if (violations === 0 || (this.#first && (violations & ~this.#mask) !== 0)) return 0;
    if (this.#excused?.(this.#world) === true) return 0;
    return violations & this.#mask;
  }
  get lastFault(): string | null {
    return this.#world.lastFault;
  }
  get atRest(): boolean {
    return this.#world.atRest && !this.#over;
  }
  get reducing(): boolean {
    return this.#world.reducing;
  }
  set reducing(reducing: boolean) {
    this.#world.reducing = reducing;
  }
  enumerate(choices: Int32Array, first = 0): number {
    return this.#over ? 0 : this.#world.enumerate(choices, first);
  }
  step(choice: number): void {
    this.#world.step(choice);
  }
  isFault(choice: number): boolean {
    return this.#world.isFault(choice);
  }
  quiescent(): void {
    this.#world.quiescent();
  }
  describe(choice: number): string {
    return this.#world.describe(choice);
  }
  actorOf(choice: number): number {
    const world = this.#world;
    if (isFuzzable(world)) return world.actorOf(choice);
    return choice < KILL_BASE ? choice : Math.floor((choice - KILL_BASE) / STORES_MAX);
  }
  stepId(choice: number): number {
    const world = this.#world;
    if (isFuzzable(world)) return world.stepId(choice);
    return (this.actorOf(choice) << 6) | (stepHash(world.describe(choice), 4) & 63) | 1;
  }

  /** Another oracle has failed, and what comes after it does not count. */
  get #over(): boolean {
    return this.#first && this.#world.violations !== 0;
  }
}

function isFuzzable(world: NamedWorld): world is NamedWorld & Fuzzable {
  return 'stepId' in world && 'actorOf' in world;
}
