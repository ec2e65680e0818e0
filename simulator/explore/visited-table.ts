/**
 * The set of visited states: their 64-bit hashes by open addressing, 8 bytes a slot. Nothing else grows with the number
 * of states.
 *
 * As long as they are few, they are in one table, which doubles at 3/4 full, so that a state takes 10.7 to 21.3 bytes. The
 * slot is chosen by the uppermost bits of the mixed hash, so that a table that grows is written from its beginning to its
 * end. A table that was divided (`divide.ts`) consists of pages, and each state belongs in a part (`paged-parts.ts`).
 */
import { type Allocate, allocatePlain } from '../../protocol/allocate.js';
import { PagedParts } from './paged-parts.js';

const FIRST_BITS = 12;
const SLOT_BYTES = 8;

export class VisitedTable {
  /** Number of states. */
  size = 0;
  readonly #allocate: Allocate;
  #slots: Int32Array;
  /** Behind the slot with these bits comes the one without: the last of the table, or of its page. */
  #mask = (1 << FIRST_BITS) - 1;
  #shift = 32 - FIRST_BITS;
  #parts: PagedParts | null = null;
  /** States for which there is no room in their page. */
  #spilt: VisitedTable | null = null;

  constructor(allocate: Allocate = allocatePlain) {
    this.#allocate = allocate;
    this.#slots = new Int32Array(allocate(SLOT_BYTES << FIRST_BITS));
  }

  /** Bytes the table takes. */
  get bytes(): number {
    return (this.#parts?.bytes ?? this.#slots.byteLength) + (this.#spilt?.bytes ?? 0);
  }

  /** Forgets all states; those that are added from now on belong in parts from 0 to `PARTS` - 1. */
  divide(): void {
    this.size = 0;
    this.#parts = new PagedParts(this.#allocate);
    this.#slots = this.#parts.slots;
    this.#mask = this.#parts.pageMask;
  }

  /** Adds a state; false when it is there already. */
  add(low: number, high: number, part = 0): boolean {
    // An empty slot is 0, 0: the state with that hash takes the place of its neighbour.
    const first = low === 0 && high === 0 ? 1 : low;
    const hash = mixed(first, high);
    const parts = this.#parts;
    const slot = this.#emptyFrom(parts === null ? hash >>> this.#shift : parts.slotOf(hash, high, part), first, high);
    return slot !== -1 && this.#addTo(slot, hash, first, high, part);
  }

  has(low: number, high: number, part = 0): boolean {
    const first = low === 0 && high === 0 ? 1 : low;
    const hash = mixed(first, high);
    const slot = this.#parts?.slotOf(hash, high, part) ?? hash >>> this.#shift;
    return this.#emptyFrom(slot, first, high) === -1 || (this.#spilt?.has(first, high) ?? false);
  }

  /** The slot from `slot` on that is empty, where a state would be that is not there; -1 when it is there. */
  #emptyFrom(slot: number, low: number, high: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let at = slot; ; at = (at & ~mask) | ((at + 1) & mask)) {
      const foundLow = slots[at * 2] as number;
      const foundHigh = slots[at * 2 + 1] as number;
      if (foundLow === low && foundHigh === high) return -1;
      if (foundLow === 0 && foundHigh === 0) return at;
    }
  }

  /** Adds a state that is not there but may be spilt, to the empty slot where it belongs. */
  #addTo(slot: number, hash: number, low: number, high: number, part: number): boolean {
    const parts = this.#parts;
    if (parts === null) {
      this.#put(slot, low, high);
      if (this.size * 4 > this.#mask * 3) this.#grow();
      return true;
    }
    if (this.#spilt?.has(low, high) === true) return false;
    if (parts.hasRoom(slot)) {
      parts.count(slot);
      this.#put(slot, low, high);
      return true;
    }
    if (!parts.makeRoom(hash, part)) return this.#spill(low, high);
    this.#slots = parts.slots;
    const made = this.#emptyFrom(parts.slotOf(hash, high, part), low, high);
    parts.count(made);
    this.#put(made, low, high);
    return true;
  }

  #put(slot: number, low: number, high: number): void {
    this.#slots[slot * 2] = low;
    this.#slots[slot * 2 + 1] = high;
    this.size++;
  }

  #spill(low: number, high: number): boolean {
    this.#spilt ??= new VisitedTable(this.#allocate);
    if (!this.#spilt.add(low, high)) return false;
    this.size++;
    return true;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(this.#allocate(old.byteLength * 2));
    this.#mask = old.length - 1;
    this.#shift--;
    this.size = 0;
    for (let i = 0; i < old.length; i += 2) {
      const low = old[i] as number;
      const high = old[i + 1] as number;
      if (low === 0 && high === 0) continue;
      this.#put(this.#emptyFrom(mixed(low, high) >>> this.#shift, low, high), low, high);
    }
  }
}

/** What chooses the slot, and in a table that was divided the page. */
export function mixed(low: number, high: number): number {
  return Math.imul(low ^ (high >>> 7), 0x9e3779b1);
}
