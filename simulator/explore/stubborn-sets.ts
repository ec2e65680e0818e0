/**
 * Which of the choices of a state are enough: strong stubborn sets (A. Valmari, 1990), over the dependencies that have
 * been learned so far.
 *
 * A set of steps is closed when with a step that can act it holds all that conflict with it, and with one that cannot act
 * all that could bring it to act. The choices of a closed set are enough. The soundness argument, and that for learning,
 * is in docs/reduction.md.
 *
 * A decision depends on where the tasks stand and on who can act, and is made once for each such situation. When more is
 * learned, decisions may turn out to have been too small; then `outdated` says that the exploration must be done again.
 */
import { type Footprints, has, ROW, unite } from './footprints.js';
import type { StepSpace } from './step-space.js';

/** What is known of an actor in a situation, below the number of the step at which it stands. */
const CAN_ACT = 1;
const CAN_BE_KILLED = 2;
/** Time may pass, and the end be judged, while it can act. */
const IS_LAZY = 4;
/** Its group has something to offer, so that its own condition was looked at. */
const WAS_ASKED = 8;
const STEP_SHIFT = 4;

const FIRST_SLOTS = 1 << 10;

export class StubbornSets {
  /** A decision that was acted upon is not closed any more. */
  outdated = false;
  readonly #space: StepSpace;
  readonly #footprints: Footprints;
  /** For each decision, what was known of each actor; its closed set; and how much was known of footprints then. */
  #situations: Int32Array;
  #sets = new Int32Array(ROW << 6);
  #versions = new Int32Array(1 << 6);
  /** Decisions by situation, plus one, open addressing. */
  #slots = new Int32Array(FIRST_SLOTS);
  #count = 0;
  readonly #here: Int32Array;
  readonly #done = new Int32Array(ROW);
  readonly #trial = new Int32Array(ROW);
  readonly #best = new Int32Array(ROW);

  constructor(space: StepSpace, footprints: Footprints) {
    this.#space = space;
    this.#footprints = footprints;
    this.#here = new Int32Array(space.actorCount);
    this.#situations = new Int32Array(space.actorCount << 6);
  }

  /** How many situations were told apart. */
  get size(): number {
    return this.#count;
  }

  /** The decision for the state that was just enumerated; its choices are `choices` from `start` to `end` - 1. */
  decide(choices: Int32Array, start: number, end: number): number {
    this.#footprints.end();
    this.#lookAround(choices, start, end);
    const known = this.#find();
    if (known >= 0) {
      if (this.#versions[known] !== this.#footprints.version) this.#renew(known);
      return known;
    }
    this.#search();
    return this.#add();
  }

  /** Whether `step` belongs to the set of a decision. */
  includes(decision: number, step: number): boolean {
    return has(this.#sets, decision, step);
  }

  /** Looks at every decision again, with all that is known now. */
  review(): void {
    const { length } = this.#here;
    for (let decision = 0; decision < this.#count; decision++) {
      if (this.#versions[decision] === this.#footprints.version) continue;
      this.#here.set(this.#situations.subarray(decision * length, (decision + 1) * length));
      this.#renew(decision);
    }
  }

  /** Closes the set of a decision again; when that adds a step that can act, a new one is looked for. */
  #renew(decision: number): void {
    const set = this.#sets.subarray(decision * ROW, (decision + 1) * ROW);
    const before = this.#active(set);
    this.#trial.set(set);
    this.#close(this.#trial);
    this.#versions[decision] = this.#footprints.version;
    if (this.#active(this.#trial) === before) {
      set.set(this.#trial);
      return;
    }
    this.outdated = true;
    this.#search();
    set.set(this.#best);
  }

  #lookAround(choices: Int32Array, start: number, end: number): void {
    const { asked } = this.#footprints;
    for (let actor = 0; actor < this.#here.length; actor++) {
      const lazy = this.#space.isLazy(actor) ? IS_LAZY : 0;
      const step = this.#footprints.step(actor) << STEP_SHIFT;
      this.#here[actor] = step | lazy | (asked[actor] === 1 ? WAS_ASKED : 0);
    }
    for (let i = start; i < end; i++) {
      const choice = choices[i] as number;
      const actor = this.#space.actorOf(choice);
      (this.#here[actor] as number) |= this.#space.isKill(choice) ? CAN_BE_KILLED : CAN_ACT;
    }
  }

  /** Puts into `best`, of the closed sets that grow from one urgent step, one with the fewest that can act. */
  #search(): void {
    let fewest = Number.POSITIVE_INFINITY;
    for (let actor = 0; actor < this.#here.length && fewest > 1; actor++) {
      if (!this.#isUrgent(actor)) continue;
      this.#trial.fill(0);
      addTo(this.#trial, (this.#here[actor] as number) >> STEP_SHIFT);
      this.#close(this.#trial);
      const active = this.#active(this.#trial);
      if (active >= fewest) continue;
      fewest = active;
      this.#best.set(this.#trial);
    }
    // Where time could pass, or this be the end, everything is taken.
    if (fewest === Number.POSITIVE_INFINITY) this.#best.fill(-1);
  }

  #isUrgent(actor: number): boolean {
    return ((this.#here[actor] as number) & (CAN_ACT | IS_LAZY)) === CAN_ACT && actor !== this.#space.time;
  }

  /** How many actors of the set can act, or be killed, in the situation. */
  #active(steps: Int32Array): number {
    let count = 0;
    for (let actor = 0; actor < this.#here.length; actor++) {
      const here = this.#here[actor] as number;
      if ((here & CAN_ACT) !== 0 && has(steps, 0, here >> STEP_SHIFT)) count++;
      if ((here & CAN_BE_KILLED) !== 0 && has(steps, 0, this.#footprints.killStepAt(actor, here >> STEP_SHIFT)))
        count++;
    }
    return count;
  }

  #close(steps: Int32Array): void {
    const done = this.#done.fill(0);
    for (let again = true; again; ) {
      again = false;
      for (let word = 0; word < ROW; word++) {
        for (;;) {
          const left = (steps[word] as number) & ~(done[word] as number);
          if (left === 0) break;
          const bit = 31 - Math.clz32(left);
          (done[word] as number) |= 1 << bit;
          again = true;
          this.#demand(steps, word * 32 + bit);
        }
      }
    }
  }

  /** Adds what a closed set with `step` must hold. */
  #demand(steps: Int32Array, step: number): void {
    const footprints = this.#footprints;
    const { conflicts, enabling, leading } = footprints;
    const actor = footprints.actorOf(step);
    if (actor < 0) return;
    const kill = footprints.isKill(step);
    const here = this.#here[actor] as number;
    const task = here >> STEP_SHIFT;
    if (footprints.positionOf[step] !== footprints.positionOf[task]) {
      unite(steps, 0, leading, kill ? footprints.taskStepOf(step) : step);
    } else if ((here & (kill ? CAN_BE_KILLED : CAN_ACT)) !== 0) {
      unite(steps, 0, conflicts, step);
    } else if (actor === this.#space.time) {
      // It waits for the urgent step that the set grew from, and all that could keep that one from acting is here.
    } else if ((here & WAS_ASKED) === 0) {
      unite(steps, 0, enabling, footprints.groupStepOf(actor));
    } else {
      unite(steps, 0, enabling, task);
      if (kill) unite(steps, 0, enabling, step);
    }
  }

  /** The decision for `here`, or -1. */
  #find(): number {
    const mask = this.#slots.length - 1;
    const { length } = this.#here;
    for (let slot = hashOf(this.#here, 0, length) & mask; ; slot = (slot + 1) & mask) {
      const decision = (this.#slots[slot] as number) - 1;
      if (decision < 0) return -1;
      const at = decision * length;
      let i = 0;
      while (i < length && this.#situations[at + i] === this.#here[i]) i++;
      if (i === length) return decision;
    }
  }

  /** Adds a decision for `here`: the set in `best`. */
  #add(): number {
    const { length } = this.#here;
    const decision = this.#count++;
    if (decision === this.#versions.length) {
      this.#versions = doubled(this.#versions);
      this.#sets = doubled(this.#sets);
      this.#situations = doubled(this.#situations);
    }
    this.#versions[decision] = this.#footprints.version;
    this.#sets.set(this.#best, decision * ROW);
    this.#situations.set(this.#here, decision * length);
    if (this.#count * 2 > this.#slots.length) {
      this.#slots = new Int32Array(this.#slots.length * 2);
      for (let each = 0; each < decision; each++) this.#insert(each);
    }
    this.#insert(decision);
    return decision;
  }

  #insert(decision: number): void {
    const mask = this.#slots.length - 1;
    const { length } = this.#here;
    let slot = hashOf(this.#situations, decision * length, length) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = decision + 1;
  }
}

function hashOf(array: Int32Array, from: number, length: number): number {
  let hash = 0;
  for (let i = from; i < from + length; i++) {
    hash = Math.imul(hash ^ (array[i] as number), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}

function addTo(steps: Int32Array, step: number): void {
  (steps[step >>> 5] as number) |= 1 << (step & 31);
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
