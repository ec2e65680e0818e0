/**
 * The value in a host's store cell: a `Store`, and what requests have been seen to make of it.
 *
 * An exploration comes back to the same few thousand states of the store again and again, by undo and by other ways.
 * A request to a store is a pure function, so its outcome is remembered with the store, and equal stores are made one
 * object. What is remembered is bounded: past a limit everything is forgotten, and worked out again when asked for.
 */
import type { Hashed } from '../protocol/hashed.js';
import type { Reply, Store } from '../xenstore-sim/index.js';

export interface StoreStep {
  readonly value: StoreValue;
  readonly reply: Reply;
}

/** What a request is remembered by: one object for each kind of request, client and path. */
export type RequestKey = object;

export class StoreValue implements Hashed {
  readonly store: Store;
  readonly hashLow: number;
  readonly hashHigh: number;
  /** Outcomes by request, then by its argument (a value or a token). */
  readonly outcomes: Map<RequestKey, Map<string, StoreStep>> = new Map();
  /** Clients that have been looked at, and whether an event waits for them. */
  readonly waiting: Map<number, boolean> = new Map();

  constructor(store: Store) {
    this.store = store;
    this.hashLow = store.hashLow;
    this.hashHigh = store.hashHigh;
  }
}

/** Distinct stores that are remembered at once: some 3 MiB. */
const VALUES_MAX = 1 << 12;

/** The stores that have been seen, one object for each. */
export class StoreValues {
  readonly #byHash: Map<number, StoreValue> = new Map();
  #size = 0;

  of(store: Store): StoreValue {
    // 53 bits of the hash find the candidate; the rest is compared.
    const key = (store.hashHigh >>> 0) * 0x200000 + ((store.hashLow >>> 0) & 0x1fffff);
    const known = this.#byHash.get(key);
    if (known !== undefined && known.hashLow === store.hashLow && known.hashHigh === store.hashHigh) return known;
    if (this.#size === VALUES_MAX) this.#forget();
    const value = new StoreValue(store);
    this.#byHash.set(key, value);
    this.#size++;
    return value;
  }

  /** Outcomes lead from store to store, so each store's must go, or one that is still in use would keep them all. */
  #forget(): void {
    for (const value of this.#byHash.values()) {
      value.outcomes.clear();
      value.waiting.clear();
    }
    this.#byHash.clear();
    this.#size = 0;
  }
}
