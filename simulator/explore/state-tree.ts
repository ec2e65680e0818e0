/**
 * The states that a breadth-first search has found, as a tree, and the path from the root to the one in which the world
 * stands.
 */
import type { RememberedSteps } from '../remembered/remembered-steps.js';
import type { Explorable } from './search.js';

export class StateTree {
  size = 1;
  readonly #world: Explorable;
  readonly #remembered: RememberedSteps | null;
  #parents = new Int32Array(1 << 12);
  #choices = new Int32Array(1 << 12);
  /** Nodes on the path, and what to undo to for each; the root is at 0. */
  readonly #pathNodes: number[] = [0];
  readonly #marks: number[] = [0];
  readonly #lows: number[] = [0];
  readonly #highs: number[] = [0];

  constructor(world: Explorable, remembered: RememberedSteps | null) {
    this.#world = world;
    this.#remembered = remembered;
    this.#parents[0] = -1;
    this.#lows[0] = world.memory.hashLow;
    this.#highs[0] = world.memory.hashHigh;
    this.#marks[0] = world.memory.journalLength;
  }

  add(parent: number, choice: number): void {
    if (this.size === this.#parents.length) {
      this.#parents = doubled(this.#parents);
      this.#choices = doubled(this.#choices);
    }
    this.#parents[this.size] = parent;
    this.#choices[this.size] = choice;
    this.size++;
  }

  /** Brings the world into state `node`, which lies at `depth`. */
  standIn(node: number, depth: number): void {
    const { memory } = this.#world;
    const way: number[] = [];
    let ancestor = node;
    let level = depth;
    while (level >= this.#pathNodes.length || this.#pathNodes[level] !== ancestor) {
      way.push(ancestor);
      ancestor = this.#parents[ancestor] as number;
      level--;
    }
    memory.undo(this.#marks[level] as number, this.#lows[level] as number, this.#highs[level] as number);
    this.#pathNodes.length = level + 1;
    for (let i = way.length - 1; i >= 0; i--) {
      const next = way[i] as number;
      (this.#remembered ?? this.#world).step(this.#choices[next] as number);
      level++;
      this.#pathNodes[level] = next;
      this.#marks[level] = memory.journalLength;
      this.#lows[level] = memory.hashLow;
      this.#highs[level] = memory.hashHigh;
    }
  }

  /** Choices from the root to `node`. */
  path(node: number): number[] {
    const choices: number[] = [];
    for (let at = node; at > 0; at = this.#parents[at] as number) choices.push(this.#choices[at] as number);
    return choices.reverse();
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
