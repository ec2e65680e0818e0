/**
 * A line in the log of a process, which is its standard error. Where the disk is full there is no line, and nothing else
 * happens: `process.stderr` would end the process for it.
 */
import { writeSync } from 'node:fs';

const STANDARD_ERROR = 2;

export function log(text: string): void {
  try {
    writeSync(STANDARD_ERROR, `${text}\n`);
  } catch {
    // What cannot be said is not said.
  }
}

export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
