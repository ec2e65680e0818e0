/**
 * Dynamic partial-order reduction of a stateful depth-first search: the footprints of the steps are learned while they
 * run, and a state takes only the choices of a stubborn set. When something was learned too late for a decision that
 * was acted upon, the search is done again with what is known by then, until nothing new is learned that matters.
 *
 * What a search finds is real at once. That there is nothing is said by a search of which every decision still stands.
 */
import { depthFirst, type Found, type Selection } from './depth-first.js';
import { Footprints } from './footprints.js';
import type { Explorable, Search } from './search.js';
import type { StepSpace } from './step-space.js';
import { StubbornSets } from './stubborn-sets.js';

export function reducedDepthFirst(search: Search, space: StepSpace): Found {
  const { world } = search;
  const footprints = new Footprints(world.memory, space);
  const sets = new StubbornSets(space, footprints);
  const selection = new StubbornSelection(world, space, footprints, sets);
  footprints.attach();
  try {
    for (;;) {
      sets.outdated = false;
      const found = depthFirst(search, selection);
      if (!found.holds || !found.complete) return found;
      sets.review();
      if (!sets.outdated) return found;
    }
  } finally {
    footprints.detach();
  }
}

class StubbornSelection implements Selection {
  readonly #world: Explorable;
  readonly #space: StepSpace;
  readonly #footprints: Footprints;
  readonly #sets: StubbornSets;
  readonly #rest: number[] = [];

  constructor(world: Explorable, space: StepSpace, footprints: Footprints, sets: StubbornSets) {
    this.#world = world;
    this.#space = space;
    this.#footprints = footprints;
    this.#sets = sets;
  }

  beginState(): void {
    this.#footprints.beginState();
  }

  select(choices: Int32Array, start: number, end: number): number {
    const footprints = this.#footprints;
    footprints.end();
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

  beginStep(choice: number): void {
    this.#footprints.beginStep(this.#footprints.stepOfChoice(choice));
  }

  endStep(): void {
    this.#footprints.end();
  }
}
