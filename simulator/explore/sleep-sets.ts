/**
 * Depth-first search with sleep sets (P. Godefroid, 1990 and 1996): of two steps that do not conflict only one order is
 * taken where both lead to the same state. Every state is seen, by fewer transitions.
 *
 * A state keeps the choices that slept when it was expanded. When it is reached again and some of them do not sleep any
 * more, those are taken now. Steps are told apart by actor and position, so a kill, of which there are many in one step,
 * never sleeps; nor does a choice past the 32nd.
 *
 * Whether there may be a cycle is told by the order in which states are left: without one, a step leads to a state that
 * is left already, and was left earlier than the state it comes from.
 */
import { firstOracle } from '../world-state.js';
import type { Found } from './depth-first.js';
import { Footprints, ROW, STEPS_MAX } from './footprints.js';
import { CHOICES_MAX, PROGRESS_STATES, type Search } from './search.js';
import { SleepTable } from './sleep-table.js';
import type { StepSpace } from './step-space.js';

/** Choices that can sleep: one bit each. */
const SLEEPERS_MAX = 32;

export function sleepingDepthFirst(search: Search, space: StepSpace): Found {
  const footprints = new Footprints(search.world.memory, space);
  footprints.attach();
  try {
    return new SleepSearch(search, space, footprints).run();
  } finally {
    footprints.detach();
  }
}

/** Words of a frame: where its choices begin, where the next is, where they end, what to undo to, the hash of its state. */
const START = 0;
const NEXT = 1;
const END = 2;
const MARK = 3;
const LOW = 4;
const HIGH = 5;
/** Of the choices that have a bit, those that are taken. */
const TAKEN = 6;
/** When the state was left, where it is entered again; 0 the first time. */
const LEFT = 7;
const FRAME = 8;

class SleepSearch {
  readonly #search: Search;
  readonly #space: StepSpace;
  readonly #footprints: Footprints;
  readonly #visited: SleepTable;
  #open = new Int32Array(1 << 16);
  #frames = new Int32Array(FRAME << 10);
  /** For each frame, the steps that sleep in it, those already taken too. */
  #sleeping = new Int32Array(ROW << 10);
  /** Steps that sleep in the state that is about to be entered. */
  readonly #next = new Int32Array(ROW);
  #top = 0;
  #depth = -1;
  #transitions = 0;
  #offered = 0;
  #deepest = 0;
  #leavings = 0;
  #violations = 0;
  #fault: string | null = null;
  #cyclic = false;

  constructor(search: Search, space: StepSpace, footprints: Footprints) {
    this.#search = search;
    this.#visited = new SleepTable(search.allocate);
    this.#space = space;
    this.#footprints = footprints;
  }

  run(): Found {
    const { world, maxStates, onProgress } = this.#search;
    const { memory } = world;
    const visited = this.#visited;
    this.#enter(visited.find(memory.hashLow, memory.hashHigh));
    let cut = false;
    while (this.#depth >= 0 && this.#violations === 0) {
      if (!this.#take()) continue;
      if (this.#violations !== 0) break;
      const place = visited.find(memory.hashLow, memory.hashHigh);
      const { size, added } = visited;
      this.#watchOrder(place, added);
      if (added && (size & (PROGRESS_STATES - 1)) === 0)
        onProgress({ states: size, transitions: this.#transitions, depth: this.#depth });
      cut = size >= maxStates;
      if (cut) break;
      if (added ? this.#enter(place) : this.#enterAgain(place)) continue;
      if (this.#violations === 0) this.#back();
    }
    memory.undo(0, 0, 0);
    return {
      holds: this.#violations === 0,
      complete: this.#violations === 0 && !cut,
      oracle: firstOracle(this.#violations) ?? null,
      fault: this.#fault,
      states: visited.size,
      transitions: this.#transitions,
      offered: this.#offered,
      depth: this.#deepest,
      tableBytes: visited.bytes,
      cyclic: this.#cyclic,
      choices: this.#violations === 0 ? [] : this.#path(),
    };
  }

  /** Takes the next choice of the last frame; false when it is to be passed over, or there is none and the frame is left. */
  #take(): boolean {
    const frames = this.#frames;
    const at = this.#depth * FRAME;
    const next = frames[at + NEXT] as number;
    if (next === frames[at + END]) {
      this.#leave();
      return false;
    }
    frames[at + NEXT] = next + 1;
    const index = next - (frames[at + START] as number);
    if (index < SLEEPERS_MAX ? ((frames[at + TAKEN] as number) & (1 << index)) === 0 : frames[at + LEFT] !== 0)
      return false;
    const { world, mask } = this.#search;
    const choice = this.#open[next] as number;
    const step = this.#footprints.stepOfChoice(choice);
    this.#footprints.beginStep(step);
    world.step(choice);
    this.#footprints.end();
    this.#transitions++;
    this.#violations = world.violations & mask;
    if (this.#violations !== 0) this.#fault = world.lastFault;
    const { conflicts } = this.#footprints;
    const row = this.#depth * ROW;
    for (let i = 0; i < ROW; i++)
      this.#next[i] = (this.#sleeping[row + i] as number) & ~(conflicts[step * ROW + i] as number);
    // The last number may stand for several steps.
    if (step !== STEPS_MAX - 1) (this.#sleeping[row + (step >>> 5)] as number) |= 1 << (step & 31);
    return true;
  }

  /** Enters a new state; false when nothing is to be done there, or an oracle fails. */
  #enter(place: number): boolean {
    const { world, mask } = this.#search;
    const { memory } = world;
    const count = this.#enumerate();
    this.#offered += count;
    if (world.atRest) {
      const { journalLength, hashLow, hashHigh } = memory;
      world.quiescent();
      this.#violations = world.violations & mask;
      memory.undo(journalLength, hashLow, hashHigh);
      if (this.#violations !== 0) return false;
    }
    const asleep = this.#asleep(count);
    this.#visited.setSleeping(place, asleep);
    this.#push(count, asleep, ~asleep, 0);
    return true;
  }

  /** Enters a state that was seen, for the choices that slept there and do not now; false when there is none. */
  #enterAgain(place: number): boolean {
    const before = this.#visited.sleeping(place);
    if (before === 0) return false;
    const count = this.#enumerate();
    const asleep = this.#asleep(count) & before;
    if (asleep === before) return false;
    this.#visited.setSleeping(place, asleep);
    this.#push(count, asleep, before & ~asleep, this.#visited.left(place) || 1);
    return true;
  }

  #enumerate(): number {
    if (this.#top + CHOICES_MAX > this.#open.length) this.#open = doubled(this.#open);
    this.#footprints.beginState();
    const count = this.#search.world.enumerate(this.#open, this.#top);
    this.#footprints.end();
    return count;
  }

  /** Those of the present state's choices whose steps are in `next`, one bit each. */
  #asleep(count: number): number {
    let asleep = 0;
    for (let i = 0; i < Math.min(count, SLEEPERS_MAX); i++) {
      const choice = this.#open[this.#top + i] as number;
      if (this.#space.isKill(choice)) continue;
      const step = this.#footprints.stepOfChoice(choice);
      if (((this.#next[step >>> 5] as number) & (1 << (step & 31))) !== 0) asleep |= 1 << i;
    }
    return asleep;
  }

  #push(count: number, asleep: number, taken: number, left: number): void {
    const { memory } = this.#search.world;
    const depth = ++this.#depth;
    if (depth > this.#deepest) this.#deepest = depth;
    if (depth * FRAME === this.#frames.length) {
      this.#frames = doubled(this.#frames);
      this.#sleeping = doubled(this.#sleeping);
    }
    const at = depth * FRAME;
    const frames = this.#frames;
    frames[at + START] = this.#top;
    frames[at + NEXT] = this.#top;
    frames[at + END] = this.#top + count;
    frames[at + MARK] = memory.journalLength;
    frames[at + LOW] = memory.hashLow;
    frames[at + HIGH] = memory.hashHigh;
    frames[at + TAKEN] = taken;
    frames[at + LEFT] = left;
    const row = depth * ROW;
    this.#sleeping.fill(0, row, row + ROW);
    for (let i = 0; asleep >>> i !== 0 && i < SLEEPERS_MAX; i++) {
      if ((asleep & (1 << i)) === 0) continue;
      const step = this.#footprints.stepOfChoice(this.#open[this.#top + i] as number);
      (this.#sleeping[row + (step >>> 5)] as number) |= 1 << (step & 31);
    }
    this.#top += count;
  }

  #leave(): void {
    const at = this.#depth * FRAME;
    const frames = this.#frames;
    this.#top = frames[at + START] as number;
    if (frames[at + LEFT] === 0) {
      const place = this.#visited.find(frames[at + LOW] as number, frames[at + HIGH] as number);
      this.#visited.setLeft(place, ++this.#leavings);
    }
    this.#depth--;
    if (this.#depth >= 0) this.#back();
  }

  /** Back to the state of the last frame. */
  #back(): void {
    const at = this.#depth * FRAME;
    const frames = this.#frames;
    this.#search.world.memory.undo(
      frames[at + MARK] as number,
      frames[at + LOW] as number,
      frames[at + HIGH] as number,
    );
  }

  /** A step has led from the state of the last frame to the one at `place`. */
  #watchOrder(place: number, isNew: boolean): void {
    const from = this.#frames[this.#depth * FRAME + LEFT] as number;
    if (isNew) {
      if (from !== 0) this.#cyclic = true;
      return;
    }
    const to = this.#visited.left(place);
    if (to === 0 || (from !== 0 && to >= from)) this.#cyclic = true;
  }

  /** The choice taken in each frame. */
  #path(): number[] {
    return Array.from({ length: this.#depth + 1 }, (_, level) => {
      return this.#open[(this.#frames[level * FRAME + NEXT] as number) - 1] as number;
    });
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
