/**
 * A persistent list of items with distinct numbers, in the order of the numbers.
 *
 * The items lie in blocks, and a change copies one block and the list of blocks: with ten thousand connections that is a
 * few hundred references. The hash of a list is the sum (xor) of the hashes of its items, kept up to date by each change;
 * where nobody needs hashes, none is taken.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';

export interface Numbered extends Hashed {
  readonly id: number;
}

type Block<T> = readonly T[];

/** Items in a block at most. */
const BLOCK_MAX = 64;

export class IdList<T extends Numbered> implements Hashed {
  readonly count: number;
  readonly hashLow: number;
  readonly hashHigh: number;
  readonly #blocks: readonly Block<T>[];
  readonly #hashed: boolean;

  private constructor(blocks: readonly Block<T>[], count: number, hashed: boolean, hashLow: number, hashHigh: number) {
    this.#blocks = blocks;
    this.count = count;
    this.#hashed = hashed;
    this.hashLow = hashLow;
    this.hashHigh = hashHigh;
  }

  static empty<T extends Numbered>(hashed: boolean): IdList<T> {
    return new IdList<T>([], 0, hashed, 0, 0);
  }

  /** All items; a list of its own if there are many. */
  get items(): readonly T[] {
    const blocks = this.#blocks;
    return blocks.length === 1 ? (blocks[0] as Block<T>) : blocks.flat();
  }

  /** The item with the highest number. */
  get last(): T | undefined {
    return this.#blocks.at(-1)?.at(-1);
  }

  get(id: number): T | undefined {
    const block = this.#blocks[this.#blockOf(id)];
    const item = block?.[position(block, id)];
    return item !== undefined && item.id === id ? item : undefined;
  }

  /** The lowest number from 0 up that no item has. */
  get lowestFree(): number {
    let free = 0;
    for (const block of this.#blocks) {
      const first = (block[0] as T).id;
      const last = (block.at(-1) as T).id;
      if (first > free) return free;
      // A block without gaps need not be looked at.
      if (last - first + 1 !== block.length) {
        for (const { id } of block) {
          if (id > free) return free;
          free = id + 1;
        }
      }
      free = last + 1;
    }
    return free;
  }

  /** The list with `item` in the place of the one with its number, or added. */
  set(item: T): IdList<T> {
    const at = this.#blockOf(item.id);
    const block = this.#blocks[at] ?? [];
    const place = position(block, item.id);
    const old = block[place];
    if (old !== undefined && old.id === item.id) return this.#replaced(at, place, old, item);
    const changed = block.toSpliced(place, 0, item);
    const half = changed.length >>> 1;
    const parts = changed.length > BLOCK_MAX ? [changed.slice(0, half), changed.slice(half)] : [changed];
    return this.#changed(this.#withBlock(at, parts), undefined, item);
  }

  /** The usual change. */
  #replaced(at: number, place: number, old: T, item: T): IdList<T> {
    const block = (this.#blocks[at] as Block<T>).slice();
    block[place] = item;
    const blocks = this.#blocks.slice();
    blocks[at] = block;
    return this.#changed(blocks, old, item);
  }

  delete(id: number): IdList<T> {
    const at = this.#blockOf(id);
    const block = this.#blocks[at] ?? [];
    const place = position(block, id);
    const old = block[place];
    if (old === undefined || old.id !== id) return this;
    const left = block.toSpliced(place, 1);
    return this.#changed(this.#withBlock(at, left.length === 0 ? [] : [left]), old, undefined);
  }

  #withBlock(at: number, parts: readonly Block<T>[]): readonly Block<T>[] {
    const blocks = this.#blocks.slice();
    blocks.splice(at, 1, ...parts);
    return blocks;
  }

  #changed(blocks: readonly Block<T>[], old: T | undefined, item: T | undefined): IdList<T> {
    const count = this.count + (item === undefined ? 0 : 1) - (old === undefined ? 0 : 1);
    if (!this.#hashed) return new IdList(blocks, count, false, 0, 0);
    let low = this.hashLow;
    let high = this.hashHigh;
    // Finished with `mix`: what is added up must not cancel out by accident.
    if (old !== undefined) {
      low ^= mix(LOW, old.hashLow);
      high ^= mix(HIGH, old.hashHigh);
    }
    if (item !== undefined) {
      low ^= mix(LOW, item.hashLow);
      high ^= mix(HIGH, item.hashHigh);
    }
    return new IdList(blocks, count, true, low, high);
  }

  /** Number of the block in which `id` is, or would be: the last one that does not begin after it. */
  #blockOf(id: number): number {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((blocks[middle] as Block<T>)[0] as T).id <= id) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Where `id` is in `block`, or would be. */
function position<T extends Numbered>(block: Block<T>, id: number): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((block[middle] as T).id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
