/**
 * A persistent list of items with distinct numbers, in the order of the numbers. The hash of a list is the sum (xor) of
 * the hashes of its items, kept up to date by each change; where nobody needs hashes, none is taken.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';

export interface Numbered extends Hashed {
  readonly id: number;
}

export class IdList<T extends Numbered> implements Hashed {
  readonly items: readonly T[];
  readonly hashLow: number;
  readonly hashHigh: number;
  readonly #hashed: boolean;

  private constructor(items: readonly T[], hashed: boolean, hashLow: number, hashHigh: number) {
    this.items = items;
    this.#hashed = hashed;
    this.hashLow = hashLow;
    this.hashHigh = hashHigh;
  }

  static empty<T extends Numbered>(hashed: boolean): IdList<T> {
    return new IdList<T>([], hashed, 0, 0);
  }

  get(id: number): T | undefined {
    const item = this.items[this.#position(id)];
    return item !== undefined && item.id === id ? item : undefined;
  }

  /** The list with `item` in the place of the one with its number, or added. */
  set(item: T): IdList<T> {
    const at = this.#position(item.id);
    const items = this.items.slice();
    const old = items[at];
    if (old === undefined || old.id !== item.id) {
      items.splice(at, 0, item);
      return this.#changed(items, undefined, item);
    }
    items[at] = item;
    return this.#changed(items, old, item);
  }

  delete(id: number): IdList<T> {
    const at = this.#position(id);
    const old = this.items[at];
    return old === undefined || old.id !== id ? this : this.#changed(this.items.toSpliced(at, 1), old, undefined);
  }

  #changed(items: readonly T[], old: T | undefined, item: T | undefined): IdList<T> {
    if (!this.#hashed) return new IdList(items, false, 0, 0);
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
    return new IdList(items, true, low, high);
  }

  /** Where `id` is, or would be. */
  #position(id: number): number {
    const { items } = this;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((items[middle] as T).id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
