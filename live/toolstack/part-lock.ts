/**
 * One process a part: whoever begins takes the lock of its part, and ends the one that holds it, which is of a toolstack
 * that has died without telling anybody what it had started.
 */
import { openSync, readFileSync, writeSync } from 'node:fs';
import { QuiesceError } from '../../protocol/errors.js';
import type { Native } from '../memory/native.js';
import { startTimeOf } from './spawn.js';

/** For a process that was killed to be gone. */
const WAIT_MILLISECONDS = 3000;

export interface Holder {
  readonly pid: number;
  readonly startTime: string;
}

/** By the file of its configuration. */
export const lockFile = (configFile: string): string => `${configFile}.lock`;

/** Takes the lock for the life of this process. Throws `LIVE_STATE` when it cannot be had. */
export async function takeLock(calls: Native, path: string): Promise<void> {
  const descriptor = openSync(path, 'a', 0o600);
  for (const deadline = performance.now() + WAIT_MILLISECONDS; !calls.tryLock(descriptor); ) {
    const holder = readHolder(path);
    if (holder !== null) process.kill(holder.pid, 'SIGKILL');
    if (performance.now() > deadline)
      throw new QuiesceError('LIVE_STATE', `expected ${path} to be free, found it held`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  // The last line counts.
  writeSync(descriptor, `${process.pid} ${startTimeOf(process.pid)}\n`);
}

/** The process that holds a lock and lives, or null. */
export function readHolder(path: string): Holder | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return null;
  }
  const [, digits = '', startTime = ''] = /([0-9]+) ([0-9]+)\n$/.exec(text) ?? [];
  const pid = Number(digits);
  return pid > 0 && startTimeOf(pid) === startTime ? { pid, startTime } : null;
}
