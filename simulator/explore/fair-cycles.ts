/**
 * Hangs that are not quiescent: schedules that go on for ever, that are fair, and in which nobody gets on.
 *
 * A schedule is *fair* (weakly: just) when no actor that can act from some moment on without interruption is kept from
 * acting for ever. Faults need not strike. What users have asked and been told is part of the state and only grows, so
 * within a cycle nobody gets on.
 *
 * A fair schedule that goes on for ever stays, from some moment on, in one strongly connected component of the states,
 * and there is one that stays in a component exactly when each actor cannot act in some state of it, or does act in some
 * step within it: then the way that leads round through all of its steps is fair. So nothing is missed, and no alarm is
 * given for a step that is only unlucky.
 */
import { AssertionError } from '../../protocol/assert.js';
import { breadthFirst } from './breadth-first.js';
import { eachCyclicComponent } from './components.js';
import type { Found } from './depth-first.js';
import type { Explorable, Search } from './search.js';
import { StateGraph } from './state-graph.js';

/** Sees every state and transition of the world, without any reduction. */
export function searchFairCycles(search: Search): Found {
  const { world } = search;
  const { reducing } = world;
  world.reducing = false;
  try {
    const graph = new StateGraph(world, search.remembered, search.allocate);
    const found = breadthFirst(search, graph);
    if (!found.holds || !found.complete) return found;
    let fair: Component | null = null;
    let cyclic = false;
    eachCyclicComponent(graph, (states) => {
      cyclic = true;
      const component = new Component(graph, world, states);
      if (component.isFair && (fair === null || component.entry < fair.entry)) fair = component;
    });
    const hang = fair as Component | null;
    if (hang === null) return { ...found, cyclic };
    const cycle = hang.wayRound();
    return {
      ...found,
      holds: false,
      complete: false,
      oracle: 'no-hang',
      fault: cycleFault(cycle.length),
      choices: [...graph.tree.path(hang.entry), ...cycle],
      cyclic,
    };
  } finally {
    world.reducing = reducing;
  }
}

/** What a report says of a schedule that ends in a fair cycle of this many steps. */
export function cycleFault(steps: number): string {
  const last = steps === 1 ? 'the last step leads' : `the last ${steps} steps lead`;
  return `${last} back to where they began, and nobody gets on`;
}

/** A strongly connected component. Choices are those that are no faults; each stands for one actor. */
class Component {
  /** The first of its states to be reached. */
  readonly entry: number;
  readonly #graph: StateGraph;
  readonly #world: Explorable;
  readonly #inside: Set<number>;
  /** What can be done in all of its states. */
  readonly #always: Set<number>;

  constructor(graph: StateGraph, world: Explorable, states: Int32Array) {
    this.#graph = graph;
    this.#world = world;
    this.#inside = new Set(states);
    this.entry = states.reduce((least, state) => Math.min(least, state));
    this.#always = new Set(this.#offered(this.entry));
    for (const state of states) {
      const here = this.#offered(state);
      for (const choice of this.#always) if (!here.has(choice)) this.#always.delete(choice);
    }
  }

  /** Whoever can act in all of its states does so in a step that does not leave it. */
  get isFair(): boolean {
    const left = new Set(this.#always);
    for (const state of this.#inside)
      for (const edge of this.#edges(state)) left.delete(this.#graph.choices[edge] as number);
    return left.size === 0;
  }

  /** Choices of a fair way from `entry` back to it, through as much of the component as fairness asks for. */
  wayRound(): number[] {
    const way: number[] = [];
    /** Who could still complain: he can act in every state so far, and has not. */
    const kept = this.#offered(this.entry);
    let state = this.entry;
    const go = (edges: readonly number[]): void => {
      for (const edge of edges) {
        const choice = this.#graph.choices[edge] as number;
        state = this.#graph.targets[edge] as number;
        way.push(choice);
        kept.delete(choice);
        const here = this.#offered(state);
        for (const other of kept) if (!here.has(other)) kept.delete(other);
      }
    };
    while (kept.size > 0)
      go(
        this.#find(state, (edge, target) => {
          if (kept.has(this.#graph.choices[edge] as number)) return true;
          const here = this.#offered(target);
          return [...kept].some((choice) => !here.has(choice));
        }),
      );
    if (state !== this.entry || way.length === 0) go(this.#find(state, (_, target) => target === this.entry));
    return way;
  }

  /** A shortest way from `from`, within the component, whose last step is `wanted`. */
  #find(from: number, wanted: (edge: number, target: number) => boolean): number[] {
    const cameBy = new Map<number, number>();
    const origin = new Map<number, number>();
    const queue = [from];
    for (let i = 0; i < queue.length; i++) {
      const state = queue[i] as number;
      for (const edge of this.#edges(state)) {
        const target = this.#graph.targets[edge] as number;
        if (wanted(edge, target)) {
          const way = [edge];
          for (let at = state; at !== from; at = origin.get(at) as number) way.push(cameBy.get(at) as number);
          return way.reverse();
        }
        if (target === from || cameBy.has(target)) continue;
        cameBy.set(target, edge);
        origin.set(target, state);
        queue.push(target);
      }
    }
    throw new AssertionError('fair cycles: a component is not strongly connected');
  }

  /** Transitions of `state` that do not leave the component. */
  *#edges(state: number): Iterable<number> {
    const { first, targets } = this.#graph;
    for (let edge = first[state] as number; edge < (first[state + 1] as number); edge++)
      if (this.#inside.has(targets[edge] as number)) yield edge;
  }

  #offered(state: number): Set<number> {
    const { first, choices } = this.#graph;
    const offered = new Set(choices.subarray(first[state], first[state + 1]));
    for (const choice of offered) if (this.#world.isFault(choice)) offered.delete(choice);
    return offered;
  }
}
