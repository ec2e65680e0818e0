/**
 * Tasks: work that others may interleave with, as a list of named atomic steps (PlusCal's labels).
 *
 * Which step comes next is a word of memory (0 = the task is not running, k = step k - 1 is next), so a copy of a
 * domain's pages is a copy of its tasks too. A step runs whole; between two steps anybody else may run.
 */
import { assert } from '../protocol/assert.js';
import type { MachineMemory } from './machine-memory.js';

/** What a step may return: nothing (the next step follows), the name of the step to go to, or `DONE`. */
// biome-ignore lint/suspicious/noConfusingVoidType: a step that simply ends returns nothing
export type StepResult = string | typeof DONE | void;

export const DONE = 0;

export interface Step<C> {
  /** When given, the step waits until this holds. Must not change anything. */
  when?(context: C): boolean;
  run(context: C): StepResult;
}

export interface TaskDefinition<C> {
  readonly name: string;
  readonly stepNames: readonly string[];
  readonly steps: readonly Step<C>[];
  /** While it runs, no other task of its domain does: it holds a spinlock with interrupts off. */
  readonly exclusive: boolean;
}

type StepTable<C> = { readonly [name: string]: Step<C> | ((context: C) => StepResult) };

/** Declares a task. The steps run in the order in which they are written. */
export function task<C>(name: string, table: StepTable<C>, options: { exclusive?: boolean } = {}): TaskDefinition<C> {
  const stepNames = Object.keys(table);
  assert(stepNames.length > 0, `task ${name}: expected at least one step`);
  const steps = Object.values(table).map((entry): Step<C> => (typeof entry === 'function' ? { run: entry } : entry));
  return { name, stepNames, steps, exclusive: options.exclusive ?? false };
}

/** One task of one agent: a definition, the object its steps work on, and the word that says where it is. */
export class Task<C = never> {
  readonly definition: TaskDefinition<C>;
  readonly #memory: MachineMemory;
  readonly #context: C;
  readonly #word: number;
  readonly #indexOf: { readonly [name: string]: number };

  /** `address` is that of the word of memory that holds the position; `context` is passed to each step. */
  constructor(memory: MachineMemory, definition: TaskDefinition<C>, context: C, address: number) {
    assert(address % 4 === 0, `task ${definition.name}: its position lies at ${address}, expected a multiple of 4`);
    this.#memory = memory;
    this.definition = definition;
    this.#context = context;
    this.#word = address >>> 2;
    this.#indexOf = Object.assign(
      Object.create(null),
      Object.fromEntries(definition.stepNames.map((name, index) => [name, index])),
    );
  }

  get address(): number {
    return this.#word << 2;
  }

  get running(): boolean {
    return this.#memory.word(this.#word) !== 0;
  }

  /** Begins with the first step, or the one named. A task that runs already begins anew. */
  start(step?: string): void {
    this.#memory.write32(this.#word << 2, step === undefined ? 1 : this.#find(step) + 1);
  }

  /** Ends the task wherever it is. */
  stop(): void {
    this.#memory.write32(this.#word << 2, 0);
  }

  /** Whether it runs and its next step need not wait. */
  ready(): boolean {
    const position = this.#memory.word(this.#word);
    if (position === 0) return false;
    const step = this.definition.steps[position - 1] as Step<C>;
    return step.when === undefined || step.when(this.#context);
  }

  /** Whether `step` comes next. */
  at(step: string): boolean {
    return this.#memory.word(this.#word) === this.#find(step) + 1;
  }

  /** Name of the step that comes next. */
  get next(): string {
    const position = this.#memory.word(this.#word);
    return this.definition.stepNames[position - 1] ?? 'idle';
  }

  /** Runs the next step. */
  step(): void {
    const position = this.#memory.word(this.#word);
    assert(position > 0, `task ${this.definition.name}: it does not run`);
    const result = (this.definition.steps[position - 1] as Step<C>).run(this.#context);
    // A step may have stopped or restarted its own task; then that stands.
    if (this.#memory.word(this.#word) !== position) return;
    let next = position + 1 > this.definition.steps.length ? 0 : position + 1;
    if (result === DONE) next = 0;
    else if (result !== undefined) next = this.#find(result) + 1;
    this.#memory.write32(this.#word << 2, next);
  }

  #find(step: string): number {
    const index = this.#indexOf[step];
    assert(index !== undefined, `task ${this.definition.name}: there is no step ${step}`);
    return index;
  }
}
