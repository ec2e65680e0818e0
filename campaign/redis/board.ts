/**
 * What lies in Redis for campaigns, besides BullMQ's queue of shards:
 *
 *     quiesce:campaigns                  hash: by id, the configuration of each campaign that is not finished
 *     quiesce:campaign:<id>:corpus       the entries that it begins with, one a line
 *     quiesce:campaign:<id>:results      hash: by number, the results of shards that nobody has merged yet
 *     quiesce:campaign:<id>:merged       the result of those that have been merged
 *
 * A result is put there before its job is taken out of the queue, and the same shard gives the same result: whatever is
 * done twice after a death in between changes nothing.
 */
import type { ChainableCommander, Redis } from 'ioredis';
import { type CampaignConfiguration, canonical, readConfiguration } from '../configuration.js';
import type { CampaignResult } from '../result.js';
import { formatResult, parseResult } from '../result-file.js';

const CAMPAIGNS = 'quiesce:campaigns';
/** Prefix of BullMQ's own keys. */
export const QUEUE_PREFIX = 'quiesce:queue';

export class Board {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Every campaign that is not finished, by its id. */
  async campaigns(): Promise<ReadonlyMap<string, CampaignConfiguration>> {
    const texts = await this.#redis.hgetall(CAMPAIGNS);
    return new Map(Object.entries(texts).map(([id, text]) => [id, readConfiguration(`campaign ${id}`, text)]));
  }

  async configuration(id: string): Promise<CampaignConfiguration | null> {
    const text = await this.#redis.hget(CAMPAIGNS, id);
    return text === null ? null : readConfiguration(`campaign ${id}`, text);
  }

  async corpus(id: string): Promise<readonly string[]> {
    const text = await this.#redis.get(keyOf(id, 'corpus'));
    return text === null || text === '' ? [] : text.split('\n');
  }

  async open(id: string, configuration: CampaignConfiguration, tokens: readonly string[]): Promise<void> {
    await done(
      this.#redis
        .multi()
        .set(keyOf(id, 'corpus'), tokens.join('\n'))
        .hset(CAMPAIGNS, id, JSON.stringify(canonical(configuration))),
    );
  }

  async isOpen(id: string): Promise<boolean> {
    return (await this.#redis.hexists(CAMPAIGNS, id)) === 1;
  }

  async put(id: string, shard: number, text: string): Promise<void> {
    await this.#redis.hset(keyOf(id, 'results'), String(shard), text);
  }

  /** What has been merged and kept; null for nothing. Throws `BAD_CAMPAIGN` when it is damaged. */
  async merged(id: string): Promise<CampaignResult | null> {
    const text = await this.#redis.get(keyOf(id, 'merged'));
    return text === null ? null : parseResult(`campaign ${id} in Redis`, text);
  }

  /** Some results that have not been merged: at most `count`. Throws `BAD_CAMPAIGN` when one is damaged. */
  async fresh(id: string, count: number): Promise<readonly CampaignResult[]> {
    const key = keyOf(id, 'results');
    const shards = (await this.#redis.hkeys(key)).slice(0, count);
    if (shards.length === 0) return [];
    const texts = await this.#redis.hmget(key, ...shards);
    return shards.flatMap((shard, index) => {
      const text = texts[index];
      return typeof text === 'string' ? [parseResult(`shard ${shard} of campaign ${id}`, text)] : [];
    });
  }

  /** Keeps what has been merged, and takes away the results that are part of it. */
  async keep(id: string, result: CampaignResult, shards: readonly number[]): Promise<void> {
    await done(
      this.#redis
        .multi()
        .set(keyOf(id, 'merged'), formatResult(result))
        .hdel(keyOf(id, 'results'), ...shards.map(String)),
    );
  }

  /** Takes the campaign away. */
  async close(id: string): Promise<void> {
    await done(
      this.#redis.multi().hdel(CAMPAIGNS, id).del(keyOf(id, 'corpus'), keyOf(id, 'results'), keyOf(id, 'merged')),
    );
  }
}

/** Throws the first error of a command of the transaction: on its own it throws none. */
async function done(transaction: ChainableCommander): Promise<void> {
  for (const [error] of (await transaction.exec()) ?? []) if (error !== null) throw error;
}

function keyOf(id: string, what: string): string {
  return `quiesce:campaign:${id}:${what}`;
}
