/**
 * A thread of a worker: runs the shards it is sent, one at a time, and gives their results as text.
 */
import { workerData } from 'piscina';
import { watchThisThread } from '../library/thread-watch.js';
import { type ErrorCode, QuiesceError } from '../protocol/errors.js';
import { type CampaignConfiguration, campaignId } from './configuration.js';
import { formatResult } from './result-file.js';
import { CampaignShards } from './shards.js';
import type { ThreadSetup } from './watched-threads.js';

export interface ThreadTask {
  readonly configuration: CampaignConfiguration;
  readonly tokens: readonly string[];
  readonly shard: number;
}

/** An error keeps neither class nor code between threads, so a refusal is an answer. */
export type ThreadAnswer =
  | { readonly kind: 'result'; readonly text: string; readonly runs: number }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

watchThisThread((workerData as ThreadSetup).watch);

let open: { readonly id: string; readonly shards: CampaignShards } | null = null;

export default async ({ configuration, tokens, shard }: ThreadTask): Promise<ThreadAnswer> => {
  try {
    const id = campaignId(configuration);
    // One at a time: each holds tables of some 20 MiB.
    if (open?.id !== id) open = { id, shards: await CampaignShards.open(configuration, tokens) };
  } catch (error) {
    if (error instanceof QuiesceError) return { kind: 'refused', code: error.code, message: error.message };
    throw error;
  }
  const result = open.shards.run(shard);
  return { kind: 'result', text: formatResult(result), runs: result.shards.get(shard)?.runs ?? 0 };
};
