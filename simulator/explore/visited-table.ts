/**
 * The set of visited states: their 64-bit hashes in one open-addressing table of 8 bytes a slot.
 *
 * It doubles at 3/4 full, so a state takes 10.7 to 21.3 bytes. Nothing else grows with the number of states.
 */
const FIRST_SLOTS = 1 << 12;

export class VisitedTable {
  /** Number of states. */
  size = 0;
  #slots = new Int32Array(FIRST_SLOTS * 2);
  #mask = FIRST_SLOTS - 1;

  /** Bytes the table takes. */
  get bytes(): number {
    return this.#slots.byteLength;
  }

  /** Adds a state; false when it is there already. */
  add(low: number, high: number): boolean {
    // An empty slot is 0, 0: the state with that hash takes the place of its neighbour.
    const first = low === 0 && high === 0 ? 1 : low;
    if (this.size * 4 >= this.#mask * 3) this.#grow();
    if (!this.#insert(first, high)) return false;
    this.size++;
    return true;
  }

  #insert(low: number, high: number): boolean {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = (low ^ (high >>> 7)) & mask; ; slot = (slot + 1) & mask) {
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
    this.#slots = new Int32Array(old.length * 2);
    this.#mask = old.length - 1;
    for (let i = 0; i < old.length; i += 2) {
      const low = old[i] as number;
      const high = old[i + 1] as number;
      if (low !== 0 || high !== 0) this.#insert(low, high);
    }
  }
}
