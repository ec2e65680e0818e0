/**
 * Depth-first search over the undo journal: a step down is a step of the world, a step up is an undo.
 *
 * A `Selection` may choose among the choices of a state. So that nothing is put off for ever in a cycle, a state with a
 * step back to the path takes all of its choices: the cycle proviso of D. Peled (1994). Every cycle has such a state.
 */
import { longer } from '../../protocol/allocate.js';
import { RUNS } from '../remembered/remembered-steps.js';
import { firstOracle } from '../world-state.js';
import { Discoveries } from './discoveries.js';
import { DIVIDE_AFTER, divide } from './divide.js';
import { EffectsOnPath } from './effects-on-path.js';
import { Frames } from './frames.js';
import type { Partition } from './partition.js';
import { PathTable } from './path-table.js';
import { CHOICES_MAX, type Exploration, PROGRESS_STATES, type Search } from './search.js';
import { VisitedTable } from './visited-table.js';

/** Leaves choices out. */
export interface Selection {
  /** The present state is about to be enumerated. */
  beginState(): void;
  /** What it leaves out is enough only where there is no cycle: the search ends, incomplete, when it sees one. */
  readonly endsAtCycle: boolean;
  /**
   * Of the choices from `start` to `end` - 1, those that are enough come to the front; returns where they end. The state
   * is entered at `depth` of the path, by the step that was taken last.
   */
  select(choices: Int32Array, start: number, end: number, depth: number): number;
  /** The choice is about to be taken, in the state at `depth` of the path. */
  beginStep(choice: number, depth: number): void;
  /** It has been. */
  endStep(): void;
  /** In place of both, before the choice is taken without its code, which was heard before. */
  passStep(choice: number, depth: number): void;
}

/** What a search finds; how it is reduced is for its caller to say. */
export type Found = Omit<Exploration, 'order' | 'reduction'>;

/** A search that can be interrupted. */
export interface DepthFirst {
  /**
   * Searches on until `maxStates` have been seen, which are more than the last time. The world is as it was at the
   * beginning, before and afterwards. Not after a failure, nor where the end was seen.
   */
  run(maxStates: number): Found;
}

export function depthFirst(search: Search, selection: Selection | null = null): Found {
  return beginDepthFirst(search, selection).run(search.maxStates);
}

export function beginDepthFirst(search: Search, selection: Selection | null = null): DepthFirst {
  const { world, mask, onProgress, remembered, divideAfter = DIVIDE_AFTER } = search;
  // Whoever selects learns from what the steps load and store.
  const listener = selection === null || remembered === null ? 0 : remembered.newListener();
  const { memory } = world;
  let visited = new VisitedTable(search.allocate);
  let partition: Partition | null = null;
  /** Until it is tried to divide the states; where the code of every step runs, memory is not what is waited for. */
  let discoveries = remembered === null ? null : new Discoveries(remembered);
  // The choices still open at each depth lie one above the other in `open`.
  let open = new Int32Array(2 * CHOICES_MAX);
  const frames: Frames = new Frames();
  const onPath = new PathTable();
  const effects = remembered === null ? null : new EffectsOnPath(remembered);
  let transitions = 0;
  let offered = 0;
  let deepest = 0;
  let violations = 0;
  let fault: string | null = null;
  let cut = false;
  let cyclic = false;
  let maxStates = 0;
  /** The step that the last frame took last has led to a new state, which was not entered. */
  let interrupted = false;
  let top = 0;
  let depth = -1;

  /** The present state is new, and in `part`. */
  const expand = (part: number): boolean => {
    if (top + CHOICES_MAX > open.length) open = longer(open);
    if (selection !== null) selection.beginState();
    const count = world.enumerate(open, top);
    offered += count;
    if (world.atRest) {
      if (selection !== null) selection.endStep();
      const mark = memory.journalLength;
      const { hashLow, hashHigh } = memory;
      world.quiescent();
      violations = world.violations & mask;
      memory.undo(mark, hashLow, hashHigh);
      if (violations !== 0 || count === 0) return false;
    }
    const end = selection === null ? top + count : selection.select(open, top, top + count, depth + 1);
    depth++;
    onPath.push(memory.hashLow, memory.hashHigh, depth);
    frames.push(depth, top, end, top + count, memory.journalLength, memory.hashLow, memory.hashHigh, part);
    top += count;
    if (depth > deepest) deepest = depth;
    if (effects !== null) effects.look(open, frames.start(depth), end, top);
    return true;
  };

  /** Enters a new state; false when nothing is to be done there, or the search is over. */
  const enter = (part: number, effect: number): boolean => {
    if (discoveries !== null && !interrupted) discoveries.add(depth, effect);
    if ((visited.size & (PROGRESS_STATES - 1)) === 0) onProgress({ states: visited.size, transitions, depth });
    cut = visited.size >= maxStates;
    interrupted = cut;
    return !cut && expand(part);
  };

  /** A step leads to a state on the path. */
  const backToPath = (): void => {
    cyclic = true;
    cut = selection?.endsAtCycle ?? false;
    if (!cut) frames.takeAll(depth);
  };

  /** Back to the state of the last frame. */
  const back = (): void => memory.undo(frames.mark(depth), frames.hashLow(depth), frames.hashHigh(depth));

  /** Nobody hears of it who selects: he has heard it before. */
  const retake = (choice: number): void => {
    const effect = remembered === null ? RUNS : remembered.effectOf(choice);
    if (remembered === null || effect === RUNS) world.step(choice);
    else remembered.apply(effect);
  };

  /** Back to where the search was interrupted, and into the state that it did not enter. */
  const resume = (): void => {
    cut = false;
    let part = 0;
    for (let level = 0; level <= depth; level++) {
      const mark = memory.journalLength;
      frames.setMark(level, mark);
      frames.setPart(level, part);
      retake(open[frames.next(level) - 1] as number);
      if (partition !== null) part ^= partition.changeSince(mark);
    }
    if (effects !== null) effects.descendBlindly();
    if (!enter(part, RUNS) && violations === 0 && !cut) back();
  };

  const searchOn = (): void => {
    while (depth >= 0 && violations === 0 && !cut) {
      const next = frames.next(depth);
      if (next === frames.end(depth)) {
        top = frames.start(depth);
        onPath.pop(frames.hashLow(depth), frames.hashHigh(depth));
        depth--;
        if (depth >= 0) back();
        continue;
      }
      frames.advance(depth);
      const choice = open[next] as number;
      const effect = effects === null ? RUNS : effects.effect(next, choice);
      if (
        effects !== null &&
        remembered !== null &&
        effect !== RUNS &&
        (selection === null || remembered.heard(effect))
      ) {
        transitions++;
        if (selection !== null) selection.passStep(choice, depth);
        const low = memory.hashLow ^ remembered.changeOfLow(effect);
        const high = memory.hashHigh ^ remembered.changeOfHigh(effect);
        const part = partition === null ? 0 : frames.part(depth) ^ remembered.changeOfPart(effect);
        if (!visited.add(low, high, part)) {
          if (onPath.depthOf(low, high) >= 0) backToPath();
          if (cut) break;
          continue;
        }
        effects.descend(open, frames.start(depth), frames.end(depth), effect);
        remembered.apply(effect);
        if (enter(part, effect)) continue;
        if (violations !== 0 || cut) break;
        back();
        continue;
      }
      if (selection !== null) selection.beginStep(choice, depth);
      if (remembered === null) world.step(choice);
      else if (effect === RUNS) remembered.run(choice);
      else remembered.runAgain(choice, effect);
      if (selection !== null) selection.endStep();
      transitions++;
      violations = world.violations & mask;
      if (violations !== 0) {
        fault = world.lastFault;
        break;
      }
      const change = partition === null ? 0 : partition.changeSince(frames.mark(depth));
      const part = frames.part(depth) ^ change;
      if (visited.add(memory.hashLow, memory.hashHigh, part)) {
        if (effects !== null) effects.descendBlindly();
        if (enter(part, effect !== RUNS || remembered === null ? effect : remembered.ran)) continue;
        if (violations !== 0 || cut) break;
      } else if (onPath.depthOf(memory.hashLow, memory.hashHigh) >= 0) {
        backToPath();
        if (cut) break;
      }
      back();
    }
  };

  /** Searches on until `limit` states have been seen. */
  const searchUntil = (limit: number): void => {
    maxStates = limit;
    if (interrupted) resume();
    else {
      visited.add(memory.hashLow, memory.hashHigh, 0);
      expand(0);
    }
    searchOn();
    memory.undo(0, 0, 0);
  };

  /** Divides what was visited, from the first state of the world. */
  const divideVisited = (found: Discoveries): void => {
    discoveries = null;
    const division = remembered === null ? null : divide(search, remembered, found);
    if (division === null) return;
    partition = division.partition;
    visited = division.table;
  };

  const found = (): Found => ({
    holds: violations === 0,
    complete: violations === 0 && !cut,
    oracle: firstOracle(violations) ?? null,
    fault,
    states: visited.size,
    transitions,
    offered,
    depth: deepest,
    tableBytes: visited.bytes,
    cyclic,
    choices: violations === 0 ? [] : frames.path(depth, open),
  });

  return {
    run(limit) {
      if (remembered !== null) {
        remembered.listener = listener;
        remembered.partition = partition;
      }
      if (discoveries !== null && limit > divideAfter) {
        if (visited.size < divideAfter) searchUntil(divideAfter);
        if (interrupted) divideVisited(discoveries);
      }
      if (visited.size === 0 || (interrupted && limit > visited.size)) searchUntil(limit);
      if (remembered !== null) remembered.listener = 0;
      return found();
    },
  };
}
