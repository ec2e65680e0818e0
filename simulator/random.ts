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
    let position = seed | 0;
    for (let i = 0; i < this.#state.length; i++) {
      position = (position + 0x9e3779b9) | 0;
      this.#state[i] = scramble(position);
    }
  }

  /** 32 random bits, as an unsigned integer. */
  next(): number {
    const [a, b, c, d] = this.#state as unknown as [number, number, number, number];
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const third = c ^ a;
    const fourth = d ^ b;
    this.#state[0] = a ^ fourth;
    this.#state[1] = b ^ third;
    this.#state[2] = third ^ (b << 9);
    this.#state[3] = rotate(fourth, 11);
    return result >>> 0;
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
