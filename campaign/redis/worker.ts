/**
 * A worker: takes shards out of the queue of its build and puts their results on the board.
 *
 * BullMQ locks a shard for the worker that takes it, and the worker renews the lock as long as it lives. A shard whose
 * lock has expired goes back into the queue, so one that dies loses nothing but the time it has spent.
 */
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { QuiesceError } from '../../protocol/errors.js';
import { type CampaignConfiguration, checkBuild } from '../configuration.js';
import type { ThreadAnswer, ThreadTask } from '../thread.js';
import { type Board, QUEUE_PREFIX } from './board.js';
import { within } from './connection.js';
import type { BullMq } from './parts.js';
import { queueName, type ShardJob } from './queue.js';

export interface WorkerProgress {
  readonly done: number;
  readonly runs: number;
  /** Shards at work now. */
  readonly busy: number;
  readonly away: string | null;
}

export interface WorkerWatch {
  /** Seconds since some moment. */
  clock(): number;
  stopped(): boolean;
  pause(milliseconds: number): Promise<void>;
  show(progress: WorkerProgress): void;
  /** A shard of a worker that is gone went back into the queue. */
  recovered(job: string): void;
}

export interface WorkerPlace {
  readonly bullmq: BullMq;
  /** A patient connection, for BullMQ alone. */
  readonly redis: Redis;
  readonly board: Board;
  readonly version: string;
  readonly build: string;
  /** Shards at a time. */
  readonly workers: number;
  /** A shard is free again when its worker has not been heard of for so long. */
  readonly recoverSeconds: number;
  /** It ends when there was nothing to do for so long; may be infinite. */
  readonly idleSeconds: number;
  /** It ends when Redis is away for so long. */
  readonly patienceSeconds: number;
  /** Runs a shard. A rejection gives the shard up for good. */
  readonly run: (task: ThreadTask) => Promise<ThreadAnswer>;
}

const TICK_MILLISECONDS = 500;
/** Workers that a shard may take down before it is given up. */
const DEATHS_MAX = 5;
/** How long shards that are at work may go on after the end was asked for. */
const END_MILLISECONDS = 60_000;
const RETRY_MILLISECONDS = 500;

/**
 * Works until it is stopped or idle for too long. Throws `OTHER_BUILD` when the campaigns that are open are all of
 * another build, `NO_REDIS` when Redis is away for too long, and what `CampaignShards.open` refuses a campaign with; the
 * shard it had taken is in the queue again then.
 */
export async function work(place: WorkerPlace, watch: WorkerWatch): Promise<WorkerProgress> {
  await checkCampaigns(place);
  const session = new WorkerSession(place, watch);
  try {
    while (!session.ended) {
      await watch.pause(TICK_MILLISECONDS);
      await session.tick();
    }
  } finally {
    await session.close();
  }
  if (session.refusal !== null) throw session.refusal;
  return session.progress;
}

/** Throws `OTHER_BUILD` where there is something to do, but nothing for this build. */
async function checkCampaigns({ board, version, build }: WorkerPlace): Promise<void> {
  const open = [...(await board.campaigns()).values()];
  const [first] = open;
  if (first !== undefined && open.every((campaign) => campaign.build !== build)) checkBuild(first, version, build);
}

interface OpenCampaign {
  readonly configuration: CampaignConfiguration;
  readonly tokens: readonly string[];
}

class WorkerSession {
  refusal: QuiesceError | null = null;
  readonly #place: WorkerPlace;
  readonly #watch: WorkerWatch;
  readonly #worker;
  readonly #campaigns = new Map<string, OpenCampaign>();
  #done = 0;
  #runs = 0;
  #busy = 0;
  #away: string | null = null;
  #lastWork: number;
  #lastAnswer: number;

  constructor(place: WorkerPlace, watch: WorkerWatch) {
    const { bullmq, redis, build, workers, recoverSeconds } = place;
    this.#place = place;
    this.#watch = watch;
    this.#lastWork = watch.clock();
    this.#lastAnswer = watch.clock();
    this.#worker = new bullmq.Worker<ShardJob, null, 'shard'>(
      queueName(build),
      (job, token) => this.#process(job, token),
      {
        connection: redis,
        prefix: QUEUE_PREFIX,
        concurrency: workers,
        lockDuration: recoverSeconds * 1000,
        stalledInterval: recoverSeconds * 500,
        maxStalledCount: DEATHS_MAX,
        drainDelay: 1,
        runRetryDelay: RETRY_MILLISECONDS,
      },
    );
    this.#worker.on('error', () => {});
    this.#worker.on('stalled', (job) => watch.recovered(job));
  }

  get progress(): WorkerProgress {
    return { done: this.#done, runs: this.#runs, busy: this.#busy, away: this.#away };
  }

  get ended(): boolean {
    const idle = this.#busy === 0 && this.#watch.clock() - this.#lastWork >= this.#place.idleSeconds;
    return this.refusal !== null || this.#watch.stopped() || idle;
  }

  /** Looks whether Redis is there, and whether what is open is for this build. */
  async tick(): Promise<void> {
    const { patienceSeconds } = this.#place;
    try {
      await checkCampaigns(this.#place);
      this.#away = null;
      this.#lastAnswer = this.#watch.clock();
    } catch (error) {
      if (error instanceof QuiesceError) throw error;
      this.#away = error instanceof Error ? error.message : String(error);
      if (this.#watch.clock() - this.#lastAnswer >= patienceSeconds)
        throw new QuiesceError('NO_REDIS', `Redis has not answered for ${patienceSeconds} s: ${this.#away}`);
    }
    this.#watch.show(this.progress);
  }

  /** Lets shards that are at work end, for a while; without Redis their results have nowhere to go. */
  async close(): Promise<void> {
    const away = this.#away !== null;
    try {
      await within(away ? TICK_MILLISECONDS : END_MILLISECONDS, this.#worker.close(away));
    } catch {
      // What is not done by now is taken over by others.
      await within(TICK_MILLISECONDS, this.#worker.disconnect()).catch(() => {});
    }
  }

  async #process(job: Job<ShardJob, null, 'shard'>, token: string | undefined): Promise<null> {
    this.#busy++;
    try {
      const { campaign, shard } = job.data;
      const open = await this.#persistently(() => this.#campaign(campaign));
      // Nobody waits for it any more.
      if (open === null) return null;
      const answer = await this.#place.run({ ...open, shard });
      if (answer.kind === 'refused') {
        this.refusal = new QuiesceError(answer.code, answer.message);
        await job.moveToWait(token);
        throw new this.#place.bullmq.WaitingError();
      }
      const { board } = this.#place;
      await this.#persistently(async () => {
        if (await board.isOpen(campaign)) await board.put(campaign, shard, answer.text);
      });
      this.#done++;
      this.#runs += answer.runs;
      return null;
    } finally {
      this.#busy--;
      this.#lastWork = this.#watch.clock();
    }
  }

  async #campaign(id: string): Promise<OpenCampaign | null> {
    const known = this.#campaigns.get(id);
    if (known !== undefined) return known;
    const { board, version, build } = this.#place;
    const configuration = await board.configuration(id);
    if (configuration === null) return null;
    checkBuild(configuration, version, build);
    const open = { configuration, tokens: await board.corpus(id) };
    this.#campaigns.clear();
    this.#campaigns.set(id, open);
    return open;
  }

  /** Asks again as long as Redis is away and this worker waits for it. */
  async #persistently<T>(ask: () => Promise<T>): Promise<T> {
    const begun = this.#watch.clock();
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof QuiesceError) throw error;
        if (this.#watch.clock() - begun >= this.#place.patienceSeconds) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
      }
    }
  }
}
