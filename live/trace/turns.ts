/**
 * Whose turn it is, where a live run is driven: the steps that are to be taken, in their order, and the number of the next
 * one in a word that all parts share. A part takes a step when it is that step's turn, and then it is the next one's. A step
 * of a guest or a backend that has no turn is held until the last turn was taken: to lead one step, all before it are named.
 * Before the first turn and after the last, every part is free.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { StepWatch } from '../scheduler.js';
import type { TraceClock } from './clock.js';
import type { ObservedMemory } from './observed-memory.js';

export const TURNS_FILE = 'turns.json';
const LOOK_MILLISECONDS = 1;

/** A death inside a step: its turn is that step's. */
const DEATH = /^fault\/kill (\S+) in (.+) after (?:store ([0-9]+)|call (\S+))$/;
/** The turn of whoever kills the toolstack. */
export const TOOLSTACK_DEATH = 'fault/kill toolstack';
/** What is there by the way of a start, and no step of the simulator. */
const FREE = /^(guest\d\/boot|guest\d\.user\/write)$/;

export function writeTurns(directory: string, steps: readonly string[]): void {
  writeFileSync(`${directory}/${TURNS_FILE}`, JSON.stringify(steps), { mode: 0o600 });
}

export class Turns {
  readonly steps: readonly string[];
  readonly #clock: TraceClock;

  private constructor(steps: readonly string[], clock: TraceClock) {
    this.steps = steps;
    this.#clock = clock;
  }

  /** Null where nothing is driven. */
  static of(directory: string, clock: TraceClock): Turns | null {
    const file = `${directory}/${TURNS_FILE}`;
    return existsSync(file) ? new Turns(JSON.parse(readFileSync(file, 'utf8')) as string[], clock) : null;
  }

  /** Number of the next step, from 0; -1 while everybody is free. */
  get next(): number {
    return this.#clock.turn - 1;
  }

  get free(): boolean {
    return this.#clock.turn === 0;
  }

  begin(): void {
    this.#clock.turn = this.steps.length === 0 ? 0 : 1;
  }

  /** It is the next one's turn, or everybody is free. */
  pass(): void {
    const { turn } = this.#clock;
    this.#clock.turn = turn >= this.steps.length ? 0 : turn + 1;
  }

  /** From now on everybody is free. */
  open(): void {
    this.#clock.turn = 0;
  }

  /** Whether it is the turn of the step of this name, or of a death in it. */
  isTurn(name: string): boolean {
    const step = this.steps[this.next];
    return step !== undefined && (step === name || DEATH.exec(step)?.[2] === name);
  }

  /** Stores after which whoever takes the next step is to die; null where nobody is. */
  get deathAfter(): number | null {
    const [, , , stores] = DEATH.exec(this.steps[this.next] ?? '') ?? [];
    return stores === undefined ? null : Number(stores);
  }

  /**
   * Whether it is the turn of the death of this part after this hypercall, executed and not told or not written down; or,
   * `promise`, before what it has written into its journal that it will do.
   */
  isDeathAfter(part: string, call: string): boolean {
    const [, who, , , after] = DEATH.exec(this.steps[this.next] ?? '') ?? [];
    return who === part && after === call;
  }

  /** The next of the steps to come that begins like this. */
  coming(prefix: string): string | undefined {
    return this.steps.slice(Math.max(this.next, 0)).find((step) => step.startsWith(prefix));
  }

  /** Before anything else of it the toolstack is to die. */
  get #dooms(): boolean {
    const coming = this.free ? [] : this.steps.slice(this.next);
    return coming.find((step) => step.startsWith('toolstack') || step === TOOLSTACK_DEATH) === TOOLSTACK_DEATH;
  }

  /** Waits for the turn of a moment that is no step, and passes it on; not at all where it has none. */
  waitFor(name: string): void {
    while (!this.free && this.steps.includes(name, this.next) && !this.isTurn(name)) sleep();
    if (this.isTurn(name)) this.pass();
  }

  /** Does something in its turn; where it has none at once, unless it is the toolstack's and that is to be killed before. */
  async take<T>(name: string, work: () => Promise<T> | T): Promise<T> {
    if (!this.steps.includes(name)) {
      while (name.startsWith('toolstack') && this.#dooms) await pause();
      return await work();
    }
    while (!this.free && !this.isTurn(name)) await pause();
    const taken = !this.free;
    const result = await work();
    if (taken) this.pass();
    return result;
  }
}

/** Does something in its turn, where there are turns. */
export async function inTurn<T>(turns: Turns | null, name: string, work: () => Promise<T> | T): Promise<T> {
  return turns === null ? await work() : await turns.take(name, work);
}

export interface GatePlace {
  readonly turns: Turns;
  readonly inner: StepWatch;
  readonly memory: ObservedMemory;
  /** Lets the scheduler look again. */
  readonly kick: () => void;
  /** Whether a step of this name does nothing that the simulator has. */
  readonly idle: (name: string) => boolean;
  /** The part was started before: its start is a step of the simulator. */
  readonly again: boolean;
}

/** Holds the steps of a process until it is their turn. */
export class StepGate implements StepWatch {
  readonly #place: GatePlace;
  #taken = false;
  #looking = false;

  constructor(place: GatePlace) {
    this.#place = place;
  }

  begin(name: string, locked: boolean): boolean {
    const { turns, inner, memory, idle } = this.#place;
    while (!this.#may(name)) {
      if (!locked) {
        this.#lookAgain();
        return false;
      }
      sleep();
    }
    this.#taken = !idle(name) && turns.isTurn(name);
    const stores = this.#taken ? turns.deathAfter : null;
    const begun = inner.begin(name, locked);
    if (stores !== null) {
      // Whoever sees the death lets the next one have its turn.
      this.#taken = false;
      memory.dieAfter(stores);
    }
    return begun;
  }

  end(): void {
    const { turns, inner, memory } = this.#place;
    // Who was to die in this step and has made fewer stores lives on.
    memory.dieAfter(null);
    inner.end();
    if (this.#taken) turns.pass();
    this.#taken = false;
  }

  /** As in the simulator, where time passes when nothing else can happen. */
  timeStands(): boolean {
    return !this.#place.turns.free;
  }

  #may(name: string): boolean {
    const { turns, idle, again } = this.#place;
    if (turns.free || turns.isTurn(name) || FREE.test(name) || idle(name)) return true;
    if (name.endsWith('/start')) return !again;
    // Watch events come in order: one that is not the next to come was repeated by a connection that was made anew.
    const [, watch] = /^(guest\d\.xenwatch\/)/.exec(name) ?? [];
    if (watch === undefined) return false;
    const coming = turns.coming(watch);
    return coming !== undefined && coming !== name;
  }

  #lookAgain(): void {
    if (this.#looking) return;
    this.#looking = true;
    setTimeout(() => {
      this.#looking = false;
      this.#place.kick();
    }, LOOK_MILLISECONDS);
  }
}

const NEVER = new Int32Array(new SharedArrayBuffer(4));

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
}

function sleep(): void {
  Atomics.wait(NEVER, 0, 0, LOOK_MILLISECONDS);
}
