/**
 * The set of visited states: their 64-bit hashes in one open-addressing table of 8 bytes a slot.
 *
 * It doubles at 3/4 full, so a state takes 10.7 to 21.3 bytes. Nothing else grows with the number of states. The slot is
 * chosen by the uppermost bits of the mixed hash, so that a table that grows is written from its beginning to its end.
 */
import { type Allocate, allocatePlain } from '../../protocol/allocate.js';

const FIRST_BITS = 12;
const SLOT_BYTES = 8;

export class VisitedTable {
  /** Number of states. */
  size = 0;
  readonly #allocate: Allocate;
  #slots: Int32Array;
  #mask = (1 << FIRST_BITS) - 1;
  #shift = 32 - FIRST_BITS;

  constructor(allocate: Allocate = allocatePlain) {
    this.#allocate = allocate;
    this.#slots = new Int32Array(allocate(SLOT_BYTES << FIRST_BITS));
  }

  /** Bytes the table takes. */
  get bytes(): number {
    return this.#slots.byteLength;
  }

  /** Adds a state; false when it is there already. */
  add(low: number, high: number): boolean {
    if (this.size * 4 >= this.#mask * 3) this.#grow();
    // An empty slot is 0, 0: the state with that hash takes the place of its neighbour.
    if (!this.#insert(low === 0 && high === 0 ? 1 : low, high)) return false;
    this.size++;
    return true;
  }

  has(low: number, high: number): boolean {
    const slots = this.#slots;
    const mask = this.#mask;
    const first = low === 0 && high === 0 ? 1 : low;
    for (let slot = mixed(first, high) >>> this.#shift; ; slot = (slot + 1) & mask) {
      const foundLow = slots[slot * 2] as number;
      const foundHigh = slots[slot * 2 + 1] as number;
      if (foundLow === first && foundHigh === high) return true;
      if (foundLow === 0 && foundHigh === 0) return false;
    }
  }

  /**
   * Loads where a state would be and returns whatever is there. Looks that follow one another without waiting for what
   * they find miss the caches at the same time and not one after the other.
   */
  touch(low: number, high: number): number {
    return this.#slots[(mixed(low, high) >>> this.#shift) * 2] as number;
  }

  #insert(low: number, high: number): boolean {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = mixed(low, high) >>> this.#shift; ; slot = (slot + 1) & mask) {
      const foundLow = slots[slot * 2] as number;
      const foundHigh = slots[slot * 2 + 1] as number;
      if (foundLow === 0 && foundHigh === 0) {
        slots[slot * 2] = low;
        slots[slot * 2 + 1] = high;
        return true;
      }
      if (foundLow === low && foundHigh === high) return false;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(this.#allocate(old.byteLength * 2));
    this.#mask = old.length - 1;
    this.#shift--;
    for (let i = 0; i < old.length; i += 2) {
      const low = old[i] as number;
      const high = old[i + 1] as number;
      if (low !== 0 || high !== 0) this.#insert(low, high);
    }
  }
}

function mixed(low: number, high: number): number {
  return Math.imul(low ^ (high >>> 7), 0x9e3779b1);
}
