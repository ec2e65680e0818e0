/**
 * The servers that are compared, each a process of its own: our daemon, the real ones, and a bare echo.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startRealDaemon } from '../../test/real/real-daemon.js';
import type { DaemonKind } from '../../test/real/toolbox.js';

const START_MILLISECONDS_MAX = 5_000;

export interface Peer {
  readonly name: string;
  readonly socket: string;
  stop(): Promise<void>;
}

/** Our daemon. Its socket lies in `folder`. */
export function startOurs(folder: string): Promise<Peer> {
  const socket = join(folder, 'quiesce.socket');
  return startNode('quiesce', socket, new URL('../../cli/main.js', import.meta.url), [
    'xenstored',
    '--daemon',
    'c',
    '--socket',
    socket,
  ]);
}

/** The real daemons, the C one first; none where something is not installed. */
export async function startReal(): Promise<Peer[]> {
  const kinds: readonly (readonly [DaemonKind, string])[] = [
    ['c', 'C xenstored'],
    ['ocaml', 'oxenstored'],
  ];
  const peers: Peer[] = [];
  for (const [kind, name] of kinds) {
    const { socketPath, stop } = await startRealDaemon(kind);
    peers.push({ name, socket: socketPath, stop });
  }
  return peers;
}

/** The bare echo. Its socket lies in `folder`. */
export function startEcho(folder: string): Promise<Peer> {
  const socket = join(folder, 'echo.socket');
  return startNode('echo', socket, new URL('./echo.js', import.meta.url), [socket]);
}

async function startNode(name: string, socket: string, program: URL, parameters: readonly string[]): Promise<Peer> {
  const child = spawn(process.execPath, [fileURLToPath(program), ...parameters], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // However the benchmark ends, nothing of it goes on.
  process.once('exit', () => child.kill());
  await answering(name, socket, child);
  return { name, socket, stop: () => stopped(child) };
}

/** Returns when `socket` accepts connections. */
async function answering(name: string, socket: string, child: ChildProcess): Promise<void> {
  const until = performance.now() + START_MILLISECONDS_MAX;
  while (performance.now() < until && child.exitCode === null) {
    if (await accepts(socket)) return;
    await sleep(20);
  }
  await stopped(child);
  throw new Error(`${name}: expected connections to be accepted at ${socket} within ${START_MILLISECONDS_MAX} ms`);
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, 'exit');
}
