/**
 * What some shards of a campaign have found: a value that grows.
 *
 * `absorb` puts two of them together and is a join: associative, commutative and idempotent. So it does not matter how
 * many machines there were, who was done first, what was merged with what before, or whether a shard was run twice.
 *
 *     shards      by number                                    union; the same number must mean the same report
 *     states      sketch                                       larger register
 *     features    none < in one run, of shard s < in more      join of that order
 *     corpus      by pair or ordering, a run that showed it    shorter token, then the one first in the alphabet
 */
import { assert } from '../protocol/assert.js';
import { QuiesceError } from '../protocol/errors.js';
import type { FoundDifference } from '../simulator/fuzz/shard.js';
import type { OracleName } from '../simulator/world-state.js';
import { type CampaignConfiguration, campaignId } from './configuration.js';
import { Sketch } from './sketch.js';

/** In `features`, of what more than one run has shown. */
export const MANY = -1;

/** Runs of one shard that failed alike. */
export interface ShardFailure {
  readonly tpmfront: string;
  readonly tpmback: string;
  readonly oracle: OracleName;
  /** The first such run, and its token. */
  readonly run: number;
  readonly token: string;
  readonly count: number;
  /** Runs by scenario, with the names in the order of the alphabet. */
  readonly scenarios: Readonly<Record<string, number>>;
}

/** What belongs to one shard alone. */
export interface ShardReport {
  readonly runs: number;
  readonly steps: number;
  readonly checked: number;
  /** Runs by strategy, in the order of `STRATEGIES`. */
  readonly strategies: readonly number[];
  readonly failures: readonly ShardFailure[];
  readonly differences: readonly FoundDifference[];
  /** Digest of all that the shard has found: two reports of one shard are the same, or somebody is wrong. */
  readonly digest: string;
}

export class CampaignResult {
  readonly configuration: CampaignConfiguration;
  readonly shards = new Map<number, ShardReport>();
  readonly states = new Sketch();
  /** By slot, the only shard in whose runs it was shown once, or `MANY`. */
  readonly features = new Map<number, number>();
  /** By slot, the token of a run that showed it. */
  readonly corpus = new Map<number, string>();

  constructor(configuration: CampaignConfiguration) {
    this.configuration = configuration;
  }

  /** Whether every shard is there. */
  get whole(): boolean {
    return this.shards.size === this.configuration.shards;
  }

  /** Numbers of the shards that are not there. */
  get missing(): readonly number[] {
    return Array.from({ length: this.configuration.shards }, (_, shard) => shard).filter(
      (shard) => !this.shards.has(shard),
    );
  }

  feature(slot: number, value: number): void {
    const known = this.features.get(slot);
    this.features.set(slot, known === undefined || known === value ? value : MANY);
  }

  entry(slot: number, token: string): void {
    const known = this.corpus.get(slot);
    if (known === undefined || isBefore(token, known)) this.corpus.set(slot, token);
  }

  /**
   * Takes what `other` has found. Throws `BAD_CAMPAIGN` when it is of another campaign, or has another report of a
   * shard; then nothing was taken.
   */
  absorb(other: CampaignResult): void {
    const ours = campaignId(this.configuration);
    const theirs = campaignId(other.configuration);
    if (ours !== theirs)
      throw new QuiesceError('BAD_CAMPAIGN', `expected results of campaign ${ours}, found some of ${theirs}`);
    for (const [shard, { digest }] of other.shards) {
      const known = this.shards.get(shard);
      if (known === undefined || known.digest === digest) continue;
      throw new QuiesceError(
        'BAD_CAMPAIGN',
        `expected one result of shard ${shard} of campaign ${ours}, found two that are not the same: ` +
          'a driver keeps state outside its memory, or one was changed',
      );
    }
    for (const [shard, report] of other.shards) this.shards.set(shard, report);
    this.states.absorb(other.states);
    for (const [slot, value] of other.features) this.feature(slot, value);
    for (const [slot, token] of other.corpus) this.entry(slot, token);
  }

  /** The tokens of the corpus, in the order of the alphabet. */
  get tokens(): readonly string[] {
    return [...new Set(this.corpus.values())].sort();
  }
}

/** All results together. There is at least one. Throws what `absorb` throws. */
export function merged(results: readonly CampaignResult[]): CampaignResult {
  const [first] = results;
  assert(first !== undefined, 'campaign: expected a result to merge');
  const all = new CampaignResult(first.configuration);
  for (const result of results) all.absorb(result);
  return all;
}

function isBefore(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}
