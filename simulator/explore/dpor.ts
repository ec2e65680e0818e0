/**
 * Dynamic partial-order reduction of a stateful depth-first search: the footprints of the steps are learned while they
 * run, and a state takes only the choices of a stubborn set that do not sleep. When something was learned too late for a
 * decision that was acted upon, the search is done again with what is known by then, until nothing new is learned that
 * matters. Where there is a cycle it is done again without sleep sets.
 *
 * What a search finds is real at once. That there is nothing is said by a search of which every decision still stands.
 */
import { beginDepthFirst, type DepthFirst, type Found, type Selection } from './depth-first.js';
import { Footprints } from './footprints.js';
import type { Explorable, Search } from './search.js';
import { Sleepers } from './sleepers.js';
import type { StepSpace } from './step-space.js';
import { StubbornSets } from './stubborn-sets.js';

/** `sleeping`: with sleep sets, as long as no cycle is seen. */
export function reducedDepthFirst(search: Search, space: StepSpace, sleeping: boolean): Found {
  return new ReducedDepthFirst(search, space, sleeping).run(search.maxStates);
}

/** Such a search, which can be interrupted. */
export class ReducedDepthFirst implements DepthFirst {
  readonly #search: Search;
  readonly #space: StepSpace;
  readonly #footprints: Footprints;
  readonly #sets: StubbornSets;
  #sleepers: Sleepers | null;
  #selection: StubbornSelection | null = null;
  /** The search that was interrupted. */
  #round: DepthFirst | null = null;

  constructor(search: Search, space: StepSpace, sleeping: boolean) {
    this.#search = search;
    this.#space = space;
    this.#footprints = new Footprints(search.world.memory, space);
    this.#sets = new StubbornSets(space, this.#footprints);
    this.#sleepers = sleeping ? new Sleepers(this.#footprints) : null;
  }

  /** States entered since the first path came to its end: on it, little was known of the footprints yet. */
  get judgedStates(): number {
    return this.#selection?.judged ?? 0;
  }

  /** Which part of the choices in these is in the stubborn sets. What sleeps is another matter. */
  get stubbornPart(): number {
    const { enough, offered } = this.#selection ?? { enough: 0, offered: 0 };
    return offered === 0 ? 1 : enough / offered;
  }

  run(maxStates: number): Found {
    this.#footprints.attach();
    try {
      for (;;) {
        const found = (this.#round ?? this.#begin()).run(maxStates);
        if (!found.holds) return found;
        if (this.#sleepers !== null && found.cyclic) this.#sleepers = null;
        else if (!found.complete) return found;
        else {
          this.#sets.review();
          if (!this.#sets.outdated) return found;
        }
        this.#round = null;
      }
    } finally {
      this.#footprints.detach();
    }
  }

  #begin(): DepthFirst {
    const { world } = this.#search;
    this.#sets.outdated = false;
    this.#sleepers?.clear();
    this.#selection = new StubbornSelection(world, this.#space, this.#footprints, this.#sets, this.#sleepers);
    this.#round = beginDepthFirst(this.#search, this.#selection);
    return this.#round;
  }
}

class StubbornSelection implements Selection {
  readonly endsAtCycle: boolean;
  /** States entered since the first path came to its end, their choices, and those of the stubborn sets. */
  judged = 0;
  offered = 0;
  enough = 0;
  readonly #world: Explorable;
  readonly #space: StepSpace;
  readonly #footprints: Footprints;
  readonly #sets: StubbornSets;
  readonly #sleepers: Sleepers | null;
  readonly #rest: number[] = [];
  /** The choice that is under way, and where; -1 for none. */
  #choice = -1;
  #step = -1;
  #depth = 0;
  #deepest = -1;

  constructor(
    world: Explorable,
    space: StepSpace,
    footprints: Footprints,
    sets: StubbornSets,
    sleepers: Sleepers | null,
  ) {
    this.#world = world;
    this.#space = space;
    this.#footprints = footprints;
    this.#sets = sets;
    this.#sleepers = sleepers;
    this.endsAtCycle = sleepers !== null;
  }

  beginState(): void {
    this.#footprints.beginState();
  }

  select(choices: Int32Array, start: number, end: number, depth: number): number {
    this.#footprints.end();
    const enough = this.#stubborn(choices, start, end);
    if (this.judged > 0 || depth <= this.#deepest) {
      this.judged++;
      this.offered += end - start;
      this.enough += enough - start;
    } else this.#deepest = depth;
    const sleepers = this.#sleepers;
    if (sleepers === null) return enough;
    sleepers.enter(depth);
    // What sleeps is overwritten: nobody takes all choices after all, as the search ends where it sees a cycle.
    let next = start;
    for (let i = start; i < enough; i++) {
      const choice = choices[i] as number;
      // There are many kills in one step, so none sleeps.
      if (!this.#space.isKill(choice) && sleepers.has(depth, this.#footprints.stepOfChoice(choice))) continue;
      choices[next++] = choice;
    }
    return next;
  }

  /** Puts the choices of a stubborn set first; returns where they end. */
  #stubborn(choices: Int32Array, start: number, end: number): number {
    const footprints = this.#footprints;
    // Where time could pass or the end be judged, everything is taken; and what the world has selected itself, too.
    if (footprints.overflow || this.#world.atRest || this.#space.restricted) return end;
    const decision = this.#sets.decide(choices, start, end);
    const rest = this.#rest;
    rest.length = 0;
    let next = start;
    for (let i = start; i < end; i++) {
      const choice = choices[i] as number;
      if (this.#sets.includes(decision, footprints.stepOfChoice(choice))) choices[next++] = choice;
      else rest.push(choice);
    }
    for (let i = 0; i < rest.length; i++) choices[next + i] = rest[i] as number;
    return next;
  }

  beginStep(choice: number, depth: number): void {
    this.#choice = choice;
    this.#depth = depth;
    this.#step = this.#footprints.stepOfChoice(choice);
    this.#footprints.beginStep(this.#step);
  }

  endStep(): void {
    this.#footprints.end();
    if (this.#choice < 0) return;
    this.#sleepers?.taken(this.#depth, this.#step, !this.#space.isKill(this.#choice));
    this.#choice = -1;
  }

  passStep(choice: number, depth: number): void {
    this.#sleepers?.taken(depth, this.#footprints.stepOfChoice(choice), !this.#space.isKill(choice));
  }
}
