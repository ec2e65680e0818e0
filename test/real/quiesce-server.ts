/**
 * `quiesce xenstored` as a process of its own, and its server in this one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { type Policy, Store } from '../../xenstore-sim/index.js';
import { serve } from '../../xenstore-sim/server/index.js';
import type { RingWire, TestedDaemon } from '../support/xenstore-transcript.js';
import { openSocketWire, Probe } from './tested-real-daemon.js';
import { type DaemonKind, removeFolder, temporaryFolder } from './toolbox.js';

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

export interface QuiesceServer {
  readonly socketPath: string;
  /** Ends the server as an operator does. */
  stop(): Promise<void>;
}

/** @throws Error when the server ends instead of listening. */
export async function startQuiesceServer(kind: DaemonKind): Promise<QuiesceServer> {
  const folder = temporaryFolder();
  const socketPath = join(folder, 'socket');
  const child = spawn(process.execPath, [PROGRAM, 'xenstored', '--daemon', kind, '--socket', socketPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit');
  const lines = createInterface(child.stdout);
  const listening = await Promise.race([once(lines, 'line'), ended.then(() => undefined)]);
  if (listening === undefined) throw new Error(`expected quiesce xenstored to listen, found status ${child.exitCode}`);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    process.off('exit', kill);
    removeFolder(folder);
  };
  return { socketPath, stop };
}

/** A server in this process as a daemon under test. It has sockets only: there is no hypervisor with domains. */
export async function withServer<Result>(
  policy: Policy,
  use: (daemon: TestedDaemon) => Promise<Result>,
): Promise<Result> {
  const folder = temporaryFolder();
  const path = join(folder, 'socket');
  const server = await serve(new Daemon(Store.empty(policy)), { unix: { path } });
  const probe = await Probe.open(path);
  const unsupported = (): never => {
    throw new Error('expected no rings and no domains in a test of the server');
  };
  try {
    return await use({
      openSocket: (sink) => openSocketWire(path, sink),
      openRing: async (): Promise<RingWire> => unsupported(),
      createDomain: unsupported,
      setDomain: unsupported,
      settle: () => probe.settle(),
    });
  } finally {
    probe.close();
    await server.close();
    removeFolder(folder);
  }
}
