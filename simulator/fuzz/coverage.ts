/**
 * What a run has shown that no run before it did: states, pairs of steps, and causal orderings.
 *
 *     state       hash of the state after a step
 *     pair        two steps that follow each other
 *     ordering    a step, and the step of another actor that stored last to a word that it stores to
 *
 * States are looked up in a set of bits, pairs and orderings in a table that counts, up to two, in how many runs each
 * was shown. Both are hashed into a fixed size, so two different things may be taken for one: then something new is
 * overlooked, and nothing else goes wrong. Loads leave no journal, so who read what is no part of an ordering. Steps
 * that store more than `STORES_MAX` words, such as copies of whole pages, have no orderings.
 *
 * The tables of a campaign are read, and changed only by `absorb`; what a shard adds to them lies in the shard's own.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { mix } from '../../protocol/digest.js';

const STATE_BITS = 26;
const FEATURE_BITS = 18;
export const STATE_BYTES: number = 1 << (STATE_BITS - 3);
export const FEATURE_SLOTS: number = 1 << FEATURE_BITS;
const STORES_MAX = 256;
/** How often something was shown is counted up to here: once, or more than once. */
const COUNT_MAX = 2;

const PAIR = 0x2545f491;
const ORDERING = 0x6c8e9cf5;
/** The actor of a step's number. */
const ACTOR_MASK = 0xffc0;

/** What is known of a campaign. Plain bytes, which threads can share. */
export interface CoverageTables {
  /** `STATE_BYTES` bytes: one bit for each hash. */
  readonly states: Uint8Array;
  /** `FEATURE_SLOTS` bytes: 0, 1 run, 2 for more. */
  readonly features: Uint8Array;
}

export function emptyTables(): CoverageTables {
  return { states: new Uint8Array(STATE_BYTES), features: new Uint8Array(FEATURE_SLOTS) };
}

/** What a shard adds to the tables. */
export interface CoverageDelta {
  /** Places of the bits of `states`. */
  readonly states: Int32Array;
  /** Slot and count, in turns. */
  readonly features: Int32Array;
}

/** Adds what a shard has shown, and returns how many bits of states are new. The order of the shards does not matter. */
export function absorb({ states, features }: CoverageTables, delta: CoverageDelta): number {
  let fresh = 0;
  for (const bit of delta.states) {
    const before = states[bit >>> 3] as number;
    states[bit >>> 3] = before | (1 << (bit & 7));
    if (states[bit >>> 3] !== before) fresh++;
  }
  for (let i = 0; i < delta.features.length; i += 2) {
    const slot = delta.features[i] as number;
    features[slot] = Math.min(COUNT_MAX, (features[slot] as number) + (delta.features[i + 1] as number));
  }
  return fresh;
}

export class Coverage {
  /** Of the run that is under way: how much it has shown that is new. */
  freshStates = 0;
  freshFeatures = 0;
  /** Slots of the new pairs and orderings of the run. */
  readonly slots: number[] = [];
  readonly #known: CoverageTables;
  readonly #states = new Uint8Array(STATE_BYTES);
  readonly #counts = new Uint8Array(FEATURE_SLOTS);
  readonly #newStates: number[] = [];
  readonly #touched: number[] = [];
  /** For each slot the last run that showed it. */
  readonly #seenIn = new Int32Array(FEATURE_SLOTS);
  /** For each word of memory the last step that stored to it, and in which run. */
  #storer = new Int32Array(1 << 16);
  #storedIn = new Int32Array(1 << 16);
  #run = 0;
  #previous = 0;
  #stateSalt = 0;
  #featureSalt = 0;

  constructor(known: CoverageTables) {
    this.#known = known;
  }

  /** A run begins. The salts tell worlds apart: one for the states, one for pairs and orderings. */
  begin(stateSalt: number, featureSalt: number): void {
    this.#run++;
    this.#previous = 0;
    this.#stateSalt = stateSalt;
    this.#featureSalt = featureSalt;
    this.freshStates = 0;
    this.freshFeatures = 0;
    this.slots.length = 0;
  }

  /** Step `id` has been taken; its stores are those from entry `mark` of the journal on. */
  step(memory: JournaledMemory, id: number, mark: number): void {
    this.#state(mix(memory.hashLow ^ this.#stateSalt, memory.hashHigh) >>> (32 - STATE_BITS));
    this.#feature(mix(mix(this.#featureSalt ^ PAIR, this.#previous), id));
    this.#previous = id;
    const end = memory.journalLength;
    if (end - mark > STORES_MAX) return;
    if (this.#storer.length < memory.words.length) {
      this.#storer = new Int32Array(memory.words.length);
      this.#storedIn = new Int32Array(memory.words.length);
    }
    const storer = this.#storer;
    const storedIn = this.#storedIn;
    for (let entry = mark; entry < end; entry++) {
      const word = memory.journalWord(entry);
      // The cells of the stores are changed by nearly everybody, and say little.
      if (word < 0) continue;
      const before = storedIn[word] === this.#run ? (storer[word] as number) : 0;
      storer[word] = id;
      storedIn[word] = this.#run;
      if (before === 0 || ((before ^ id) & ACTOR_MASK) === 0) continue;
      this.#feature(mix(mix(this.#featureSalt ^ ORDERING, before), id));
    }
  }

  /** What was shown since the last call, and forgets it: for the end of a shard. */
  take(): CoverageDelta {
    const features = new Int32Array(this.#touched.length * 2);
    for (let i = 0; i < this.#touched.length; i++) {
      const slot = this.#touched[i] as number;
      features[i * 2] = slot;
      features[i * 2 + 1] = this.#counts[slot] as number;
      this.#counts[slot] = 0;
    }
    const states = Int32Array.from(this.#newStates);
    for (const bit of states) this.#states[bit >>> 3] = 0;
    this.#newStates.length = 0;
    this.#touched.length = 0;
    return { states, features };
  }

  #state(bit: number): void {
    const byte = bit >>> 3;
    const flag = 1 << (bit & 7);
    if (((this.#known.states[byte] as number) & flag) !== 0 || ((this.#states[byte] as number) & flag) !== 0) return;
    this.#states[byte] = (this.#states[byte] as number) | flag;
    this.#newStates.push(bit);
    this.freshStates++;
  }

  #feature(hash: number): void {
    const slot = hash >>> (32 - FEATURE_BITS);
    if (this.#seenIn[slot] === this.#run) return;
    this.#seenIn[slot] = this.#run;
    const known = this.#known.features[slot] as number;
    const count = this.#counts[slot] as number;
    if (known + count >= COUNT_MAX) return;
    if (count === 0) this.#touched.push(slot);
    this.#counts[slot] = count + 1;
    if (known + count > 0) return;
    this.freshFeatures++;
    this.slots.push(slot);
  }
}
