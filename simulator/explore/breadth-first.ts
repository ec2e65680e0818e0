/**
 * Breadth-first search over the undo journal: the first failure found has a shortest schedule.
 *
 * No state is stored but its hash, its parent and the choice that led to it. To stand in a state of the frontier
 * again, the world goes back to the nearest common ancestor with the state it stands in and forward from there. The
 * frontier is visited in the order in which it was found, so that way is short.
 */
import { firstOracle } from '../world-state.js';
import { CHOICES_MAX, type Exploration, PROGRESS_STATES, type Search } from './search.js';
import { VisitedTable } from './visited-table.js';

export function breadthFirst({ world, mask, maxStates, onProgress }: Search): Exploration {
  const { memory } = world;
  const visited = new VisitedTable();
  const tree = new Tree(world);
  const choices = new Int32Array(CHOICES_MAX);
  let transitions = 0;
  let levelEnd = 1;
  let violations = 0;
  let failure: number[] = [];
  let fault: string | null = null;
  let cut = false;
  let depth = 0;

  visited.add(memory.hashLow, memory.hashHigh);
  search: for (let node = 0; node < tree.size; node++) {
    if (node === levelEnd) {
      levelEnd = tree.size;
      depth++;
    }
    tree.standIn(node, depth);
    const mark = memory.journalLength;
    const { hashLow, hashHigh } = memory;
    const count = world.enumerate(choices);
    if (world.atRest) {
      world.quiescent();
      violations = world.violations & mask;
      memory.undo(mark, hashLow, hashHigh);
      if (violations !== 0) {
        failure = tree.path(node);
        break;
      }
    }
    for (let i = 0; i < count; i++) {
      const choice = choices[i] as number;
      world.step(choice);
      transitions++;
      violations = world.violations & mask;
      if (violations !== 0) {
        failure = [...tree.path(node), choice];
        fault = world.lastFault;
        break search;
      }
      if (visited.add(memory.hashLow, memory.hashHigh)) {
        tree.add(node, choice);
        if ((visited.size & (PROGRESS_STATES - 1)) === 0) onProgress({ states: visited.size, transitions, depth });
      }
      memory.undo(mark, hashLow, hashHigh);
    }
    if (visited.size >= maxStates) {
      cut = true;
      break;
    }
  }

  memory.undo(0, 0, 0);
  return {
    holds: violations === 0,
    complete: violations === 0 && !cut,
    oracle: firstOracle(violations) ?? null,
    fault,
    states: visited.size,
    transitions,
    depth,
    tableBytes: visited.bytes,
    cyclic: false,
    choices: failure,
  };
}

/** The states found, as a tree, and the path from the root to the one in which the world stands. */
class Tree {
  size = 1;
  readonly #world: Search['world'];
  #parents = new Int32Array(1 << 12);
  #choices = new Int32Array(1 << 12);
  /** Nodes on the path, and what to undo to for each; the root is at 0. */
  readonly #pathNodes: number[] = [0];
  readonly #marks: number[] = [0];
  readonly #lows: number[] = [0];
  readonly #highs: number[] = [0];

  constructor(world: Search['world']) {
    this.#world = world;
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
      this.#world.step(this.#choices[next] as number);
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
