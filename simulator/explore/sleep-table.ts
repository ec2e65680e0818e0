/**
 * The set of visited states, each with the choices that sleep there, and the place in the order in which states were
 * left. Open addressing, 16 bytes a slot.
 */
import { type Allocate, allocatePlain } from '../../protocol/allocate.js';

const FIRST_SLOTS = 1 << 12;
const SLOT = 4;

export class SleepTable {
  /** Number of states. */
  size = 0;
  /** Whether the last `find` has added the state. */
  added = false;
  readonly #allocate: Allocate;
  #slots: Int32Array;
  #mask = FIRST_SLOTS - 1;

  constructor(allocate: Allocate = allocatePlain) {
    this.#allocate = allocate;
    this.#slots = new Int32Array(allocate(FIRST_SLOTS * SLOT * 4));
  }

  /** Bytes the table takes. */
  get bytes(): number {
    return this.#slots.byteLength;
  }

  /** The place of a state, which is added when it is not there. Good until the next call. */
  find(low: number, high: number): number {
    // An empty slot is 0, 0: the state with that hash takes the place of its neighbour.
    const first = low === 0 && high === 0 ? 1 : low;
    if (this.size * 4 >= this.#mask * 3) this.#grow();
    const at = this.#probe(first, high);
    const slots = this.#slots;
    this.added = slots[at] === 0 && slots[at + 1] === 0;
    if (this.added) {
      slots[at] = first;
      slots[at + 1] = high;
      this.size++;
    }
    return at;
  }

  /** Choices that slept, one bit each. */
  sleeping(place: number): number {
    return this.#slots[place + 2] as number;
  }

  setSleeping(place: number, choices: number): void {
    this.#slots[place + 2] = choices;
  }

  /** 0 as long as the state has not been left. */
  left(place: number): number {
    return this.#slots[place + 3] as number;
  }

  setLeft(place: number, order: number): void {
    this.#slots[place + 3] = order;
  }

  #probe(low: number, high: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = (low ^ (high >>> 7)) & mask; ; slot = (slot + 1) & mask) {
      const foundLow = slots[slot * SLOT] as number;
      const foundHigh = slots[slot * SLOT + 1] as number;
      if ((foundLow === 0 && foundHigh === 0) || (foundLow === low && foundHigh === high)) return slot * SLOT;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(this.#allocate(old.byteLength * 2));
    this.#mask = (old.length / SLOT) * 2 - 1;
    for (let i = 0; i < old.length; i += SLOT) {
      const low = old[i] as number;
      const high = old[i + 1] as number;
      if (low === 0 && high === 0) continue;
      const at = this.#probe(low, high);
      this.#slots[at] = low;
      this.#slots[at + 1] = high;
      this.#slots[at + 2] = old[i + 2] as number;
      this.#slots[at + 3] = old[i + 3] as number;
    }
  }
}
