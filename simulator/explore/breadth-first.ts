/**
 * Breadth-first search over the undo journal: the first failure found has a shortest schedule.
 *
 * No state is stored but its hash, its parent and the choice that led to it. To stand in a state of the frontier
 * again, the world goes back to the nearest common ancestor with the state it stands in and forward from there. The
 * frontier is visited in the order in which it was found, so that way is short.
 */
import { RUNS } from '../remembered/remembered-steps.js';
import { firstOracle } from '../world-state.js';
import type { Found } from './depth-first.js';
import { CHOICES_MAX, PROGRESS_STATES, type Search } from './search.js';
import type { StateGraph } from './state-graph.js';
import { StateTree } from './state-tree.js';
import { VisitedTable } from './visited-table.js';

/** With `graph`, every transition is written down in it. */
export function breadthFirst(search: Search, graph: StateGraph | null = null): Found {
  const { world, mask, maxStates, onProgress, remembered } = search;
  const { memory } = world;
  const visited = graph ?? new VisitedTable(search.allocate);
  const tree = graph?.tree ?? new StateTree(world, remembered);
  const choices = new Int32Array(CHOICES_MAX);
  let transitions = 0;
  let offered = 0;
  let levelEnd = 1;
  let violations = 0;
  let failure: number[] = [];
  let fault: string | null = null;
  let cut = false;
  let depth = 0;

  visited.add(memory.hashLow, memory.hashHigh);
  all: for (let node = 0; node < tree.size; node++) {
    if (node === levelEnd) {
      levelEnd = tree.size;
      depth++;
    }
    tree.standIn(node, depth);
    const mark = memory.journalLength;
    const { hashLow, hashHigh } = memory;
    const count = world.enumerate(choices);
    offered += count;
    if (graph !== null) graph.begin(node);
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
      transitions++;
      const effect = remembered === null ? RUNS : remembered.effectOf(choice);
      if (remembered !== null && effect !== RUNS) {
        const isNew = visited.add(hashLow ^ remembered.changeOfLow(effect), hashHigh ^ remembered.changeOfHigh(effect));
        if (graph !== null) graph.connect(choice);
        if (!isNew) continue;
        tree.add(node, choice);
        if ((visited.size & (PROGRESS_STATES - 1)) === 0) onProgress({ states: visited.size, transitions, depth });
        continue;
      }
      if (remembered === null) world.step(choice);
      else remembered.run(choice);
      violations = world.violations & mask;
      if (violations !== 0) {
        failure = [...tree.path(node), choice];
        fault = world.lastFault;
        break all;
      }
      const isNew = visited.add(memory.hashLow, memory.hashHigh);
      if (graph !== null) graph.connect(choice);
      if (isNew) {
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
    offered,
    depth,
    tableBytes: visited.bytes,
    cyclic: false,
    choices: failure,
  };
}
