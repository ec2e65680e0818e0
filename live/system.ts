/**
 * A live system from outside: begin it, drive it, end it.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { geteuid } from 'node:process';
import { QuiesceError } from '../protocol/errors.js';
import { controlSocket } from './toolstack/control.js';
import { control } from './toolstack/control-client.js';
import { startToolstack } from './toolstack/guard.js';
import type { Ending } from './toolstack/main.js';
import { type LiveOptions, writeOptions } from './toolstack/options.js';
import { startTimeOf } from './toolstack/spawn.js';
import type { LiveStatus } from './toolstack/status.js';
import { sleep, until } from './toolstack/waiting.js';
import { createClockFile } from './trace/clock.js';

const LISTEN_MILLISECONDS = 10_000;
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
  if (options.trace !== undefined && options.trace !== null) makeTraceDirectory(options.trace);
  makeDirectory(directory);
  writeOptions(directory, options);
  const child = startToolstack(directory, []);
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  try {
    await until('the toolstack to listen', LISTEN_MILLISECONDS, async () => ended || (await listens(directory)));
    const asked = { milliseconds, onProgress };
    return (await control(directory, { command: 'status' }, asked)) as LiveStatus;
  } catch (error) {
    await down(directory).catch(() => undefined);
    child.kill('SIGKILL');
    throw error;
  }
}

export async function status(directory: string, milliseconds = 20_000): Promise<LiveStatus> {
  return (await control(directory, { command: 'status' }, { milliseconds })) as LiveStatus;
}

/** Ends a live system; resolves when its folder is gone, and with it every process. */
export async function down(directory: string, milliseconds = DOWN_MILLISECONDS): Promise<void> {
  const { pid, startTime } = (await control(directory, { command: 'down' }, { milliseconds })) as Ending;
  const lives = (): boolean => startTimeOf(pid) === startTime;
  for (const deadline = performance.now() + milliseconds; lives() || existsSync(directory); ) {
    if (performance.now() > deadline) {
      throw new QuiesceError('LIVE_TIMEOUT', `expected ${directory} to be gone, but the live system has not ended`);
    }
    await sleep(10);
  }
}

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
function makeTraceDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const [found] = readdirSync(directory);
  if (found !== undefined)
    throw new QuiesceError('LIVE_STATE', `--trace: expected an empty folder, found ${found} in ${directory}`);
  createClockFile(directory);
}

function makeDirectory(directory: string): void {
  if (existsSync(controlSocket(directory))) {
    throw new QuiesceError('LIVE_STATE', `a live system is in ${directory} already: end it with quiesce live down`);
  }
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) chmodSync(directory, 0o700);
  const { uid, mode } = statSync(directory);
  if (uid !== geteuid?.() || (mode & OTHERS) !== 0) {
    throw new QuiesceError(
      'LIVE_STATE',
      `expected ${directory} to be a folder of our own, closed to others: chmod 700`,
    );
  }
  for (const name of ['toolstack.log', 'toolstack.json']) rmSync(`${directory}/${name}`, { force: true });
}
