/**
 * Runs the tests: every compiled `*.test.js` below this folder in this one process, every `*.proc.js` in a process of
 * its own. Arguments choose by the beginning of the name: `node .build/test/main.js ring xenstore/`.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const ALL_TESTS_MILLISECONDS = 25 * 60 * 1000;

/**
 * A spawned file holds many tests that start programs: on a machine that does other work they take minutes. The file ends
 * itself before it is ended, and says which test did not.
 */
const SPAWNED_FILE_MILLISECONDS = 5 * 60 * 1000;
const SPAWNED_ROOT_SECONDS = 4.5 * 60;

/** Folders that hold no tests, and those that need programs of the system: `test/real/main.ts` runs them. */
const SKIPPED = ['support', 'recordings', 'real'];

const here = new URL('./', import.meta.url);
const only = process.argv.slice(2);

const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.(test|proc)\.js$/.test(path) && !SKIPPED.includes(path.split('/')[0] ?? ''))
  .filter((path) => only.length === 0 || only.some((prefix) => path.startsWith(prefix)))
  .sort();
if (files.length === 0) throw new Error(`no tests match ${only.join(' ')}`);

// The limit of 30 s that there is by default would be for all of them together.
t.setTimeout(ALL_TESTS_MILLISECONDS);
for (const file of files) {
  if (file.endsWith('.test.js')) await import(new URL(file, here).href);
}
t.jobs = availableParallelism();
for (const file of files) {
  if (!file.endsWith('.proc.js')) continue;
  const program = fileURLToPath(new URL(file, here));
  const options = {
    name: file,
    timeout: SPAWNED_FILE_MILLISECONDS,
    env: { ...process.env, TAP_TIMEOUT: String(SPAWNED_ROOT_SECONDS) },
  };
  void t.spawn(process.execPath, ['--enable-source-maps', program], options);
}
