/**
 * The corpus: replay tokens of runs that showed something new, and which of them the next plots begin with.
 *
 * Power schedule: an entry is worth 8 for each pair of steps and each ordering it was the first to show, and 1 for each
 * new state up to 8; its energy is that divided by 1 + the number of plots that have begun with it. An entry is drawn
 * with a probability in proportion to its energy. So each gets its turn soon, those that opened up more get more of
 * them, and none starves the others.
 */
import { mix } from '../../protocol/digest.js';
import type { Random } from '../random.js';
import type { Candidate } from './shard.js';

/** Entries beyond this take the place of those with the least energy. */
const ENTRIES_MAX = 512;
const FEATURE_WORTH = 8;
const STATES_WORTH_MAX = 8;

interface Entry {
  readonly token: string;
  readonly worth: number;
  chosen: number;
}

export class Corpus {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** In the order in which they came. */
  get tokens(): readonly string[] {
    return [...this.#entries.keys()];
  }

  has(token: string): boolean {
    return this.#entries.has(token);
  }

  add({ token, slots, freshStates }: Candidate): void {
    if (this.#entries.has(token)) return;
    const worth = FEATURE_WORTH * slots.length + Math.min(freshStates, STATES_WORTH_MAX);
    this.#entries.set(token, { token, worth: Math.max(worth, 1), chosen: 0 });
    if (this.#entries.size > ENTRIES_MAX) this.#evict();
  }

  /** Draws one, and counts that it was; null when there is none. */
  draw(random: Random): string | null {
    let total = 0;
    for (const entry of this.#entries.values()) total += energy(entry);
    let left = (random.next() / 2 ** 32) * total;
    let last: Entry | null = null;
    for (const entry of this.#entries.values()) {
      last = entry;
      left -= energy(entry);
      if (left < 0) break;
    }
    if (last === null) return null;
    last.chosen++;
    return last.token;
  }

  #evict(): void {
    let least: Entry | null = null;
    for (const entry of this.#entries.values()) if (least === null || energy(entry) < energy(least)) least = entry;
    if (least !== null) this.#entries.delete(least.token);
  }
}

function energy({ worth, chosen }: Entry): number {
  return worth / (1 + chosen);
}

/** A digest of tokens in their order. */
export function digestTokens(tokens: readonly string[]): number {
  let digest = tokens.length;
  for (const token of tokens) for (let i = 0; i < token.length; i++) digest = mix(digest, token.charCodeAt(i));
  return digest;
}
