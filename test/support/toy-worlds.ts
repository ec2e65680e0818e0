/**
 * Small worlds whose bugs can be counted on paper: threads that only count, and a lock with a combination.
 */
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import type { Fuzzable } from '../../simulator/fuzz/scheduler.js';
import { oracleBit } from '../../simulator/world-state.js';

const PAGE_WORDS = 1024;

abstract class ToyWorld implements Fuzzable {
  readonly memory = new JournaledMemory(2);
  readonly lastFault = null;
  readonly actorCount: number;
  atRest = false;
  reducing = false;

  constructor(actorCount: number) {
    this.actorCount = actorCount;
    this.memory.reset();
  }

  abstract enumerate(choices: Int32Array, first?: number): number;
  abstract step(choice: number): void;

  get violations(): number {
    return this.get(0);
  }
  actorOf(choice: number): number {
    return choice;
  }
  stepId(choice: number): number {
    return (choice << 6) | 1;
  }
  describe(choice: number): string {
    return `actor${choice}`;
  }
  isFault(_choice: number): boolean {
    return false;
  }
  quiescent(): void {}

  protected get(word: number): number {
    return this.memory.words[PAGE_WORDS + word] as number;
  }
  protected set(word: number, value: number): void {
    this.memory.write32((PAGE_WORDS + word) * 4, value);
  }
  protected fail(): void {
    this.set(0, oracleBit('no-hang'));
  }
}

/**
 * `threads` threads of `steps` steps each. It fails when `events` happen in this order: an event is the step, from 0, of
 * a thread, and happens too early when the one before it has not happened yet; then this run does not fail.
 */
export class OrderedThreads extends ToyWorld {
  readonly #steps: number;
  readonly #events: readonly (readonly [thread: number, step: number])[];

  constructor(threads: number, steps: number, events: readonly (readonly [number, number])[]) {
    super(threads);
    this.#steps = steps;
    this.#events = events;
  }

  enumerate(choices: Int32Array, first = 0): number {
    let end = first;
    for (let thread = 0; thread < this.actorCount; thread++)
      if (this.get(2 + thread) < this.#steps) choices[end++] = thread;
    this.atRest = end === first;
    return end - first;
  }

  /** Word 1 says how many of the events have happened in their order, or -1 when one came too early. */
  step(choice: number): void {
    const position = this.get(2 + choice);
    this.set(2 + choice, position + 1);
    const event = this.#events.findIndex(([thread, step]) => thread === choice && step === position);
    if (event < 0) return;
    this.set(1, this.get(1) === event ? event + 1 : -1);
    if (this.get(1) === this.#events.length) this.fail();
  }
}

/**
 * A combination lock: the right one of `wheels` actors brings it one place on, a wrong one locks it for the rest of the
 * run. It fails when it is open, after as many places as the combination is long.
 */
export class CombinationLock extends ToyWorld {
  readonly #combination: readonly number[];

  constructor(wheels: number, combination: readonly number[]) {
    super(wheels);
    this.#combination = combination;
  }

  enumerate(choices: Int32Array, first = 0): number {
    const turned = this.get(1);
    this.atRest = turned === this.#combination.length;
    if (this.atRest) return 0;
    for (let wheel = 0; wheel < this.actorCount; wheel++) choices[first + wheel] = wheel;
    return this.actorCount;
  }

  /** Word 1 counts the turns, word 2 the right ones from the beginning on. */
  step(choice: number): void {
    const turned = this.get(1);
    const right = this.get(2);
    this.set(1, turned + 1);
    if (right === turned && choice === this.#combination[turned]) this.set(2, right + 1);
    if (this.get(2) === this.#combination.length) this.fail();
  }
}

/** A thread that counts, and remembers outside its memory how often it has run: what the self-check must find. */
export class ForgetfulWorld extends OrderedThreads {
  #outside = 0;

  override step(choice: number): void {
    super.step(choice);
    this.#outside++;
    this.set(40, this.#outside % 7);
  }
}
