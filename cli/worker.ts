/**
 * `quiesce worker`: runs shards of the campaigns of a Redis server.
 */
import { programBuild } from '../campaign/build.js';
import { shortBuild } from '../campaign/configuration.js';
import { Board } from '../campaign/redis/board.js';
import { connectRedis } from '../campaign/redis/connection.js';
import { redisParts } from '../campaign/redis/parts.js';
import { type WorkerProgress, work } from '../campaign/redis/worker.js';
import { WatchedThreads } from '../campaign/watched-threads.js';
import { packageVersion } from '../library/package-root.js';
import type { Arguments } from './arguments.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { secondsOf, WORKERS_MAX } from './fuzz-options.js';
import { ProgressLine } from './progress.js';
import { REDIS_OPTION, redisAddressOf } from './redis-options.js';
import { counted } from './schedule-text.js';
import { Stop } from './stop.js';
import type { Terminal } from './terminal.js';

export const workerCommand: Command = {
  name: 'worker',
  summary: 'runs shards of the campaigns of a Redis server',
  details: [
    'It takes shards of `quiesce campaign --redis` that are of this very program, until Ctrl-C: then those at work are',
    'ended. A second Ctrl-C ends at once; like those of a worker that is killed, its shards are taken over by others.',
    'Exit status 0: ended by a signal or --idle. 2: no such server, or its campaigns are of another build.',
  ],
  options: {
    redis: REDIS_OPTION,
    workers: { value: 'N', help: 'shards to work on at a time (one for each core)' },
    idle: { value: '10m', help: 'end when there was nothing to do for so long (never)' },
    limit: { value: '1h', help: 'give a shard up that takes longer (1h)' },
    'recover-after': { value: '15s', help: 'take over shards of a worker not heard of for so long (15s)' },
    patience: { value: '10m', help: 'end when Redis is away for so long (10m)' },
  },
  words: [],
  required: 0,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const address = redisAddressOf(args, terminal);
  const workers = args.integer('workers', { minimum: 1, maximum: WORKERS_MAX }) ?? terminal.jobs;
  const idle = args.text('idle');
  const seconds = (name: string, usual: string): number => secondsOf(name, args.text(name) ?? usual);
  const limitSeconds = seconds('limit', '1h');
  const recoverSeconds = seconds('recover-after', '15s');
  const patienceSeconds = seconds('patience', '10m');
  const idleSeconds = idle === undefined ? Number.POSITIVE_INFINITY : secondsOf('idle', idle);
  const { bullmq, ioredis } = await redisParts();
  const redis = await connectRedis(ioredis, address, { name: 'quiesce-worker', patient: true });
  const asking = await connectRedis(ioredis, address, { name: 'quiesce-worker-board', patient: false });
  const threads = new WatchedThreads(workers);
  const stop = new Stop(terminal, Number.POSITIVE_INFINITY);
  const line = new ProgressLine(terminal);
  try {
    const end = await work(
      {
        bullmq,
        redis,
        board: new Board(asking),
        version: packageVersion(),
        build: programBuild(),
        workers,
        recoverSeconds,
        idleSeconds,
        patienceSeconds,
        run: (task) => threads.run(task, limitSeconds),
      },
      {
        clock: () => terminal.clock(),
        stopped: () => stop.reached,
        pause: (milliseconds) => stop.pause(milliseconds),
        show: (progress) => line.show(progressText(progress)),
        recovered(job) {
          line.clear();
          terminal.err(`quiesce worker: shard ${job}: its worker is gone, it is in the queue again\n`);
        },
      },
    );
    line.clear();
    terminal.out(`worker: ${counted(end.done, 'shard')} done, ${counted(end.runs, 'run')}\n`);
    return EXIT.holds;
  } finally {
    line.clear();
    stop.forget();
    redis.disconnect();
    asking.disconnect();
    await threads.close();
  }
}

function progressText({ done, runs, busy, away }: WorkerProgress): string {
  if (away !== null) return `worker: ${counted(done, 'shard')} done; Redis does not answer: ${away}`;
  const now = busy === 0 ? 'nothing to do' : `${busy} at work`;
  return `worker: ${counted(done, 'shard')} done, ${now}, ${counted(runs, 'run')}, build ${shortBuild(programBuild())}`;
}
