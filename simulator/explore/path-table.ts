/**
 * The states on the path of a depth-first search, by hash, with their depth.
 *
 * States leave in the opposite order in which they came, so the slot of the last one can simply be emptied: no other
 * state's probing ever went past it.
 */
const FIRST_SLOTS = 1 << 12;
const SLOT = 3;

export class PathTable {
  #slots = new Int32Array(FIRST_SLOTS * SLOT);
  #mask = FIRST_SLOTS - 1;
  #size = 0;

  /** Adds the state at `depth`, one below the last. */
  push(low: number, high: number, depth: number): void {
    if (this.#size * 2 > this.#mask) this.#grow();
    this.#set(low, high, depth + 1);
    this.#size++;
  }

  /** Removes the state that was added last. */
  pop(low: number, high: number): void {
    this.#slots[this.#find(low, high) * SLOT + 2] = 0;
    this.#size--;
  }

  /** Depth of the state, or -1 when it is not on the path. */
  depthOf(low: number, high: number): number {
    return (this.#slots[this.#find(low, high) * SLOT + 2] as number) - 1;
  }

  /** The slot that holds the state, or the empty one where it would be. */
  #find(low: number, high: number): number {
    const slots = this.#slots;
    let slot = low & this.#mask;
    while (slots[slot * SLOT + 2] !== 0 && (slots[slot * SLOT] !== low || slots[slot * SLOT + 1] !== high))
      slot = (slot + 1) & this.#mask;
    return slot;
  }

  #set(low: number, high: number, mark: number): void {
    const at = this.#find(low, high) * SLOT;
    this.#slots[at] = low;
    this.#slots[at + 1] = high;
    this.#slots[at + 2] = mark;
  }

  /** Entries go over in the order of their depth, so that the rule above holds in the new table too. */
  #grow(): void {
    const old = this.#slots;
    const byDepth: number[] = [];
    for (let at = 0; at < old.length; at += SLOT) {
      const mark = old[at + 2] as number;
      if (mark !== 0) byDepth[mark] = at;
    }
    this.#slots = new Int32Array(old.length * 2);
    this.#mask = (old.length / SLOT) * 2 - 1;
    for (const at of byDepth) {
      if (at !== undefined) this.#set(old[at] as number, old[at + 1] as number, old[at + 2] as number);
    }
  }
}
