/**
 * Runs the tests against real xenstore daemons and tools: every compiled `*.test.js` of this folder. Arguments choose
 * by the beginning of the name, as for `test/main.ts`.
 *
 * Skipped with a message where the programs are absent; an error there if QUIESCE_REQUIRE_REAL is 1.
 */
import { readdirSync } from 'node:fs';
import t from 'tap';
import { missingParts } from './toolbox.js';

const ALL_TESTS_MILLISECONDS = 5 * 60 * 1000;

const missing = missingParts();
const packages = 'apt-get install xenstore-utils xen-utils-4.17 libxen-dev gcc libc6-dev';
if (missing.length > 0) {
  const message = `real xenstore daemons: ${missing.join(', ')} not found; ${packages}`;
  const { QUIESCE_REQUIRE_REAL } = process.env;
  if (QUIESCE_REQUIRE_REAL === '1') throw new Error(message);
  t.plan(0, message);
} else {
  const here = new URL('./', import.meta.url);
  const only = process.argv.slice(2);
  const files = readdirSync(here, { encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.js'))
    .filter((path) => only.length === 0 || only.some((prefix) => path.startsWith(prefix)))
    .sort();
  if (files.length === 0) throw new Error(`no tests match ${only.join(' ')}`);
  // The limit of 30 s is for one test, not for all of them together.
  t.setTimeout(ALL_TESTS_MILLISECONDS);
  for (const file of files) await import(new URL(file, here).href);
}
