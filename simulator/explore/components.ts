/**
 * The strongly connected components of a graph (R. Tarjan, 1972), without recursion.
 */
import type { StateGraph } from './state-graph.js';

const UNSEEN = -1;
const DONE = 0x7fffffff;

/** Calls `visit` with the states of each component that has a cycle, a single state with a step to itself among them. */
export function eachCyclicComponent(graph: StateGraph, visit: (states: Int32Array) => void): void {
  const { size, first, targets } = graph;
  const order = new Int32Array(size).fill(UNSEEN);
  const lowest = new Int32Array(size);
  /** Where the walk goes on in each state on the path. */
  const next = new Int32Array(size);
  const path = new Int32Array(size);
  const waiting = new Int32Array(size);
  let pathLength = 0;
  let waitingLength = 0;
  let count = 0;

  const enter = (state: number): void => {
    order[state] = count;
    lowest[state] = count++;
    next[state] = first[state] as number;
    path[pathLength++] = state;
    waiting[waitingLength++] = state;
  };

  for (let root = 0; root < size; root++) {
    if (order[root] !== UNSEEN) continue;
    enter(root);
    while (pathLength > 0) {
      const state = path[pathLength - 1] as number;
      if ((next[state] as number) < (first[state + 1] as number)) {
        const target = targets[(next[state] as number)++] as number;
        if (order[target] === UNSEEN) enter(target);
        else if (order[target] !== DONE) lowest[state] = Math.min(lowest[state] as number, order[target] as number);
        continue;
      }
      pathLength--;
      if (pathLength > 0) {
        const parent = path[pathLength - 1] as number;
        lowest[parent] = Math.min(lowest[parent] as number, lowest[state] as number);
      }
      if (lowest[state] !== order[state]) continue;
      let from = waitingLength;
      while (waiting[from - 1] !== state) from--;
      from--;
      const component = waiting.slice(from, waitingLength);
      waitingLength = from;
      for (const member of component) order[member] = DONE;
      if (component.length > 1 || stepsTo(graph, state, state)) visit(component);
    }
  }
}

function stepsTo({ first, targets }: StateGraph, state: number, target: number): boolean {
  for (let edge = first[state] as number; edge < (first[state + 1] as number); edge++)
    if (targets[edge] === target) return true;
  return false;
}
