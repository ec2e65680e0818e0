/**
 * Files that a person names: a file that cannot be read or written is wrong usage, not a fault of the program.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { QuiesceError } from '../protocol/errors.js';

/** Throws `USAGE` when the file cannot be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new QuiesceError('USAGE', `cannot read ${path}: ${reason(error)}`);
  }
}

/** Throws `USAGE` when the file cannot be read. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new QuiesceError('USAGE', `cannot read ${path}: ${reason(error)}`);
  }
}

/**
 * Writes the file whole or not at all: readers see the old content or the new one. `mode` is what the umask leaves of the
 * permissions of the new one. Throws `USAGE` when it cannot.
 */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o666): void {
  // A rename is atomic within one folder only.
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    writeFileSync(temporary, content, { flag: 'wx', mode });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new QuiesceError('USAGE', `cannot write ${path}: ${reason(error)}`);
  }
}

function reason(error: unknown): string {
  // Of `ENOENT: no such file or directory, open 'x'` only the middle is news.
  return error instanceof Error ? error.message.replace(/^[A-Z]+: /, '').replace(/, \w+( '.*)?$/, '') : String(error);
}
