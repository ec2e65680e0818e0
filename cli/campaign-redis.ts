/**
 * A campaign over Redis: begins it or goes on with it, shows how far it is, and reports.
 */
import { programBuild } from '../campaign/build.js';
import { type CampaignConfiguration, campaignId, checkBuild, isCampaignId } from '../campaign/configuration.js';
import type { RedisAddress } from '../campaign/redis/address.js';
import { Board } from '../campaign/redis/board.js';
import { connectRedis } from '../campaign/redis/connection.js';
import { type CoordinatorProgress, coordinate } from '../campaign/redis/coordinator.js';
import { redisParts } from '../campaign/redis/parts.js';
import { removeShards, type ShardQueue, shardQueue } from '../campaign/redis/queue.js';
import type { CampaignResult } from '../campaign/result.js';
import { packageVersion } from '../library/package-root.js';
import { QuiesceError } from '../protocol/errors.js';
import { type Arguments, usage } from './arguments.js';
import { reportCampaign } from './campaign-report.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { secondsOf } from './fuzz-options.js';
import { ProgressLine } from './progress.js';
import { redisAddressOf } from './redis-options.js';
import { counted } from './schedule-text.js';
import { Stop } from './stop.js';
import type { Terminal } from './terminal.js';

export interface CampaignRequest {
  readonly configuration: CampaignConfiguration;
  readonly tokens: readonly string[];
}

interface Connected {
  readonly address: RedisAddress;
  readonly board: Board;
  queueOf(build: string): ShardQueue;
  close(): Promise<void>;
}

/** `request` makes the campaign that the options describe; null where `--resume` or `--forget` names one. */
export async function redisCampaign(
  args: Arguments,
  terminal: Terminal,
  request: (() => Promise<CampaignRequest>) | null,
): Promise<ExitStatus> {
  const address = redisAddressOf(args, terminal);
  const patienceSeconds = secondsOf('patience', args.text('patience') ?? '10m');
  const id = args.text('resume') ?? args.text('forget') ?? '';
  if (request === null && !isCampaignId(id))
    throw usage(`expected the id of a campaign, 16 hexadecimal digits, found '${id}'`);
  const requested = request === null ? null : await request();
  const connected = await connect(address);
  try {
    if (args.flag('forget')) return await forget(connected, id, terminal);
    const asked = requested ?? (await found(connected, id));
    checkBuild(asked.configuration, packageVersion(), programBuild());
    return await follow(connected, { ...asked, patienceSeconds }, args, terminal);
  } finally {
    await connected.close();
  }
}

async function connect(address: RedisAddress): Promise<Connected> {
  const { bullmq, ioredis } = await redisParts();
  const redis = await connectRedis(ioredis, address, { name: 'quiesce-campaign', patient: false });
  const queues = new Map<string, ShardQueue>();
  return {
    address,
    board: new Board(redis),
    queueOf(build) {
      const queue = queues.get(build) ?? shardQueue(bullmq, redis, build);
      queues.set(build, queue);
      return queue;
    },
    async close() {
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()));
      redis.disconnect();
    },
  };
}

/** Throws `UNKNOWN_NAME` where there is no such campaign. */
async function found({ board }: Connected, id: string): Promise<CampaignRequest> {
  const configuration = await board.configuration(id);
  if (configuration !== null) return { configuration, tokens: await board.corpus(id) };
  const open = [...(await board.campaigns()).keys()].sort();
  throw new QuiesceError(
    'UNKNOWN_NAME',
    `there is no unfinished campaign ${id}; ${open.length === 0 ? 'none is open' : `open: ${open.join(', ')}`}`,
  );
}

async function forget(connected: Connected, id: string, terminal: Terminal): Promise<ExitStatus> {
  const { configuration } = await found(connected, id);
  await close(connected, configuration);
  terminal.out(`campaign ${id} is forgotten\n`);
  return EXIT.holds;
}

/** Takes a campaign away, and what is left of it in the queue. */
async function close({ board, queueOf }: Connected, configuration: CampaignConfiguration): Promise<void> {
  const id = campaignId(configuration);
  const queue = queueOf(configuration.build);
  await board.close(id);
  const { waiting = 0, failed = 0 } = await queue.getJobCounts('waiting', 'failed');
  if (waiting + failed > 0) await removeShards(queue, id, [...Array(configuration.shards).keys()]);
}

async function follow(
  connected: Connected,
  { configuration, tokens, patienceSeconds }: CampaignRequest & { readonly patienceSeconds: number },
  args: Arguments,
  terminal: Terminal,
): Promise<ExitStatus> {
  const { address, board, queueOf } = connected;
  const id = campaignId(configuration);
  const line = new ProgressLine(terminal);
  const stop = new Stop(terminal, Number.POSITIVE_INFINITY);
  const start = terminal.clock();
  const goOn = `${terminal.program} campaign --redis ${address.shown} --resume ${id}`;
  let last: CoordinatorProgress | null = null;
  let first = -1;
  let result: CampaignResult | null;
  try {
    result = await coordinate(
      { board, queue: queueOf(configuration.build), configuration, tokens, patienceSeconds },
      {
        clock: () => terminal.clock(),
        stopped: () => stop.reached,
        pause: (milliseconds) => stop.pause(milliseconds),
        show(progress) {
          last = progress;
          if (first < 0) first = progress.runs;
          const seconds = Math.max(terminal.clock() - start, 1e-3);
          line.show(progressText(progress, configuration, (progress.runs - first) / seconds));
        },
      },
    );
  } catch (error) {
    // Whatever the reason, what is done is kept.
    if (error instanceof QuiesceError)
      throw new QuiesceError(error.code, `${error.message}. What is done is kept; to go on: ${goOn}`);
    throw error;
  } finally {
    line.clear();
    stop.forget();
  }
  if (result === null) {
    const { done } = last ?? { done: 0 };
    terminal.err(
      `quiesce campaign: stopped with ${done} of ${counted(configuration.shards, 'shard')} done; workers go on with ` +
        `those that are in the queue. To go on: ${goOn}\n`,
    );
    return EXIT.refused;
  }
  const status = await reportCampaign(result, args, terminal);
  await close(connected, configuration);
  return status;
}

function progressText(
  { done, runs, failures, workers, away }: CoordinatorProgress,
  { shards }: CampaignConfiguration,
  speed: number,
): string {
  if (away !== null) return `campaign: ${done} of ${shards} shards; Redis does not answer: ${away}`;
  const who = workers === 0 ? 'no worker listens' : counted(workers, 'worker');
  return `campaign: ${done} of ${shards} shards, ${who}, ${runs} runs, ${Math.round(speed)}/s, ${counted(failures, 'failure')}`;
}
