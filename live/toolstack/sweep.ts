/**
 * Ends a live system from outside, by the locks of its parts and by its command lines: for one whose toolstack cannot do it.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { QuiesceError } from '../../protocol/errors.js';
import { OPTIONS_FILE } from './options.js';
import { endHolder, LOCK_SUFFIX, readHolder } from './part-lock.js';
import { startedFor } from './starting.js';
import { sleep } from './waiting.js';

/** For all of them to be gone. */
const SWEEP_MILLISECONDS = 10_000;
const LOOK_MILLISECONDS = 20;

/** Whether the folder is one that a live system has made, or taken. */
export function isOurs(directory: string): boolean {
  return existsSync(`${directory}/${OPTIONS_FILE}`);
}

/** Kills every process and removes the folder. Throws `LIVE_TIMEOUT` when one cannot be killed. */
export async function sweep(directory: string): Promise<void> {
  for (const deadline = performance.now() + SWEEP_MILLISECONDS; ; ) {
    const holders = [...locksIn(directory).flatMap((path) => readHolder(path) ?? []), ...startedFor(directory)];
    if (holders.length === 0) break;
    if (performance.now() > deadline) {
      const left = holders.map(({ pid }) => pid).join(', ');
      throw new QuiesceError('LIVE_TIMEOUT', `expected the processes ${left} to end when killed, found them there`);
    }
    // Those that start others again are among them, so it may take more than one round.
    holders.forEach(endHolder);
    await sleep(LOOK_MILLISECONDS);
  }
  rmSync(directory, { recursive: true, force: true });
}

function locksIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(LOCK_SUFFIX))
    .map((name) => `${directory}/${name}`);
}
