/**
 * The machine that a campaign was begun on: puts the shards into the queue, merges what comes back, and keeps what is
 * merged in Redis, so that any machine can go on with the campaign.
 *
 * It asks Redis how far things are rather than to be told: what it missed while it or Redis was away it sees with the
 * next question. Where Redis has lost something, it puts it there again.
 */
import { QuiesceError } from '../../protocol/errors.js';
import { type CampaignConfiguration, campaignId } from '../configuration.js';
import { CampaignResult } from '../result.js';
import type { Board } from './board.js';
import { addShards, failedShards, removeShards, type ShardQueue } from './queue.js';

export interface CoordinatorProgress {
  readonly done: number;
  readonly runs: number;
  readonly failures: number;
  /** Workers that listen now. */
  readonly workers: number;
  /** Why Redis does not answer now; null when it does. */
  readonly away: string | null;
}

export interface CoordinatorWatch {
  /** Seconds since some moment. */
  clock(): number;
  stopped(): boolean;
  pause(milliseconds: number): Promise<void>;
  show(progress: CoordinatorProgress): void;
}

export interface CampaignPlace {
  readonly board: Board;
  readonly queue: ShardQueue;
  readonly configuration: CampaignConfiguration;
  readonly tokens: readonly string[];
  /** It is given up when nothing comes back for so long. */
  readonly patienceSeconds: number;
}

const TICK_MILLISECONDS = 200;
/** Results that are merged in one go. */
const BATCH = 32;
/** Ticks between two looks at what changes slowly. */
const SLOW_TICKS = 5;

/**
 * The whole result, or null when it was stopped on the way. What is done stays in Redis until `Board.close`. Throws
 * `UNFINISHED` when nothing happens for too long or a shard was given up, `NO_REDIS` when Redis is away for too long.
 */
export async function coordinate(place: CampaignPlace, watch: CoordinatorWatch): Promise<CampaignResult | null> {
  const coordinator = new Coordinator(place, watch);
  for (;;) {
    if (watch.stopped()) return null;
    const { result } = coordinator;
    if (await coordinator.tick()) return result;
    await watch.pause(TICK_MILLISECONDS);
  }
}

class Coordinator {
  readonly result: CampaignResult;
  readonly #place: CampaignPlace;
  readonly #watch: CoordinatorWatch;
  readonly #id: string;
  #ticks = 0;
  #begun = false;
  #workers = 0;
  /** When something came back last, and when Redis answered last. */
  #lastResult: number;
  #lastAnswer: number;
  /** Looks in a row at a queue with nothing in it. */
  #idle = 0;

  constructor(place: CampaignPlace, watch: CoordinatorWatch) {
    this.#place = place;
    this.#watch = watch;
    this.#id = campaignId(place.configuration);
    this.result = new CampaignResult(place.configuration);
    this.#lastResult = watch.clock();
    this.#lastAnswer = watch.clock();
  }

  /** Whether the result is whole. */
  async tick(): Promise<boolean> {
    let away: string | null = null;
    try {
      if (!this.#begun || !(await this.#place.board.isOpen(this.#id))) await this.#begin();
      const fresh = await this.#merge();
      if (!this.result.whole && !fresh && this.#ticks++ % SLOW_TICKS === 0) await this.#look();
      this.#lastAnswer = this.#watch.clock();
    } catch (error) {
      if (error instanceof QuiesceError) throw error;
      away = error instanceof Error ? error.message : String(error);
    }
    this.#show(away);
    if (this.result.whole && away === null) return true;
    this.#checkPatience(away);
    return false;
  }

  /** Begins the campaign, or goes on with it; also where Redis has forgotten it. */
  async #begin(): Promise<void> {
    const { board, queue, configuration, tokens } = this.#place;
    await board.open(this.#id, configuration, tokens);
    const kept = await board.merged(this.#id);
    if (kept !== null) this.result.absorb(kept);
    while (await this.#merge());
    // What was given up before gets another chance.
    const failed = await failedShards(queue, this.#id);
    await removeShards(
      queue,
      this.#id,
      failed.map(({ shard }) => shard),
    );
    await addShards(queue, this.#id, this.result.missing);
    this.#begun = true;
  }

  async #merge(): Promise<boolean> {
    const { board } = this.#place;
    const fresh = await board.fresh(this.#id, BATCH);
    if (fresh.length === 0) return false;
    for (const result of fresh) this.result.absorb(result);
    await board.keep(
      this.#id,
      this.result,
      fresh.flatMap(({ shards }) => [...shards.keys()]),
    );
    this.#lastResult = this.#watch.clock();
    return true;
  }

  async #look(): Promise<void> {
    const { queue } = this.#place;
    this.#workers = await queue.getWorkersCount();
    const { waiting = 0, active = 0, prioritized = 0, delayed = 0, paused = 0 } = await queue.getJobCounts();
    this.#idle = waiting + active + prioritized + delayed + paused === 0 ? this.#idle + 1 : 0;
    if (this.#idle === 0) return;
    const failed = await failedShards(queue, this.#id);
    const { missing } = this.result;
    if (failed.length > 0 && missing.every((shard) => failed.some((one) => one.shard === shard))) throw givenUp(failed);
    // Neither in the queue nor on the board: Redis has lost it. Twice in a row, as a result may just have arrived.
    if (this.#idle > 1) await addShards(queue, this.#id, missing);
  }

  #show(away: string | null): void {
    const reports = [...this.result.shards.values()];
    this.#watch.show({
      done: reports.length,
      runs: reports.reduce((sum, { runs }) => sum + runs, 0),
      failures: new Set(
        reports.flatMap(({ failures }) => failures.map((one) => `${one.tpmfront}\n${one.tpmback}\n${one.oracle}`)),
      ).size,
      workers: this.#workers,
      away,
    });
  }

  #checkPatience(away: string | null): void {
    const now = this.#watch.clock();
    const { patienceSeconds, configuration } = this.#place;
    if (away !== null) {
      if (now - this.#lastAnswer >= patienceSeconds)
        throw new QuiesceError('NO_REDIS', `Redis has not answered for ${patienceSeconds} s: ${away}`);
      // Workers begin anew when it is back.
      this.#lastResult = now;
    }
    if (now - this.#lastResult < patienceSeconds) return;
    throw new QuiesceError(
      'UNFINISHED',
      `no shard was done for ${patienceSeconds} s, ${this.result.shards.size} of ${configuration.shards} are; ` +
        `workers that listen: ${this.#workers}`,
    );
  }
}

function givenUp(failed: readonly { readonly shard: number; readonly reason: string }[]): QuiesceError {
  const [first] = failed;
  const more = failed.length === 1 ? '' : `, and ${failed.length - 1} more`;
  return new QuiesceError('UNFINISHED', `shard ${first?.shard} was given up: ${first?.reason}${more}`);
}
