/**
 * Where the states of a table lie that consists of parts. A search that stays in few of them finds these in the caches of
 * the processor and need not wait for memory, however large the table is.
 *
 * Each part is a table by extendible hashing (R. Fagin, J. Nievergelt, N. Pippenger, H. R. Strong, 1979): pages of 64 slots
 * of 8 bytes, and a directory by the uppermost bits of the mixed hash. A page that is full is split in two. So parts may be
 * as uneven as they like, and nothing is copied as a whole.
 *
 * A part that is looked at again and again is fetched: its lines come together, where each would be waited for.
 */
import type { Allocate } from '../../protocol/allocate.js';
import { assert } from '../../protocol/assert.js';
import { GrowingWords } from '../../protocol/growing-words.js';
import { mixed } from './visited-table.js';

/** Parts that there can be. A part takes 4 bytes before its first state, and then a page. */
export const PARTS: number = 1 << 13;

const PAGE_BITS = 6;
const PAGE_SLOTS = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_SLOTS - 1;
const PAGE_WORDS = PAGE_SLOTS * 2;
const FIRST_PAGES = 1 << 9;
/** States of a page that is split before it takes another; with one slot less than it has, it takes none. */
const SPLIT_AT = 56;
/** A directory is not doubled that has more entries for each page there is: the hashes of its part are hardly spread. */
const ENTRIES_FOR_A_PAGE = 16;
/** A part is a word: where its directory begins, and by how many bits of the hash it goes. */
const DEPTH_BITS = 5;
const DEPTH_MASK = (1 << DEPTH_BITS) - 1;
const ENTRIES_MAX = 2 ** (32 - DEPTH_BITS);
/** Parts of which the looks are counted; a power of two. */
const RECENT = 16;
const LOOKS_BITS = 8;
const LOOKS_MASK = (1 << LOOKS_BITS) - 1;
/** A part that was looked at so often, while no other took its place, will be looked at more. */
const OFTEN = 16;
/** A part with a larger directory is not fetched: it has pages enough that few of them are wanted soon. */
const FETCHED_DEPTH_MAX = 8;
/** A line of the caches has 64 bytes. */
const LINE_WORDS = 16;

export class PagedParts {
  /** Behind the slot with these bits comes the first of its page. */
  readonly pageMask: number = PAGE_MASK;
  /** Pages one behind the other. The first stays empty: it is that of all parts without states. */
  readonly #slots: GrowingWords;
  /** Of parts that were looked at last: which, and how often. */
  readonly #looks = new Int32Array(RECENT);
  /** What fetching a part comes to: nobody asks, but it has to be done. */
  readonly #fetched = new Int32Array(1);
  #pages = 1;
  /** Of each page: how many states it has, and how many bits of the hash they share. */
  #counts = new Uint8Array(FIRST_PAGES);
  #depths = new Uint8Array(FIRST_PAGES);
  readonly #parts = new Int32Array(PARTS);
  /** The directories of the parts: numbers of pages. The first entry is for parts without states. */
  #directory = new Int32Array(FIRST_PAGES);
  #directoryEnd = 1;
  readonly #dealt = new Int32Array(PAGE_WORDS);

  constructor(allocate: Allocate) {
    this.#slots = new GrowingWords(FIRST_PAGES * PAGE_WORDS, allocate);
    this.#counts[0] = PAGE_SLOTS;
  }

  /** Until room is made. */
  get slots(): Int32Array {
    return this.#slots.words;
  }

  get bytes(): number {
    const pages = this.slots.byteLength + this.#counts.byteLength + this.#depths.byteLength;
    return pages + this.#parts.byteLength + this.#directory.byteLength;
  }

  /** The slot where a state of a part would be, or the first of those where it would be. */
  slotOf(hash: number, high: number, part: number): number {
    const recent = part & (RECENT - 1);
    const looks = this.#looks[recent] as number;
    if (looks >>> LOOKS_BITS !== part) this.#looks[recent] = part << LOOKS_BITS;
    else if ((looks & LOOKS_MASK) < OFTEN) this.#lookAgain(part, recent, looks + 1);
    return (this.#pageOf(hash, part) << PAGE_BITS) | (high & PAGE_MASK);
  }

  /** Whether the page of a slot takes another state without being split. */
  hasRoom(slot: number): boolean {
    return (this.#counts[slot >>> PAGE_BITS] as number) < SPLIT_AT;
  }

  /** Makes the page of a state, or splits it until it takes another; false when it is full and cannot be split. */
  makeRoom(hash: number, part: number): boolean {
    let page = this.#pageOf(hash, part);
    if (page === 0) page = this.#begin(part);
    while ((this.#counts[page] as number) >= SPLIT_AT && this.#split(hash, part, page)) page = this.#pageOf(hash, part);
    return (this.#counts[page] as number) < PAGE_SLOTS - 1;
  }

  /** There is one more state in the page of a slot. */
  count(slot: number): void {
    (this.#counts[slot >>> PAGE_BITS] as number)++;
  }

  /** The part was looked at so many times of late. */
  #lookAgain(part: number, recent: number, looks: number): void {
    this.#looks[recent] = looks;
    if ((looks & LOOKS_MASK) === OFTEN) this.#fetched[0] = this.#fetch(part);
  }

  /** Looks at all lines of a part. They come together, where each would be waited for that is looked at alone. */
  #fetch(part: number): number {
    const place = this.#parts[part] as number;
    const depth = place & DEPTH_MASK;
    if (depth > FETCHED_DEPTH_MAX) return 0;
    const { words } = this.#slots;
    const end = (place >>> DEPTH_BITS) + (1 << depth);
    let sum = 0;
    let last = 0;
    for (let entry = place >>> DEPTH_BITS; entry < end; entry++) {
      const page = this.#directory[entry] as number;
      if (page === last) continue;
      last = page;
      const begin = page * PAGE_WORDS;
      for (let word = begin; word < begin + PAGE_WORDS; word += LINE_WORDS) sum ^= words[word] as number;
    }
    return sum;
  }

  #pageOf(hash: number, part: number): number {
    const place = this.#parts[part] as number;
    const depth = place & DEPTH_MASK;
    return this.#directory[(place >>> DEPTH_BITS) + ((hash >>> 1) >>> (31 - depth))] as number;
  }

  /** The first page of a part. */
  #begin(part: number): number {
    const page = this.#newPage(0);
    const directory = this.#newDirectory(1);
    this.#directory[directory] = page;
    this.#parts[part] = directory << DEPTH_BITS;
    return page;
  }

  /** Splits the page of a state by one more bit of the hash; false when that would not help. */
  #split(hash: number, part: number, page: number): boolean {
    const depth = this.#depths[page] as number;
    if (depth === ((this.#parts[part] as number) & DEPTH_MASK)) {
      if (1 << depth > this.#pages * ENTRIES_FOR_A_PAGE) return false;
      this.#doubleDirectory(part);
    }
    const place = this.#parts[part] as number;
    const span = 1 << ((place & DEPTH_MASK) - depth);
    const other = this.#newPage(depth + 1);
    this.#depths[page] = depth + 1;
    const begin = (place >>> DEPTH_BITS) + ((hash >>> 1) >>> (31 - depth)) * span;
    this.#directory.fill(other, begin + span / 2, begin + span);
    this.#deal(page, other, 31 - depth);
    return true;
  }

  /** Deals the states of `page` out to it and `other`, which is empty, by one bit of their hash. */
  #deal(page: number, other: number, bit: number): void {
    const slots = this.slots;
    const dealt = this.#dealt;
    const begin = page * PAGE_WORDS;
    for (let i = 0; i < PAGE_WORDS; i++) {
      dealt[i] = slots[begin + i] as number;
      slots[begin + i] = 0;
    }
    let moved = 0;
    for (let i = 0; i < PAGE_WORDS; i += 2) {
      const low = dealt[i] as number;
      const high = dealt[i + 1] as number;
      if (low === 0 && high === 0) continue;
      const side = (mixed(low, high) >>> bit) & 1;
      const to = (side === 0 ? page : other) << PAGE_BITS;
      let slot = high & PAGE_MASK;
      while (slots[(to + slot) * 2] !== 0 || slots[(to + slot) * 2 + 1] !== 0) slot = (slot + 1) & PAGE_MASK;
      slots[(to + slot) * 2] = low;
      slots[(to + slot) * 2 + 1] = high;
      moved += side;
    }
    (this.#counts[page] as number) -= moved;
    this.#counts[other] = moved;
  }

  #newPage(depth: number): number {
    const page = this.#pages++;
    if (page === this.#counts.length) {
      const pages = page + (page >>> 1);
      this.#slots.grow(pages * PAGE_WORDS);
      this.#counts = longer(this.#counts, pages);
      this.#depths = longer(this.#depths, pages);
    }
    this.#depths[page] = depth;
    return page;
  }

  /** Room for so many entries. What a directory leaves that doubles stays unused: together no more than what is used. */
  #newDirectory(entries: number): number {
    const begin = this.#directoryEnd;
    this.#directoryEnd += entries;
    assert(this.#directoryEnd <= ENTRIES_MAX, `visited table: its directories have ${this.#directoryEnd} entries`);
    if (this.#directoryEnd > this.#directory.length) {
      const larger = new Int32Array(Math.max(this.#directory.length * 2, this.#directoryEnd));
      larger.set(this.#directory);
      this.#directory = larger;
    }
    return begin;
  }

  #doubleDirectory(part: number): void {
    const place = this.#parts[part] as number;
    const depth = place & DEPTH_MASK;
    const entries = 1 << depth;
    const old = place >>> DEPTH_BITS;
    const begin = this.#newDirectory(entries * 2);
    const directory = this.#directory;
    for (let i = 0; i < entries * 2; i++) directory[begin + i] = directory[old + (i >>> 1)] as number;
    this.#parts[part] = (begin << DEPTH_BITS) | (depth + 1);
  }
}

function longer(array: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length);
  larger.set(array);
  return larger;
}
