/**
 * The queue of shards: one for each build, so that no worker of another one ever takes a shard.
 */
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { shortBuild } from '../configuration.js';
import { QUEUE_PREFIX } from './board.js';
import type { BullMq } from './parts.js';

export interface ShardJob {
  /** Id of the campaign. */
  readonly campaign: string;
  readonly shard: number;
}

export type ShardQueue = Queue<ShardJob, null, 'shard'>;

export function queueName(build: string): string {
  return `shards-${shortBuild(build)}`;
}

export function shardQueue({ Queue }: BullMq, redis: Redis, build: string): ShardQueue {
  const queue: ShardQueue = new Queue(queueName(build), {
    connection: redis,
    prefix: QUEUE_PREFIX,
    // The result lies on the board; a job that has failed is kept until somebody has looked at it.
    defaultJobOptions: { removeOnComplete: true, removeOnFail: false, attempts: 1 },
  });
  // The connection's errors are seen where it is used.
  queue.on('error', () => {});
  return queue;
}

/** Adds shards of a campaign; those that are in the queue already are not added again. */
export async function addShards(queue: ShardQueue, campaign: string, shards: readonly number[]): Promise<void> {
  const BATCH = 1000;
  for (let from = 0; from < shards.length; from += BATCH)
    await queue.addBulk(
      shards
        .slice(from, from + BATCH)
        .map((shard) => ({ name: 'shard', data: { campaign, shard }, opts: { jobId: jobIdOf(campaign, shard) } })),
    );
}

/** Takes shards out of the queue. Those that are at work stay: their workers see that nobody waits for them. */
export async function removeShards(queue: ShardQueue, campaign: string, shards: readonly number[]): Promise<void> {
  for (const shard of shards) await queue.remove(jobIdOf(campaign, shard)).catch(() => 0);
}

function jobIdOf(campaign: string, shard: number): string {
  return `${campaign}-${shard}`;
}

/** Shards of a campaign that were given up, with the reason. */
export async function failedShards(
  queue: ShardQueue,
  campaign: string,
): Promise<readonly { readonly shard: number; readonly reason: string }[]> {
  const jobs = await queue.getFailed();
  return jobs
    .filter((job) => job.data.campaign === campaign)
    .map((job) => ({ shard: job.data.shard, reason: job.failedReason ?? 'no reason' }))
    .sort((a, b) => a.shard - b.shard);
}
