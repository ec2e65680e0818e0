/**
 * Dynamic partial-order reduction of a stateful depth-first search: the footprints of the steps are learned while they
 * run, and a state takes only the choices of a stubborn set that do not sleep. When something was learned too late for a
 * decision that was acted upon, the search is done again with what is known by then, until nothing new is learned that
 * matters. Where there is a cycle it is done again without sleep sets.
 *
 * What a search finds is real at once. That there is nothing is said by a search of which every decision still stands.
 */
import { depthFirst, type Found, type Selection } from './depth-first.js';
import { Footprints } from './footprints.js';
import type { Explorable, Search } from './search.js';
import { Sleepers } from './sleepers.js';
import type { StepSpace } from './step-space.js';
import { StubbornSets } from './stubborn-sets.js';

/** `sleeping`: with sleep sets, as long as no cycle is seen. */
export function reducedDepthFirst(search: Search, space: StepSpace, sleeping: boolean): Found {
  const { world } = search;
  const footprints = new Footprints(world.memory, space);
  const sets = new StubbornSets(space, footprints);
  let sleepers = sleeping ? new Sleepers(footprints) : null;
  footprints.attach();
  try {
    for (;;) {
      sets.outdated = false;
      sleepers?.clear();
      const found = depthFirst(search, new StubbornSelection(world, space, footprints, sets, sleepers));
      if (!found.holds) return found;
      if (sleepers !== null && found.cyclic) {
        sleepers = null;
        continue;
      }
      if (!found.complete) return found;
      sets.review();
      if (!sets.outdated) return found;
    }
  } finally {
    footprints.detach();
  }
}

class StubbornSelection implements Selection {
  readonly endsAtCycle: boolean;
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
