/**
 * The one source of chance: xoshiro128** (D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number
 * Generators", 2018), 32 bits at a time, its state filled from the seed by a 32-bit SplitMix. The same seed gives the
 * same numbers on every machine. Not for secrets.
 */
import { assert } from '../protocol/assert.js';

/** The largest seed. */
export const SEED_MAX = 0xffffffff;

export class Random {
  readonly #state = new Int32Array(4);

  /** `seed` is an integer from 0 to `SEED_MAX`. */
  constructor(seed: number) {
    assert(
      Number.isInteger(seed) && seed >= 0 && seed <= SEED_MAX,
      `random: expected a seed from 0 to ${SEED_MAX}, found ${seed}`,
    );
    this.seed(seed);
  }

  /** Begins anew, as a new one with this seed would. */
  seed(seed: number): void {
    let position = seed | 0;
    for (let i = 0; i < this.#state.length; i++) {
      position = (position + 0x9e3779b9) | 0;
      this.#state[i] = scramble(position);
    }
  }

  /** 32 random bits, as an unsigned integer. */
  next(): number {
    // By index: taking the array apart goes through its iterator, which costs more than all the rest.
    const state = this.#state;
    const a = state[0] as number;
    const b = state[1] as number;
    const c = state[2] as number;
    const d = state[3] as number;
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const third = c ^ a;
    const fourth = d ^ b;
    state[0] = a ^ fourth;
    state[1] = b ^ third;
    state[2] = third ^ (b << 9);
    state[3] = rotate(fourth, 11);
    return result >>> 0;
  }

  /** An integer from 0 to `limit` - 1, in constant time; of two results one may be more probable by a part of 2^32 / `limit`. */
  index(limit: number): number {
    return Math.floor((this.next() * limit) / 2 ** 32);
  }

  /** An integer from 0 to `limit` - 1, each as probable as any other. */
  below(limit: number): number {
    assert(
      Number.isInteger(limit) && limit > 0 && limit <= 2 ** 32,
      `random: expected a limit from 1 to 2^32, found ${limit}`,
    );
    // Numbers past the last whole multiple would make the first results more probable.
    const end = 2 ** 32 - (2 ** 32 % limit);
    let value = this.next();
    while (value >= end) value = this.next();
    return value % limit;
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function scramble(value: number): number {
  let z = value;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}
