/**
 * Debian's unmodified C xenstored or OCaml oxenstored 4.17, as a process of its own on a machine without a hypervisor.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeFrame, XsType } from '../../protocol/xs-wire.js';
import type { Limits } from '../support/xenstore-limits.js';
import { Machine } from './machine.js';
import { compileC, DAEMON_PROGRAMS, type DaemonKind, removeFolder, temporaryFolder } from './toolbox.js';

const START_MILLISECONDS = 10_000;
const QUESTION = encodeFrame({ type: XsType.GET_DOMAIN_PATH, requestId: 0, transactionId: 0, payload: '0\0' });

export interface RealDaemon {
  readonly kind: DaemonKind;
  readonly socketPath: string;
  readonly machine: Machine;
  /** Ends the daemon; leaves no process and no file. */
  stop(): Promise<void>;
}

/**
 * Starts a daemon with a fresh store. It ends with this process at the latest.
 *
 * @throws Error when it does not answer within 10 s, with what it printed.
 */
export async function startRealDaemon(kind: DaemonKind, limits: Limits = {}): Promise<RealDaemon> {
  const library = compileC('test/real/fakexen/fakexen.c', '-shared', '-fPIC', '-ldl');
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'run'));
  const machine = await Machine.start(folder);
  const log = openSync(join(folder, 'log'), 'w');
  const child = spawn(DAEMON_PROGRAMS[kind], daemonArguments(kind, folder, limits), {
    cwd: folder,
    env: { LD_PRELOAD: library, FAKEXEN_DIR: folder },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const socketPath = join(folder, 'run', 'socket');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await machine.stop();
    removeFolder(folder);
  };
  if (await answers(socketPath, child)) return { kind, socketPath, machine, stop };
  const printed = readFileSync(join(folder, 'log'), 'latin1');
  await stop();
  throw new Error(`expected ${DAEMON_PROGRAMS[kind]} to listen at ${socketPath}, found: ${printed}`);
}

/**
 * Whether somebody comes to answer at `path` while `child` runs. Afterwards nobody waits in the queue of that socket.
 */
async function answers(path: string, child: ChildProcess): Promise<boolean> {
  const end = Date.now() + START_MILLISECONDS;
  while (Date.now() < end && child.exitCode === null && child.pid !== undefined) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect(path, () => socket.write(QUESTION));
      socket.on('error', () => undefined);
      socket.once('data', () => {
        resolve(true);
        socket.destroy();
      });
      socket.once('close', () => resolve(false));
    });
    if (answered) return true;
    // Nothing tells when a socket begins to listen.
    await delay(2);
  }
  return false;
}

function daemonArguments(kind: DaemonKind, folder: string, limits: Limits): string[] {
  if (kind === 'c') {
    const settings: readonly (readonly [string, number | undefined, string?])[] = [
      ['-E', limits.nodes],
      ['-W', limits.watches],
      ['-t', limits.transactions],
      ['-S', limits['node-size']],
      ['-A', limits.permissions],
      ['-M', limits['path-max']],
      ['-Q', limits['trans-nodes'], 'transaction-nodes='],
    ];
    const options = settings.flatMap(([option, value, name = '']) =>
      value === undefined ? [] : [option, `${name}${value}`],
    );
    return ['--no-fork', ...options];
  }
  writeFileSync(join(folder, 'configuration'), oxenstoredConfiguration(folder, limits));
  return ['--no-fork', '--no-access-log', '--config-file', join(folder, 'configuration')];
}

/** Debian's oxenstored.conf, with the files of this daemon. */
function oxenstoredConfiguration(folder: string, limits: Limits): string {
  const settings: { readonly [key: string]: string | number } = {
    'pid-file': join(folder, 'pid'),
    'xenstored-log-file': join(folder, 'log'),
    'xenstored-kva': join(folder, 'page.0'),
    'xenstored-port': join(folder, 'port'),
    'test-eagain': 'false',
    'merge-activate': 'true',
    'conflict-burst-limit': '5.0',
    'conflict-max-history-seconds': '0.05',
    'conflict-rate-limit-is-aggregate': 'true',
    'perms-activate': 'true',
    'perms-watch-activate': 'true',
    'quota-activate': 'true',
    'quota-maxentity': limits.nodes ?? 1000,
    'quota-maxsize': limits['node-size'] ?? 2048,
    'quota-maxwatch': limits.watches ?? 100,
    'quota-transaction': limits.transactions ?? 10,
    'quota-maxrequests': limits.requests ?? 1024,
    'quota-path-max': limits['path-max'] ?? 1024,
    'quota-maxoutstanding': 1024,
    'quota-maxwatchevents': 1024,
    persistent: 'false',
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}
