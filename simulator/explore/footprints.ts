/**
 * Which words the steps of a world load and store, learned while they run: the dependency relation of the reductions.
 *
 * A *step* here is what a program counter tells apart: an actor and the position of its task. Its footprint is the union
 * of what it has touched whenever it ran, and of what its condition has looked at whenever it was asked. A store that
 * changes nothing is a load. Two steps *conflict* when one stores to what the other loads or stores. A load or store that
 * is known costs one look into a bit table.
 */
import type { AccessObserver, JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { ALL_AGENTS } from '../../hypervisor/journaled-memory.js';
import type { GuardWatch, StepSpace } from './step-space.js';

/** Most steps that are told apart; a world with more is explored without reduction. */
export const STEPS_MAX = 512;
/** Words of a set of steps. */
export const ROW = STEPS_MAX / 32;
const POSITIONS = 64;

export class Footprints implements AccessObserver, GuardWatch {
  /** Steps that conflict with each step, `ROW` words each. */
  readonly conflicts = new Int32Array(STEPS_MAX * ROW);
  /** Steps that store to what the condition of each step looks at: only they can let it hold where it does not. */
  readonly enabling = new Int32Array(STEPS_MAX * ROW);
  /** Steps that bring the task of each step to it. */
  readonly leading = new Int32Array(STEPS_MAX * ROW);
  /** Grows when any of the three sets does. */
  version = 0;
  /** The world has more steps than are told apart. */
  overflow = false;
  readonly slotOf = new Int16Array(STEPS_MAX);
  readonly positionOf = new Uint8Array(STEPS_MAX);
  /** Actors whose condition was asked for in the state that was enumerated last. */
  readonly asked: Uint8Array;
  steps = 0;
  readonly #memory: JournaledMemory;
  readonly #space: StepSpace;
  /** The observer that was there before; it goes on hearing everything. */
  readonly #inner: AccessObserver | null;
  readonly #stepOf: Int16Array;
  /** For each word of memory, the actor whose position it holds, plus one. */
  readonly #positionActor: Int16Array;
  /** For each word and cell, its place in the tables below, or 0. */
  readonly #places: Int32Array;
  readonly #cells: number;
  #placeCount = 1;
  #readers = new Int32Array(ROW << 8);
  #writers = new Int32Array(ROW << 8);
  #guards = new Int32Array(ROW << 8);
  #current = -1;
  #guarding = false;

  constructor(memory: JournaledMemory, space: StepSpace) {
    this.#memory = memory;
    this.#space = space;
    this.#inner = memory.observer;
    const slots = space.actorCount * 2 + space.groupCount;
    this.#stepOf = new Int16Array(slots * POSITIONS).fill(-1);
    this.asked = new Uint8Array(space.actorCount);
    this.#cells = memory.words.length;
    this.#places = new Int32Array(this.#cells + 64);
    this.#positionActor = new Int16Array(this.#cells);
    for (let actor = 0; actor < space.actorCount; actor++) {
      const word = space.positionWord(actor);
      if (word >= 0) this.#positionActor[word] = actor + 1;
    }
  }

  /** Begins to listen. */
  attach(): void {
    this.#memory.observer = this;
    this.#space.watch = this;
    this.#current = -1;
  }

  /** The world is as before. */
  detach(): void {
    this.#memory.observer = this.#inner;
    this.#space.watch = null;
  }

  /** A state is about to be enumerated. */
  beginState(): void {
    this.asked.fill(0);
    this.#current = -1;
  }

  /** Step `step` is about to run. */
  beginStep(step: number): void {
    this.#current = step;
    this.#guarding = false;
  }

  /** What is loaded from here on is nobody's. */
  end(): void {
    this.#current = -1;
  }

  group(group: number): void {
    this.#current = this.groupStep(group);
    this.#guarding = true;
  }

  guard(actor: number): void {
    this.asked[actor] = 1;
    this.#current = this.step(actor);
    this.#guarding = true;
  }

  kill(actor: number): void {
    this.#current = this.killStep(actor);
    this.#guarding = true;
  }

  /** The step at which the actor stands. */
  step(actor: number): number {
    return this.#find(actor, this.#position(actor));
  }

  killStep(actor: number): number {
    return this.#find(this.#space.actorCount + this.#space.groupCount + actor, this.#position(actor));
  }

  /** The step that a choice of the present state takes, or kills inside. */
  stepOfChoice(choice: number): number {
    const actor = this.#space.actorOf(choice);
    return this.#space.isKill(choice) ? this.killStep(actor) : this.step(actor);
  }

  /** The kill inside a step of a task. */
  killStepAt(actor: number, step: number): number {
    return this.#find(this.#space.actorCount + this.#space.groupCount + actor, this.positionOf[step] as number);
  }

  /** Whose step it is, or that it is killed in; -1 for what stands for a group. */
  actorOf(step: number): number {
    const { actorCount: actors, groupCount: groups } = this.#space;
    const slot = this.slotOf[step] as number;
    if (slot < actors) return slot;
    return slot < actors + groups ? -1 : slot - actors - groups;
  }

  isKill(step: number): boolean {
    return (this.slotOf[step] as number) >= this.#space.actorCount + this.#space.groupCount;
  }

  /** The step that a kill is inside of. */
  taskStepOf(kill: number): number {
    return this.#find(this.actorOf(kill), this.positionOf[kill] as number);
  }

  /** Stands for the condition that a whole group shares. */
  groupStep(group: number): number {
    return this.#find(this.#space.actorCount + group, 0);
  }

  groupStepOf(actor: number): number {
    return this.groupStep(this.#space.groupOf(actor));
  }

  load(address: number, size: number): void {
    if (this.#inner !== null) this.#inner.load(address, size);
    if (this.#current < 0) return;
    if (this.#memory.current !== ALL_AGENTS) this.#note(address >>> 12);
    this.#note(address >>> 2);
  }

  looked(cell: number): void {
    if (this.#current >= 0) this.#note(this.#cells + cell);
  }

  store(address: number, size: number): void {
    if (this.#inner !== null) this.#inner.store(address, size);
  }

  stored(word: number, value: number, changed: boolean): void {
    this.#inner?.stored?.(word, value, changed);
    if (this.#current < 0) return;
    const place = word >= 0 ? word : this.#cells - 1 - word;
    if (word >= 0 && this.#memory.current !== ALL_AGENTS) this.#note(word >>> 10);
    if (!changed || this.#guarding) {
      this.#note(place);
      return;
    }
    const at = (this.#places[place] as number) * ROW + (this.#current >>> 5);
    if (at < ROW || ((this.#writers[at] as number) & (1 << (this.#current & 31))) === 0)
      this.#learnWrite(this.#placeOf(place), this.#current);
    if (word >= 0 && (this.#positionActor[word] as number) !== 0 && value !== 0) this.#lead(word, value);
  }

  #note(word: number): void {
    const at = (this.#places[word] as number) * ROW + (this.#current >>> 5);
    const table = this.#guarding ? this.#guards : this.#readers;
    if (at >= ROW && ((table[at] as number) & (1 << (this.#current & 31))) !== 0) return;
    this.#learnRead(this.#placeOf(word), this.#current, this.#guarding);
  }

  #lead(word: number, value: number): void {
    const actor = (this.#positionActor[word] as number) - 1;
    const step = this.#find(actor, value);
    if (add(this.leading, step, this.#current)) this.version++;
  }

  #position(actor: number): number {
    const word = this.#space.positionWord(actor);
    return word < 0 ? 0 : (this.#memory.words[word] as number);
  }

  #find(slot: number, position: number): number {
    // A position that no task has comes from memory that a driver has spoilt; it is no step.
    const at = slot * POSITIONS + (position & (POSITIONS - 1));
    const known = this.#stepOf[at] as number;
    if (known >= 0) return known;
    if (this.steps === STEPS_MAX) {
      this.overflow = true;
      return STEPS_MAX - 1;
    }
    const step = this.steps++;
    this.#stepOf[at] = step;
    this.slotOf[step] = slot;
    this.positionOf[step] = position;
    this.#inherit(step);
    this.#standsAt(step);
    this.version++;
    return step;
  }

  /** Whether a step's condition is asked at all depends on where its task stands, also before it ever was. */
  #standsAt(step: number): void {
    const actor = this.actorOf(step);
    const word = actor < 0 ? -1 : this.#space.positionWord(actor);
    if (word >= 0) this.#learnRead(this.#placeOf(word), step, true);
  }

  /** What the condition of a group looks at, that of each of its actors does. */
  #inherit(step: number): void {
    const { actorCount: actors } = this.#space;
    const actor = this.actorOf(step);
    const group = actor < 0 ? -1 : this.#space.groupOf(actor);
    if (group < 0) return;
    const known = this.#stepOf[(actors + group) * POSITIONS] as number;
    if (known < 0) return;
    for (let place = 1; place < this.#placeCount; place++)
      if (has(this.#guards, place, known)) this.#learnRead(place, step, true);
  }

  #learnRead(place: number, step: number, guarding: boolean): void {
    const { time } = this.#space;
    // Time passes where nobody urgent can act, so what lets anybody act is looked at for time as well.
    if (guarding && time >= 0 && this.slotOf[step] !== time) this.#learnRead(place, this.#find(time, 0), true);
    if (guarding) {
      add(this.#guards, place, step);
      if (unite(this.enabling, step, this.#writers, place)) this.version++;
    }
    if (this.actorOf(step) < 0) {
      const group = (this.slotOf[step] as number) - this.#space.actorCount;
      for (let member = 0; member < this.steps; member++) {
        const actor = this.actorOf(member);
        if (actor >= 0 && this.#space.groupOf(actor) === group) this.#learnRead(place, member, true);
      }
      return;
    }
    if (!add(this.#readers, place, step)) return;
    this.#conflict(step, this.#writers, place);
  }

  #learnWrite(place: number, step: number): void {
    if (!add(this.#writers, place, step)) return;
    this.#conflict(step, this.#readers, place);
    this.#conflict(step, this.#writers, place);
    for (let other = 0; other < this.steps; other++)
      if (has(this.#guards, place, other) && add(this.enabling, other, step)) this.version++;
  }

  #conflict(step: number, table: Int32Array, place: number): void {
    for (let other = 0; other < this.steps; other++) {
      if (other === step || !has(table, place, other)) continue;
      if (!add(this.conflicts, step, other)) continue;
      add(this.conflicts, other, step);
      this.version++;
    }
  }

  #placeOf(word: number): number {
    const known = this.#places[word] as number;
    if (known !== 0) return known;
    const place = this.#placeCount++;
    if (place * ROW === this.#readers.length) {
      this.#readers = doubled(this.#readers);
      this.#writers = doubled(this.#writers);
      this.#guards = doubled(this.#guards);
    }
    this.#places[word] = place;
    return place;
  }
}

/** Whether `step` is in row `row`. */
export function has(table: Int32Array, row: number, step: number): boolean {
  return ((table[row * ROW + (step >>> 5)] as number) & (1 << (step & 31))) !== 0;
}

function add(table: Int32Array, row: number, step: number): boolean {
  const at = row * ROW + (step >>> 5);
  const bit = 1 << (step & 31);
  if (((table[at] as number) & bit) !== 0) return false;
  table[at] = (table[at] as number) | bit;
  return true;
}

export function unite(to: Int32Array, row: number, from: Int32Array, fromRow: number): boolean {
  let grown = false;
  for (let i = 0; i < ROW; i++) {
    const old = to[row * ROW + i] as number;
    const now = old | (from[fromRow * ROW + i] as number);
    if (now === old) continue;
    to[row * ROW + i] = now;
    grown = true;
  }
  return grown;
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
