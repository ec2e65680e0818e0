/**
 * One process a part: whoever begins takes the lock of its part, and ends the one that holds it, which is of a toolstack
 * that has died without telling anybody what it had started.
 */
import { constants, openSync, readFileSync, writeSync } from 'node:fs';
import { QuiesceError } from '../../protocol/errors.js';
import type { Native } from '../memory/native.js';
import { startTimeOf } from './spawn.js';

/** For a process that was killed to be gone. */
const WAIT_MILLISECONDS = 3000;
const RECORD_BYTES = 64;

export interface Holder {
  readonly pid: number;
  readonly startTime: string;
}

export const LOCK_SUFFIX = '.lock';

/** By the file of its configuration. */
export const lockFile = (configFile: string): string => `${configFile}${LOCK_SUFFIX}`;

/**
 * Takes the lock for the life of this process, or only says who it is where the kernel cannot be asked for a lock. Throws
 * `LIVE_STATE` when it cannot be had.
 */
export async function takeLock(calls: Native | null, path: string): Promise<void> {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  for (const deadline = performance.now() + WAIT_MILLISECONDS; calls !== null && !calls.tryLock(descriptor); ) {
    const holder = readHolder(path);
    if (holder !== null) endHolder(holder);
    if (performance.now() > deadline)
      throw new QuiesceError('LIVE_STATE', `expected ${path} to be free, found it held`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  // In place, over the holder before: that needs no room on the disk.
  writeSync(descriptor, `${process.pid} ${startTimeOf(process.pid)}\n`.padStart(RECORD_BYTES), 0);
}

export function endHolder({ pid }: Holder): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** The process that holds a lock and lives, or null. */
export function readHolder(path: string): Holder | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return null;
  }
  const [, digits = '', startTime = ''] = /^ *([0-9]+) ([0-9]+)\n$/.exec(text) ?? [];
  const pid = Number(digits);
  return pid > 0 && startTimeOf(pid) === startTime ? { pid, startTime } : null;
}
