/**
 * Where the work of a campaign is done: in this thread, or in a pool of them. What comes out is the same.
 *
 * The tables of coverage lie in memory that all threads share. They are written between two generations only, when no
 * shard is at work.
 */
import { Piscina } from 'piscina';
import { resolverOf, type Worlds } from '../campaign/worlds.js';
import { isDriverFile } from '../library/driver-file.js';
import { ThreadWatch, type ThreadWatchSetup } from '../library/thread-watch.js';
import { type CoverageTables, FEATURE_SLOTS, STATE_BYTES } from '../simulator/fuzz/coverage.js';
import { type ShardResult, ShardRunner, type ShardTask } from '../simulator/fuzz/shard.js';
import { type Shrunk, shrink } from '../simulator/fuzz/shrink.js';
import type { OracleName } from '../simulator/world-state.js';

/** What every thread is given. */
export interface FuzzSetup extends Worlds {
  readonly tables: CoverageTables;
  /** Where a driver of one's own takes part: who watches the threads. */
  readonly watch?: ThreadWatchSetup | undefined;
}

export interface ShrinkTask {
  readonly token: string;
  readonly oracle: OracleName;
}

export type FuzzWork = { readonly shard: ShardTask } | { readonly shrink: ShrinkTask };

export interface ShardWatch {
  /** Whether no further shard is to be begun. */
  stopped(): boolean;
  /** A shard is done; in any order. */
  done(result: ShardResult): void;
}

export interface FuzzEngine {
  /** The reports of the first shards, in their order; of all, unless `watch.stopped` on the way. */
  shards(tasks: readonly ShardTask[], watch: ShardWatch): Promise<readonly ShardResult[]>;
  shrink(tasks: readonly ShrinkTask[]): Promise<readonly Shrunk[]>;
  close(): Promise<void>;
}

export function sharedTables(): CoverageTables {
  return {
    states: new Uint8Array(new SharedArrayBuffer(STATE_BYTES)),
    features: new Uint8Array(new SharedArrayBuffer(FEATURE_SLOTS)),
  };
}

/** A function that does the work of one thread. */
export async function fuzzWorker(setup: FuzzSetup): Promise<(work: FuzzWork) => ShardResult | Shrunk> {
  const resolve = await resolverOf(setup);
  const runner = new ShardRunner(setup.swarm, resolve, setup.tables);
  return (work) => ('shard' in work ? runner.run(work.shard) : shrink(work.shrink.token, work.shrink.oracle, resolve));
}

/** With one worker the work is done in this thread. */
export async function fuzzEngine(setup: FuzzSetup, workers: number): Promise<FuzzEngine> {
  return workers === 1 ? engineHere(await fuzzWorker(setup)) : engineOfThreads(setup, workers);
}

function engineHere(work: (work: FuzzWork) => ShardResult | Shrunk): FuzzEngine {
  return {
    async shards(tasks, watch) {
      const results: ShardResult[] = [];
      for (const shard of tasks) {
        if (watch.stopped()) break;
        const result = work({ shard }) as ShardResult;
        results.push(result);
        watch.done(result);
        // A signal is heard only where nothing else is to be done.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return results;
    },
    shrink: async (tasks) => tasks.map((task) => work({ shrink: task }) as Shrunk),
    close: async () => {},
  };
}

function engineOfThreads(setup: FuzzSetup, workers: number): FuzzEngine {
  const filename = new URL('./fuzz-worker.js', import.meta.url).href;
  const own = [setup.tpmfront, setup.tpmback].some((name) => name !== undefined && isDriverFile(name));
  const watch = own ? new ThreadWatch(workers) : null;
  const pool = new Piscina<FuzzWork, ShardResult | Shrunk>({
    filename,
    workerData: { ...setup, watch: watch?.setup } satisfies FuzzSetup,
    minThreads: workers,
    maxThreads: workers,
    concurrentTasksPerWorker: 1,
  });
  const ended = <T>(work: Promise<T>): Promise<T> => (watch === null ? work : Promise.race([work, watch.stuck]));
  return {
    async shards(tasks, heard) {
      const results: ShardResult[] = [];
      let next = 0;
      // Shards are begun in their order and always ended, so those that are done are the first ones.
      const feed = async (): Promise<void> => {
        while (next < tasks.length && !heard.stopped()) {
          const at = next++;
          const result = (await pool.run({ shard: tasks[at] as ShardTask })) as ShardResult;
          results[at] = result;
          heard.done(result);
        }
      };
      await ended(Promise.all(Array.from({ length: workers }, feed)));
      return results;
    },
    shrink: async (tasks) => (await ended(Promise.all(tasks.map((task) => pool.run({ shrink: task }))))) as Shrunk[],
    async close() {
      watch?.close();
      await pool.destroy();
    },
  };
}
