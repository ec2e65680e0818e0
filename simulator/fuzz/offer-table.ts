/**
 * What there is to choose from in states that a runner has been in before. Most runs of a world pass through states
 * that others have passed through, and to ask every actor again costs as much as the step that is then taken.
 *
 * A state is known by its hash, as everywhere. A driver that keeps something outside its memory may have other choices
 * the second time; so nothing here is used where a run is checked (`self-check.ts`), and every failure is.
 */
import { mix } from '../../protocol/digest.js';
import { CHOICES_MAX } from '../explore/search.js';
import type { Fuzzable, Offer } from './scheduler.js';

/** An entry: the hash of its state, its world with the age of the table, and where its offer lies. */
const ENTRY_WORDS = 4;
const ENTRIES_FIRST = 1 << 10;
/** Some 6 MiB with what they offer. A table that is full forgets everything. */
const ENTRIES_MAX = 1 << 16;
/** An offer: how many choices, how many of them are no faults, whether the state is at rest; choices; numbers of the steps. */
const HEAD_WORDS = 3;
const OFFER_WORDS_MAX = HEAD_WORDS + 2 * CHOICES_MAX;

export class OfferTable {
  #entries = new Int32Array(ENTRIES_FIRST * ENTRY_WORDS);
  #offers = new Int32Array(ENTRIES_FIRST * 8 + OFFER_WORDS_MAX);
  #used = 0;
  #end = 0;
  /** Numbers of worlds, from 1; one that is forgotten gets another number. */
  #worlds = new WeakMap<Fuzzable, number>();
  #lastWorld = 0;

  /** A number for `world`, to be given to `find` and `add`. */
  numberOf(world: Fuzzable): number {
    const known = this.#worlds.get(world);
    if (known !== undefined) return known;
    this.#worlds.set(world, ++this.#lastWorld);
    return this.#lastWorld;
  }

  /** Puts what the present state of a world offers into `offer`; false when it is not known. */
  find(world: number, { hashLow, hashHigh }: Fuzzable['memory'], offer: Offer): boolean {
    const at = this.#place(world, hashLow, hashHigh);
    if (this.#entries[at + 2] === 0) return false;
    const offers = this.#offers;
    let from = this.#entries[at + 3] as number;
    const count = offers[from] as number;
    offer.count = count;
    offer.usual = offers[from + 1] as number;
    offer.atRest = offers[from + 2] !== 0;
    from += HEAD_WORDS;
    const { choices, ids } = offer;
    for (let i = 0; i < count; i++) {
      choices[i] = offers[from + i] as number;
      ids[i] = offers[from + count + i] as number;
    }
    return true;
  }

  /** Keeps `offer`, which is that of the present state of a world. */
  add(world: number, { hashLow, hashHigh }: Fuzzable['memory'], offer: Offer): void {
    if (this.#used * 2 >= this.#entries.length / ENTRY_WORDS || this.#end + OFFER_WORDS_MAX > this.#offers.length)
      this.#makeRoom();
    const at = this.#place(world, hashLow, hashHigh);
    const entries = this.#entries;
    entries[at] = hashLow;
    entries[at + 1] = hashHigh;
    entries[at + 2] = world;
    entries[at + 3] = this.#end;
    this.#used++;
    const { count, usual, atRest, choices, ids } = offer;
    const offers = this.#offers;
    offers[this.#end++] = count;
    offers[this.#end++] = usual;
    offers[this.#end++] = atRest ? 1 : 0;
    for (let i = 0; i < count; i++) offers[this.#end++] = choices[i] as number;
    for (let i = 0; i < count; i++) offers[this.#end++] = ids[i] as number;
  }

  /** Where the entry of a state lies, or would lie. */
  #place(world: number, low: number, high: number): number {
    const entries = this.#entries;
    const last = entries.length / ENTRY_WORDS - 1;
    for (let slot = mix(low ^ world, high) & last; ; slot = (slot + 1) & last) {
      const at = slot * ENTRY_WORDS;
      const owner = entries[at + 2] as number;
      if (owner === 0 || (owner === world && entries[at] === low && entries[at + 1] === high)) return at;
    }
  }

  #makeRoom(): void {
    const { length } = this.#entries;
    if (length >= ENTRIES_MAX * ENTRY_WORDS) {
      this.#entries.fill(0);
      this.#used = 0;
      this.#end = 0;
      return;
    }
    const old = this.#entries;
    const offers = new Int32Array(this.#offers.length * 2);
    offers.set(this.#offers);
    this.#offers = offers;
    this.#entries = new Int32Array(length * 2);
    for (let at = 0; at < length; at += ENTRY_WORDS) {
      const world = old[at + 2] as number;
      if (world === 0) continue;
      this.#entries.set(
        old.subarray(at, at + ENTRY_WORDS),
        this.#place(world, old[at] as number, old[at + 1] as number),
      );
    }
  }
}
