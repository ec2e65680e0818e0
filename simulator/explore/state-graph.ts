/**
 * The graph of all states of a world, written down by a breadth-first search, for what can be judged of whole cycles
 * only. States are numbered in the order in which they are found. Some 40 bytes a state and 8 a transition.
 */
import type { Allocate } from '../../protocol/allocate.js';
import type { RememberedSteps } from '../remembered/remembered-steps.js';
import type { Explorable } from './search.js';
import { SleepTable } from './sleep-table.js';
import { StateTree } from './state-tree.js';

export class StateGraph {
  readonly tree: StateTree;
  /** The transitions of state s are those from `first[s]` to `first[s + 1]` - 1. */
  first = new Int32Array(1 << 12);
  targets = new Int32Array(1 << 12);
  choices = new Int32Array(1 << 12);
  transitions = 0;
  /** Numbers of the states, in the place where other searches keep what sleeps. */
  readonly #numbers: SleepTable;
  #reached = 0;
  #begun = 0;

  constructor(world: Explorable, remembered: RememberedSteps | null, allocate?: Allocate) {
    this.#numbers = new SleepTable(allocate);
    this.tree = new StateTree(world, remembered);
  }

  get size(): number {
    return this.#numbers.size;
  }

  get bytes(): number {
    const { first, targets, choices } = this;
    return this.#numbers.bytes + first.byteLength + targets.byteLength + choices.byteLength;
  }

  /** Adds a state; false when it is there already. */
  add(low: number, high: number): boolean {
    const place = this.#numbers.find(low, high);
    const { added } = this.#numbers;
    if (added) this.#numbers.setSleeping(place, this.#numbers.size - 1);
    this.#reached = this.#numbers.sleeping(place);
    return added;
  }

  /** The transitions that follow come from `state`. States come in the order of their numbers. */
  begin(state: number): void {
    if (state + 1 === this.first.length) this.first = doubled(this.first);
    this.#begun = state;
    this.first[state] = this.transitions;
    this.first[state + 1] = this.transitions;
  }

  /** The choice leads to the state that was added last, or was there already. */
  connect(choice: number): void {
    if (this.transitions === this.targets.length) {
      this.targets = doubled(this.targets);
      this.choices = doubled(this.choices);
    }
    this.targets[this.transitions] = this.#reached;
    this.choices[this.transitions] = choice;
    this.transitions++;
    this.first[this.#begun + 1] = this.transitions;
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
