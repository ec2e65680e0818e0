/**
 * The processes of a live system by their command lines: one that was started a moment ago has no lock yet, and whoever
 * has started it may be dead.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Holder } from './part-lock.js';
import { startTimeOf } from './spawn.js';

/** What a toolstack and its parts run, as `guard.ts` and `spawn.ts` start them. */
const ENTRIES = ['/live/toolstack/main.js', '/live/part-main.js'];

/** Processes that live and were started for this folder, an absolute path. None where the kernel has no `/proc`. */
export function startedFor(directory: string): readonly Holder[] {
  return processIds().flatMap((pid) => {
    const [, entry = '', file = ''] = commandLine(pid);
    if (!ENTRIES.some((name) => entry.endsWith(name))) return [];
    if (file !== directory && !file.startsWith(`${directory}/`)) return [];
    const startTime = startTimeOf(pid);
    return startTime === null ? [] : [{ pid, startTime }];
  });
}

function processIds(): readonly number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
