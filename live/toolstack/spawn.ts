/**
 * Starts a part: as a process that inherits the descriptors of the memory it may map, or as a thread.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { QuiesceError } from '../../protocol/errors.js';
import { writeInPlace } from '../files/kept-file.js';
import type { PartReport, Serving, ThreadData } from '../part-main.js';
import type { PartConfig } from '../parts/config.js';

export interface RunningPart {
  /** Of the process; 0 for a thread. */
  readonly pid: number;
  /** When the process began, in clock ticks since boot, so that a number that is used again is noticed. */
  readonly startTime: string;
  /** Resolves with what the part says of itself. Rejects with `PART_UNREACHABLE` when it ends before. */
  readonly ready: Promise<Serving>;
  /** Resolves when a part that was started to wait waits; a part that ends resolves it too. */
  readonly held: Promise<void>;
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>;
  /** Lets a part begin that was started to wait. */
  go(): void;
  /** Asks it to end itself. */
  stop(): void;
  /** SIGKILL, or what comes nearest to it for a thread. */
  kill(): void;
}

/** Room that each configuration is given, so that a later one has it too. */
const CONFIG_BYTES = 8192;

const PART_MAIN = new URL('../part-main.js', import.meta.url);

export interface ProcessStart {
  readonly config: PartConfig;
  /** Where the configuration is put for the process to read, and its messages go. */
  readonly configFile: string;
  readonly logFile: string;
  /** Inherited as descriptors 4, 5 and so on. */
  readonly descriptors: readonly number[];
}

export function startProcess({ config, configFile, logFile, descriptors }: ProcessStart): RunningPart {
  writeInPlace(configFile, JSON.stringify(config), CONFIG_BYTES);
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(execPath, [fileURLToPath(PART_MAIN), configFile], {
    stdio: ['ignore', log, log, 'ipc', ...descriptors],
    detached: true,
  });
  closeSync(log);
  const ended = endOf(child);
  return {
    pid: child.pid ?? 0,
    startTime: child.pid === undefined ? '' : (startTimeOf(child.pid) ?? ''),
    ended,
    ...reports(config.part, ended, (listener) => child.on('message', (message) => listener(message as PartReport))),
    go: () => void (child.connected && child.send('go')),
    stop: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
  };
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}

export function startThread(data: ThreadData): RunningPart {
  const worker = new Worker(PART_MAIN, { workerData: data });
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => resolve());
  });
  worker.on('error', () => undefined);
  return {
    pid: 0,
    startTime: '',
    ended,
    ...reports(data.config.part, ended, (listener) => worker.on('message', listener)),
    go: () => worker.postMessage('go'),
    stop: () => worker.postMessage('stop'),
    kill: () => void worker.terminate(),
  };
}

/** A process that a toolstack before this one has started. */
export function adopt(pid: number, startTime: string): RunningPart {
  const lives = (): boolean => startTimeOf(pid) === startTime;
  const signal = (name: NodeJS.Signals): void => {
    if (lives()) process.kill(pid, name);
  };
  return {
    pid,
    startTime,
    ready: Promise.resolve({}),
    held: Promise.resolve(),
    ended: new Promise((resolve) => {
      const timer = setInterval(() => {
        if (lives()) return;
        clearInterval(timer);
        resolve();
      }, ADOPTED_LOOK_MILLISECONDS);
    }),
    // It began long ago.
    go() {},
    stop: () => signal('SIGTERM'),
    kill: () => signal('SIGKILL'),
  };
}

const ADOPTED_LOOK_MILLISECONDS = 20;

/** When a process began (field 22 of proc(5)'s stat), or null when there is none, or a dead one that nobody has reaped. */
export function startTimeOf(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  const [state = '', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? null : (rest[18] ?? null);
}

function reports(
  part: string,
  ended: Promise<void>,
  listen: (listener: (report: PartReport) => void) => void,
): Pick<RunningPart, 'held' | 'ready'> {
  let onHeld = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    onHeld = resolve;
  });
  const ready = new Promise<Serving>((resolve, reject) => {
    listen((report) => ('ready' in report ? resolve(report.ready) : onHeld()));
    void ended.then(() => {
      onHeld();
      reject(endedEarly(part));
    });
  });
  // Whoever does not wait for it need not hear of its end either.
  ready.catch(() => undefined);
  return { held, ready };
}

function endedEarly(part: string): QuiesceError {
  return new QuiesceError('PART_UNREACHABLE', `${part}: expected it to begin its work, but it ended; see its log`);
}
