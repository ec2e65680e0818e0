/**
 * A live system from outside: begin it, drive it, end it.
 */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { geteuid } from 'node:process';
import { QuiesceError } from '../protocol/errors.js';
import { controlSocket } from './toolstack/control.js';
import { control } from './toolstack/control-client.js';
import { startToolstack } from './toolstack/guard.js';
import type { Ending } from './toolstack/main.js';
import { type LiveOptions, writeOptions } from './toolstack/options.js';
import { lockFile, readHolder } from './toolstack/part-lock.js';
import { startTimeOf } from './toolstack/spawn.js';
import type { LiveStatus } from './toolstack/status.js';
import { isOurs, sweep } from './toolstack/sweep.js';
import { sleep, until } from './toolstack/waiting.js';
import { createClockFile } from './trace/clock.js';
import { writeTurns } from './trace/turns.js';

const UP_MILLISECONDS = 60_000;
const DOWN_MILLISECONDS = 20_000;
const OTHERS = 0o077;

/**
 * Begins a live system whose files are in `directory`, which is made and must be empty. Resolves when the guest runs and
 * its TPM can be used. Rejects with `LIVE_STATE` where one runs already, and with whatever kept it from beginning;
 * nothing is left then.
 */
export async function up(
  directory: string,
  options: LiveOptions,
  onProgress: (message: string) => void = () => undefined,
  milliseconds = UP_MILLISECONDS,
): Promise<LiveStatus> {
  if (options.trace !== undefined && options.trace !== null) makeTraceDirectory(options.trace, options.turns);
  await makeDirectory(directory);
  let child: ChildProcess | null = null;
  try {
    writeOptions(directory, options);
    child = startToolstack(directory, []);
    let ended = false;
    child.once('exit', () => {
      ended = true;
    });
    await until('the toolstack to listen', milliseconds, async () => ended || (await listens(directory)));
    const asked = { milliseconds, onProgress };
    return (await control(directory, { command: 'status' }, asked)) as LiveStatus;
  } catch (error) {
    await down(directory).catch(() => undefined);
    // One that has not come so far as to be found by its lock.
    child?.kill('SIGKILL');
    if (existsSync(directory)) await sweep(directory);
    throw error;
  }
}

export async function status(directory: string, milliseconds = 20_000): Promise<LiveStatus> {
  return (await control(directory, { command: 'status' }, { milliseconds })) as LiveStatus;
}

/**
 * Ends a live system; resolves when its folder is gone, and with it every process. One whose toolstack does not do that,
 * because it has died with whoever would start it again, or hangs, is ended from outside.
 */
export async function down(directory: string, milliseconds = DOWN_MILLISECONDS): Promise<void> {
  if (!isOurs(directory)) {
    throw new QuiesceError('LIVE_STATE', `expected a live system in ${directory}, found none`);
  }
  if (!(await endsItself(directory, milliseconds))) await sweep(directory);
}

/** False when the toolstack cannot be asked, or has not done it in time. */
async function endsItself(directory: string, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  const ending = await askedToEnd(directory, deadline);
  if (ending === null) return false;
  const { pid, startTime } = ending;
  while (startTimeOf(pid) === startTime || existsSync(directory)) {
    // It has died on the way; its successor has not been told.
    if (startTimeOf(pid) !== startTime && existsSync(directory)) return false;
    if (performance.now() > deadline) return false;
    await sleep(10);
  }
  return true;
}

/** Null when nobody answers, nor is there anybody who would start the toolstack again. */
async function askedToEnd(directory: string, deadline: number): Promise<Ending | null> {
  for (;;) {
    try {
      const milliseconds = Math.max(1, deadline - performance.now());
      return (await control(directory, { command: 'down' }, { milliseconds })) as Ending;
    } catch (error) {
      if (!(error instanceof QuiesceError)) throw error;
      if (performance.now() > deadline) return null;
      if (readHolder(lockFile(`${directory}/toolstack`)) === null && !isGuarded(directory)) return null;
    }
    await sleep(50);
  }
}

/** The hypervisor of host a starts the toolstack again. */
const isGuarded = (directory: string): boolean => readHolder(lockFile(`${directory}/a/hypervisor.json`)) !== null;
/** A socket's file is there a moment before anybody listens. */
function listens(directory: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(controlSocket(directory));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Throws `LIVE_STATE` for a folder that holds anything. */
function makeTraceDirectory(directory: string, turns: readonly string[] | undefined): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const [found] = readdirSync(directory);
  if (found !== undefined)
    throw new QuiesceError('LIVE_STATE', `--trace: expected an empty folder, found ${found} in ${directory}`);
  createClockFile(directory);
  if (turns !== undefined) writeTurns(directory, turns);
}

async function makeDirectory(directory: string): Promise<void> {
  if (existsSync(controlSocket(directory))) {
    throw new QuiesceError('LIVE_STATE', `a live system is in ${directory} already: end it with quiesce live down`);
  }
  // What a machine that was switched off has left of one.
  if (existsSync(directory) && isOurs(directory)) await sweep(directory);
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) chmodSync(directory, 0o700);
  const { uid, mode } = statSync(directory);
  if (uid !== geteuid?.() || (mode & OTHERS) !== 0) {
    throw new QuiesceError(
      'LIVE_STATE',
      `expected ${directory} to be a folder of our own, closed to others: chmod 700`,
    );
  }
  if (readdirSync(directory).length > 0) {
    throw new QuiesceError(
      'LIVE_STATE',
      `expected ${directory} to be empty: the end of the live system takes it away with all that is in it`,
    );
  }
}
