/**
 * A Redis server of Debian's package, for one test: in a folder of its own, on a Unix socket, and gone with the test.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { temporaryFolder } from './toolbox.js';

const START_MILLISECONDS = 10_000;

/** What the tests of campaigns over Redis need and this machine lacks. */
export function missingRedis(): readonly string[] {
  return spawnSync('redis-server', ['--version']).status === 0 ? [] : ['redis-server'];
}

export interface RedisServer {
  /** The address for `--redis`. */
  readonly url: string;
  readonly socket: string;
  /** Ends it at once, with nothing saved unless it keeps a log. */
  stop(): Promise<void>;
  /** Starts it again, in the same folder and on the same socket. */
  start(): Promise<void>;
  /** What a command of redis-cli prints, without the line feed. */
  ask(...words: readonly string[]): string;
}

export interface RedisSettings {
  readonly password?: string;
  /** Whether it writes down what it is told, and knows it after a restart. */
  readonly keeps?: boolean;
}

/** Ends the server when its input ends: with this process too, however that ends. */
const KEEPER = 'redis-server "$@" & read -r line; kill -KILL $!; wait $!';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.stdin?.destroy();
});

export async function redisServer({ password, keeps = false }: RedisSettings = {}): Promise<RedisServer> {
  const folder = temporaryFolder();
  const socket = join(folder, 'redis.sock');
  const argv = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', ''];
  if (keeps) argv.push('--appendonly', 'yes', '--appendfsync', 'always');
  if (password !== undefined) argv.push('--requirepass', password);
  let child: ChildProcess | null = null;
  const server: RedisServer = {
    url: `unix://${socket}`,
    socket,
    async start() {
      child = spawn('sh', ['-c', KEEPER, 'sh', ...argv], { stdio: ['pipe', 'ignore', 'ignore'] });
      running.add(child);
      const end = Date.now() + START_MILLISECONDS;
      while (!(await answers(socket))) {
        if (Date.now() > end) throw new Error('expected redis-server to answer within 10 s');
        await after(20);
      }
    },
    async stop() {
      if (child === null) return;
      const ended = once(child, 'exit');
      child.stdin?.end();
      await ended;
      running.delete(child);
      child = null;
    },
    ask(...words) {
      const secret = password === undefined ? {} : { REDISCLI_AUTH: password };
      const options = { encoding: 'utf8', env: { ...process.env, ...secret } } as const;
      return spawnSync('redis-cli', ['-s', socket, ...words], options).stdout.trimEnd();
    },
  };
  await server.start();
  return server;
}

async function answers(path: string): Promise<boolean> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
