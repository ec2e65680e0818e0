/**
 * The memory of a simulated machine, with a journal.
 *
 * One array of words holds every page of every host. Each store records (word, old value) in the journal and updates
 * a 64-bit hash of the whole state; from that follow, without further machinery, backtracking (`undo`), recognition
 * of visited states (`hashLow`, `hashHigh`), a crash between any two stores (`storesLeft`), and traces of who wrote
 * which field (`journalWord`).
 *
 * Frame 0 is the page table: its word f holds the set of agents, one bit each, that may touch frame f. Every load and
 * store is checked against `current`, the agents on whose behalf code runs now, so that no driver reaches a page that
 * is neither its own nor mapped through a grant. What is not bytes by nature lies in *cells*: immutable values, each
 * with its own hash, whose assignment is journaled too.
 *
 * Not guaranteed: the hash is not collision-free. Two different states are taken for one with a probability of
 * about n^2 / 2^65 for n states (3e-8 for a million).
 */
import { longer } from '../protocol/allocate.js';
import { assert } from '../protocol/assert.js';
import type { Hashed } from '../protocol/hashed.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import type { MachineMemory } from './machine-memory.js';
import { CrashSignal, MemoryFault } from './memory-faults.js';

export { CrashSignal, MemoryFault } from './memory-faults.js';

/** Told of each access while it is set; for footprints and for the double-fetch detector. */
export interface AccessObserver {
  load(address: number, size: number): void;
  store(address: number, size: number): void;
  /** A word (or a cell, as -1 - cell) is about to be assigned `value` (a cell 0), which may be what it holds already. */
  stored?(word: number, value: number, changed: boolean): void;
  /** A cell has been looked at. */
  looked?(cell: number): void;
}

/** Every agent: the hypervisor and the instrumentation run with this. */
export const ALL_AGENTS = -1;
/** The agent that may touch every page but the page table. */
const HYPERVISOR = 1 << 30;

/** `storesLeft` when no crash is planned. */
export const NO_CRASH = -1;
const CELL_FLAG = 0x80000000 | 0;
/** Cells a memory may have. */
const CELLS_MAX = 64;
const PAGE_WORDS = PAGE_SIZE / 4;
/** A page is looked at in 32 blocks, so that one word says which of them have ever been stored to. */
const BLOCKS = 32;
const BLOCK_WORDS = PAGE_WORDS / BLOCKS;

export class JournaledMemory implements MachineMemory {
  readonly words: Int32Array;
  /** The words, and behind them the hash of what each cell holds, two words each: all that a state is made of. */
  readonly places: Int32Array;
  /** Blocks that have ever been stored to. Copying and clearing pass over the others: how often they have. */
  usedBlocks = 0;
  passedOver = 0;
  /** Bit set of the agents that run now. */
  current = ALL_AGENTS;
  /** Both halves of the hash of the state, relative to the state at the last `reset`. */
  hashLow = 0;
  hashHigh = 0;
  /** Stores until `CrashSignal`, or `NO_CRASH`. */
  storesLeft = NO_CRASH;
  observer: AccessObserver | null = null;
  journalLength = 0;
  /** The shortest that the journal has been since somebody set this: what is in it up to there has been in it all the time. */
  journalKept = 0;

  readonly #frames: number;
  /** The page table alone: past its end there is nothing, so a wild address faults and finds no page that looks like a table. */
  readonly #table: Int32Array;
  /** For each frame, the blocks that have ever been stored to; the others are zero. Only grows, so it is not journaled. */
  readonly #used: Int32Array;
  readonly #cells: Hashed[] = [];
  #journal = new Int32Array(1 << 12);
  #oldCells: Hashed[] = [];
  #oldCellsLength = 0;

  /** `frames` pages of `PAGE_SIZE` bytes; frame 0 is the page table. */
  constructor(frames: number) {
    assert(frames >= 1 && frames <= PAGE_SIZE / 4, `memory: expected 1 to ${PAGE_SIZE / 4} frames, found ${frames}`);
    this.#frames = frames;
    const words = frames * PAGE_WORDS;
    this.places = new Int32Array(words + CELLS_MAX * 2);
    this.words = this.places.subarray(0, words);
    this.words.fill(HYPERVISOR, 1, frames);
    this.#used = new Int32Array(frames);
    this.#table = this.words.subarray(0, frames);
  }

  get size(): number {
    return this.#frames * PAGE_SIZE;
  }

  /** Lets exactly the agents of the bit set `agents` touch `frame`. */
  protect(frame: number, agents: number): void {
    assert(frame > 0 && frame < this.#frames, `memory: there is no frame ${frame}`);
    this.#store(frame, agents | HYPERVISOR);
  }

  /** The agents that may touch `frame`. */
  agentsOf(frame: number): number {
    return this.word(frame) & ~HYPERVISOR;
  }

  /** What word `index` holds, as a signed number, whoever may touch it: for what is looked at in every state. */
  word(index: number): number {
    if (this.observer !== null) this.observer.load(index << 2, 4);
    return this.words[index] as number;
  }

  read8(address: number): number {
    if (((this.#table[address >>> 12] as number) & this.current) === 0) this.#fault(address, 'load');
    if (this.observer !== null) this.observer.load(address, 1);
    return ((this.words[address >>> 2] as number) >>> ((address & 3) << 3)) & 0xff;
  }

  read16(address: number): number {
    if (((this.#table[address >>> 12] as number) & this.current) === 0) this.#fault(address, 'load');
    if (this.observer !== null) this.observer.load(address, 2);
    return ((this.words[address >>> 2] as number) >>> ((address & 2) << 3)) & 0xffff;
  }

  read32(address: number): number {
    if (((this.#table[address >>> 12] as number) & this.current) === 0) this.#fault(address, 'load');
    if (this.observer !== null) this.observer.load(address, 4);
    return (this.words[address >>> 2] as number) >>> 0;
  }

  write8(address: number, value: number): void {
    if (((this.#table[address >>> 12] as number) & this.current) === 0) this.#fault(address, 'store');
    if (this.observer !== null) this.observer.store(address, 1);
    const index = address >>> 2;
    const shift = (address & 3) << 3;
    this.#store(index, ((this.words[index] as number) & ~(0xff << shift)) | ((value & 0xff) << shift));
  }

  write16(address: number, value: number): void {
    if (((this.#table[address >>> 12] as number) & this.current) === 0) this.#fault(address, 'store');
    if (this.observer !== null) this.observer.store(address, 2);
    const index = address >>> 2;
    const shift = (address & 2) << 3;
    this.#store(index, ((this.words[index] as number) & ~(0xffff << shift)) | ((value & 0xffff) << shift));
  }

  write32(address: number, value: number): void {
    if (((this.#table[address >>> 12] as number) & this.current) === 0) this.#fault(address, 'store');
    if (this.observer !== null) this.observer.store(address, 4);
    this.#store(address >>> 2, value | 0);
  }

  or32(address: number, bits: number): void {
    this.write32(address, this.read32(address) | bits);
  }

  and32(address: number, bits: number): void {
    this.write32(address, this.read32(address) & bits);
  }

  writeWords(address: number, words: Int32Array, length: number): void {
    this.#checkRange(address, length, 'store');
    const start = address >>> 2;
    const count = (length + 3) >>> 2;
    for (let i = 0; i < count; i++) this.#store(start + i, words[i] as number);
  }

  copy(from: number, to: number, length: number): void {
    this.#checkRange(from, length, 'load');
    this.#checkRange(to, length, 'store');
    const source = from >>> 2;
    const target = to >>> 2;
    const count = (length + 3) >>> 2;
    for (let i = 0; i < count; i++) this.#store(target + i, this.words[source + i] as number);
  }

  clear(address: number, length: number): void {
    this.#checkRange(address, length, 'store');
    const end = (address + length + 3) >>> 2;
    for (let index = address >>> 2; index < end; index++) {
      // A block never stored to is zero: on to the next.
      if (((this.#used[index >>> 10] as number) & (1 << ((index >>> 5) & 31))) === 0) {
        index |= BLOCK_WORDS - 1;
        this.passedOver++;
      } else this.#store(index, 0);
    }
  }

  /** Runs `body` as the hypervisor, which may touch every page. It runs whole: nobody dies in the middle of it. */
  asHypervisor<T>(body: () => T): T {
    const { current, storesLeft } = this;
    this.current = ALL_AGENTS;
    this.storesLeft = NO_CRASH;
    try {
      return body();
    } finally {
      this.current = current;
      this.storesLeft = storesLeft;
    }
  }

  /** Copies frame `from` to frame `to`, whoever may touch them: what the toolstack's save and restore do. */
  copyPage(from: number, to: number): void {
    const { words, observer } = this;
    const used = (this.#used[from] as number) | (this.#used[to] as number);
    this.passedOver++;
    for (let block = 0; block < BLOCKS; block++) {
      if ((used & (1 << block)) === 0) continue;
      const source = from * PAGE_WORDS + block * BLOCK_WORDS;
      const target = to * PAGE_WORDS + block * BLOCK_WORDS;
      for (let i = 0; i < BLOCK_WORDS; i++) {
        if (observer !== null) observer.load((source + i) << 2, 4);
        if (observer !== null || words[source + i] !== words[target + i])
          this.#store(target + i, words[source + i] as number);
      }
    }
  }

  /** Zeroes frame `frame`, whoever may touch it. */
  clearPage(frame: number): void {
    const { words, observer } = this;
    const used = this.#used[frame] as number;
    this.passedOver++;
    for (let block = 0; block < BLOCKS; block++) {
      if ((used & (1 << block)) === 0) continue;
      const start = frame * PAGE_WORDS + block * BLOCK_WORDS;
      for (let i = start; i < start + BLOCK_WORDS; i++) {
        if (observer !== null || words[i] !== 0) this.#store(i, 0);
      }
    }
  }

  /** Adds a cell that holds `value`; returns its number. Only before exploration starts. */
  addCell(value: Hashed): number {
    const cell = this.#cells.length;
    assert(cell < CELLS_MAX, `memory: expected at most ${CELLS_MAX} cells`);
    this.#setCell(cell, value);
    return cell;
  }

  /** Where in `places` the hash of the value of cell `index` lies: two words. */
  placeOfCell(index: number): number {
    return this.words.length + index * 2;
  }

  cell(index: number): Hashed {
    if (this.observer !== null) this.observer.looked?.(index);
    return this.#cells[index] as Hashed;
  }

  /** Assigns a cell. The assignment counts as one store. */
  assignCell(index: number, value: Hashed): void {
    const old = this.#cells[index] as Hashed;
    if (this.observer !== null) this.observer.stored?.(-1 - index, 0, old !== value);
    if (old === value || (old.hashLow === value.hashLow && old.hashHigh === value.hashHigh)) return;
    this.#countStore();
    this.#mixCell(index, old);
    this.#mixCell(index, value);
    this.#replaceCell(index, value);
  }

  /**
   * Makes a change whose outcome is known: from `at` on, `words` holds `count` pairs of a word's index and its new value,
   * and the hash of the state changes by `low` and `high`. Nobody's leave is asked, and nobody is told.
   */
  change(words: Int32Array, at: number, count: number, low: number, high: number): void {
    for (let i = at; i < at + count * 2; i += 2) {
      const index = words[i] as number;
      this.#record(index, this.words[index] as number);
      this.words[index] = words[i + 1] as number;
    }
    this.hashLow ^= low;
    this.hashHigh ^= high;
  }

  /** The part of such a change that concerns a cell. */
  changeCell(index: number, value: Hashed): void {
    this.#replaceCell(index, value);
  }

  /** Takes back every store after the journal was `length` entries long; the hashes are those of that moment. */
  undo(length: number, hashLow: number, hashHigh: number): void {
    const journal = this.#journal;
    for (let i = this.journalLength - 1; i >= length; i--) {
      const index = journal[i * 2] as number;
      const old = journal[i * 2 + 1] as number;
      if (index >= 0) {
        this.words[index] = old;
      } else {
        this.#setCell(index & ~CELL_FLAG, this.#oldCells[old] as Hashed);
        this.#oldCellsLength = old;
      }
    }
    this.journalLength = length;
    if (length < this.journalKept) this.journalKept = length;
    this.hashLow = hashLow;
    this.hashHigh = hashHigh;
  }

  /** Makes the present state the origin: empties the journal and sets the hash to 0. */
  reset(): void {
    this.journalLength = 0;
    this.journalKept = -1;
    this.#oldCellsLength = 0;
    this.#oldCells = [];
    this.hashLow = 0;
    this.hashHigh = 0;
  }

  /** Word index of journal entry `entry`, or the number of a cell as -1 - cell. */
  journalWord(entry: number): number {
    const index = this.#journal[entry * 2] as number;
    return index >= 0 ? index : -1 - (index & ~CELL_FLAG);
  }

  /** What the word of journal entry `entry` held before. Only for entries of words. */
  journalOld(entry: number): number {
    return this.#journal[entry * 2 + 1] as number;
  }

  #store(index: number, value: number): void {
    const old = this.words[index] as number;
    if (this.observer !== null) this.observer.stored?.(index, value, old !== value);
    if (old === value) return;
    if (this.storesLeft !== NO_CRASH) this.#countStore();
    this.#record(index, old);
    this.words[index] = value;
    const block = 1 << ((index >>> 5) & 31);
    if (((this.#used[index >>> 10] as number) & block) === 0) this.#use(index >>> 10, block);
    // Two independent finalisers over (word, value); both old and new value are mixed, so that undoing by hand works too.
    const place = Math.imul(index, 0x9e3779b1);
    let a = Math.imul(old ^ place, 0x85ebca6b);
    let b = Math.imul(value ^ place, 0x85ebca6b);
    a = Math.imul(a ^ (a >>> 15), 0xc2b2ae35);
    b = Math.imul(b ^ (b >>> 15), 0xc2b2ae35);
    this.hashLow ^= a ^ (a >>> 16) ^ b ^ (b >>> 16);
    a = Math.imul((a ^ (a >>> 13)) + index, 0x27d4eb2f);
    b = Math.imul((b ^ (b >>> 13)) + index, 0x27d4eb2f);
    a = Math.imul(a ^ (a >>> 16), 0x165667b1);
    b = Math.imul(b ^ (b >>> 16), 0x165667b1);
    this.hashHigh ^= a ^ (a >>> 15) ^ b ^ (b >>> 15);
  }

  #use(frame: number, block: number): void {
    (this.#used[frame] as number) |= block;
    this.usedBlocks++;
  }

  #setCell(index: number, value: Hashed): void {
    this.#cells[index] = value;
    const place = this.placeOfCell(index);
    this.places[place] = value.hashLow;
    this.places[place + 1] = value.hashHigh;
  }

  #replaceCell(index: number, value: Hashed): void {
    this.#record(index | CELL_FLAG, this.#oldCellsLength);
    this.#oldCells[this.#oldCellsLength++] = this.#cells[index] as Hashed;
    this.#setCell(index, value);
  }

  #mixCell(index: number, value: Hashed): void {
    const place = Math.imul(index + 1, 0x9e3779b1);
    const low = Math.imul(value.hashLow ^ place, 0x85ebca6b);
    const high = Math.imul(value.hashHigh ^ place, 0xc2b2ae35);
    this.hashLow ^= low ^ (low >>> 15);
    this.hashHigh ^= high ^ (high >>> 13);
  }

  #record(index: number, old: number): void {
    const at = this.journalLength * 2;
    if (at === this.#journal.length) this.#journal = longer(this.#journal);
    this.#journal[at] = index;
    this.#journal[at + 1] = old;
    this.journalLength++;
  }

  /** Checks once for each page what single loads and stores check for each word, and tells the observer of whole words. */
  #checkRange(address: number, length: number, access: 'load' | 'store'): void {
    for (let at = address; at < address + length; at = (at & ~(PAGE_SIZE - 1)) + PAGE_SIZE) {
      if (((this.#table[at >>> 12] as number) & this.current) === 0) this.#fault(at, access);
    }
    if (this.observer === null) return;
    for (let at = address; at < address + length; at += 4) this.observer[access](at, 4);
  }

  #countStore(): void {
    if (this.storesLeft === NO_CRASH) return;
    if (this.storesLeft === 0) throw new CrashSignal('the agent dies before this store');
    this.storesLeft--;
  }

  #fault(address: number, access: 'load' | 'store'): never {
    throw new MemoryFault(address, access, this.current);
  }
}
