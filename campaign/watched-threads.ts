/**
 * The threads of a worker, one shard at a time each. A thread whose shard is not done in time, or in which a step of a
 * driver does not end, is ended with that shard alone, and another takes its place.
 */
import { Piscina } from 'piscina';
import { ThreadWatch, type ThreadWatchSetup } from '../library/thread-watch.js';
import { STUCK_SECONDS } from '../library/watch-words.js';
import { assert } from '../protocol/assert.js';
import type { ThreadAnswer, ThreadTask } from './thread.js';

/** What each thread is given. */
export interface ThreadSetup {
  readonly watch: ThreadWatchSetup;
}

interface WatchedThread {
  readonly pool: Piscina<ThreadTask, ThreadAnswer>;
  readonly watch: ThreadWatch;
  busy: boolean;
}

export class WatchedThreads {
  readonly #stuckSeconds: number;
  readonly #threads: WatchedThread[];
  #closed = false;

  constructor(count: number, stuckSeconds = STUCK_SECONDS) {
    this.#stuckSeconds = stuckSeconds;
    this.#threads = Array.from({ length: count }, () => this.#begin());
  }

  /**
   * Runs a shard in a thread that is free; there must be one. Rejected with `BAD_DRIVER` when a step does not end, with an
   * `Error` when the shard is not done after `limitSeconds`, and with what the thread throws.
   */
  async run(task: ThreadTask, limitSeconds: number): Promise<ThreadAnswer> {
    const at = this.#threads.findIndex(({ busy }) => !busy);
    const thread = this.#threads[at];
    assert(thread !== undefined, 'campaign: more shards at a time than threads');
    thread.busy = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, failed) => {
      timer = setTimeout(() => failed(new Error(`it was not done after ${limitSeconds} s`)), limitSeconds * 1000);
    });
    const answer = thread.pool.run(task);
    try {
      return await Promise.race([answer, late, thread.watch.stuck]);
    } catch (error) {
      // What is still under way in it is nobody's any more.
      answer.catch(() => {});
      // One that was ended by closing gets no successor: the process would wait for it.
      if (!this.#closed) {
        this.#threads[at] = this.#begin();
        void end(thread);
      }
      throw error;
    } finally {
      clearTimeout(timer);
      thread.busy = false;
    }
  }

  /** Ends all threads; shards that are at work are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map(end));
  }

  #begin(): WatchedThread {
    const watch = new ThreadWatch(1, this.#stuckSeconds);
    const pool = new Piscina<ThreadTask, ThreadAnswer>({
      filename: new URL('./thread.js', import.meta.url).href,
      workerData: { watch: watch.setup } satisfies ThreadSetup,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
    });
    return { pool, watch, busy: false };
  }
}

async function end({ pool, watch }: WatchedThread): Promise<void> {
  watch.close();
  await pool.destroy();
}
