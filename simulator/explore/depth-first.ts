/**
 * Depth-first search over the undo journal: a step down is a step of the world, a step up is an undo.
 *
 * A step that leads back to a state on the path closes a cycle. The guests' histories are part of the state and only
 * grow, so whatever happens in a cycle is no progress. It counts as a hang when it is fair: when nobody who could act
 * in every one of its states is kept from acting for ever. Of a state's many cycles only those are seen that the search
 * happens to close, so a hang of this kind may be missed where others lead through the same states.
 */
import { firstOracle, oracleBit } from '../world-state.js';
import { PathTable } from './path-table.js';
import { CHOICES_MAX, type Exploration, PROGRESS_STATES, type Search } from './search.js';
import { VisitedTable } from './visited-table.js';

export function depthFirst({ world, mask, maxStates, onProgress }: Search): Exploration {
  const { memory } = world;
  const visited = new VisitedTable();
  // The choices still open at each depth lie one above the other in `open`; a frame is where they begin, where the
  // next one is, and what to undo to.
  let open = new Int32Array(1 << 16);
  const frames: Frames = new Frames();
  const onPath = new PathTable();
  let transitions = 0;
  let deepest = 0;
  let violations = 0;
  let fault: string | null = null;
  let cut = false;
  let cyclic = false;

  visited.add(memory.hashLow, memory.hashHigh);
  let top = 0;
  let depth = -1;

  const expand = (): boolean => {
    if (top + CHOICES_MAX > open.length) {
      const larger = new Int32Array(open.length * 2);
      larger.set(open);
      open = larger;
    }
    const count = world.enumerate(open, top);
    if (world.atRest) {
      const mark = memory.journalLength;
      const { hashLow, hashHigh } = memory;
      world.quiescent();
      violations = world.violations & mask;
      memory.undo(mark, hashLow, hashHigh);
      if (violations !== 0 || count === 0) return false;
    }
    depth++;
    onPath.push(memory.hashLow, memory.hashHigh, depth);
    frames.push(depth, top, top + count, memory.journalLength, memory.hashLow, memory.hashHigh);
    top += count;
    if (depth > deepest) deepest = depth;
    return true;
  };

  expand();
  while (depth >= 0 && violations === 0) {
    const next = frames.next(depth);
    if (next === frames.end(depth)) {
      top = frames.start(depth);
      onPath.pop(frames.hashLow(depth), frames.hashHigh(depth));
      depth--;
      if (depth >= 0) {
        memory.undo(frames.mark(depth), frames.hashLow(depth), frames.hashHigh(depth));
      }
      continue;
    }
    frames.advance(depth);
    const choice = open[next] as number;
    world.step(choice);
    transitions++;
    violations = world.violations & mask;
    if (violations !== 0) {
      fault = world.lastFault;
      break;
    }
    if (visited.add(memory.hashLow, memory.hashHigh)) {
      if ((visited.size & (PROGRESS_STATES - 1)) === 0) onProgress({ states: visited.size, transitions, depth });
      if (visited.size >= maxStates) {
        cut = true;
        break;
      }
      if (expand()) continue;
      if (violations !== 0) break;
    } else {
      const start = onPath.depthOf(memory.hashLow, memory.hashHigh);
      if (start >= 0) cyclic = true;
      if (start >= 0 && (mask & HANG) !== 0 && isFair(world, frames, open, start, depth)) {
        violations = HANG;
        fault = `the last ${depth - start + 1} steps lead back to where they began, and nobody gets on`;
        break;
      }
    }
    memory.undo(frames.mark(depth), frames.hashLow(depth), frames.hashHigh(depth));
  }

  memory.undo(0, 0, 0);
  return {
    holds: violations === 0,
    complete: violations === 0 && !cut,
    oracle: firstOracle(violations) ?? null,
    fault,
    states: visited.size,
    transitions,
    depth: deepest,
    tableBytes: visited.bytes,
    cyclic,
    choices: violations === 0 ? [] : frames.path(depth, open),
  };
}

const HANG = oracleBit('no-hang');

/** Whether everybody who can act in all states from depth `start` to `end` does so in one of them. Faults need not strike. */
function isFair(world: Search['world'], frames: Frames, open: Int32Array, start: number, end: number): boolean {
  const always = new Set(open.subarray(frames.start(start), frames.end(start)));
  const taken = new Set<number>();
  for (let depth = start; depth <= end; depth++) {
    const here = new Set(open.subarray(frames.start(depth), frames.end(depth)));
    for (const choice of always) if (!here.has(choice)) always.delete(choice);
    taken.add(open[frames.next(depth) - 1] as number);
  }
  for (const choice of always) if (!taken.has(choice) && !world.isFault(choice)) return false;
  return true;
}

const FRAME = 6;

/** A stack of frames in one typed array. */
class Frames {
  #data = new Int32Array(FRAME << 10);

  push(depth: number, start: number, end: number, mark: number, hashLow: number, hashHigh: number): void {
    const at = depth * FRAME;
    if (at === this.#data.length) {
      const larger = new Int32Array(this.#data.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    const data = this.#data;
    data[at] = start;
    data[at + 1] = start;
    data[at + 2] = end;
    data[at + 3] = mark;
    data[at + 4] = hashLow;
    data[at + 5] = hashHigh;
  }

  /** The choice taken in each frame up to `depth`. */
  path(depth: number, open: Int32Array): number[] {
    return Array.from({ length: depth + 1 }, (_, level) => open[this.next(level) - 1] as number);
  }

  start(depth: number): number {
    return this.#data[depth * FRAME] as number;
  }
  next(depth: number): number {
    return this.#data[depth * FRAME + 1] as number;
  }
  advance(depth: number): void {
    (this.#data[depth * FRAME + 1] as number)++;
  }
  end(depth: number): number {
    return this.#data[depth * FRAME + 2] as number;
  }
  mark(depth: number): number {
    return this.#data[depth * FRAME + 3] as number;
  }
  hashLow(depth: number): number {
    return this.#data[depth * FRAME + 4] as number;
  }
  hashHigh(depth: number): number {
    return this.#data[depth * FRAME + 5] as number;
  }
}
