/**
 * Runs the tests against real programs: every compiled `*.test.js` of this folder; those named `redis-...` against a
 * Redis server, `spin-...` against the model checker, `tpm-...` against swtpm and tpm2-tools, the others against xenstore
 * daemons and tools. Arguments choose by the beginning of the name, as for `test/main.ts`.
 *
 * Skipped with a message where the programs are absent; an error there if QUIESCE_REQUIRE_REAL is 1.
 */
import { readdirSync } from 'node:fs';
import t from 'tap';
import { missingSpin } from '../../bench/spin/pan.js';
import { missingRedis } from './redis-server.js';
import { missingParts } from './toolbox.js';
import { missingTpmParts } from './tpm-toolbox.js';

const ALL_TESTS_MILLISECONDS = 25 * 60 * 1000;

interface Group {
  readonly what: string;
  readonly has: (file: string) => boolean;
  readonly missing: () => readonly string[];
  readonly packages: string;
}

const isRedis = (file: string): boolean => file.startsWith('redis-');
const isTpm = (file: string): boolean => file.startsWith('tpm-');
const isSpin = (file: string): boolean => file.startsWith('spin-');

const GROUPS: readonly Group[] = [
  {
    what: 'real xenstore daemons',
    has: (file) => !isRedis(file) && !isTpm(file) && !isSpin(file),
    missing: missingParts,
    packages: 'xenstore-utils xen-utils-4.17 libxen-dev gcc libc6-dev',
  },
  { what: 'a real Redis', has: isRedis, missing: missingRedis, packages: 'redis-server' },
  {
    what: 'a real TPM',
    has: isTpm,
    missing: missingTpmParts,
    packages: 'swtpm swtpm-tools tpm2-tools libtss2-tcti-swtpm0 libtss2-tcti-mssim0',
  },
  { what: 'SPIN', has: isSpin, missing: missingSpin, packages: 'spin gcc libc6-dev' },
];

const here = new URL('./', import.meta.url);
const only = process.argv.slice(2);
const files = readdirSync(here, { encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.js'))
  .filter((path) => only.length === 0 || only.some((prefix) => path.startsWith(prefix)))
  .sort();
if (files.length === 0) throw new Error(`no tests match ${only.join(' ')}`);

// The limit of 30 s is for one test, not for all of them together.
t.setTimeout(ALL_TESTS_MILLISECONDS);
for (const { what, has, missing, packages } of GROUPS) {
  const own = files.filter(has);
  const absent = own.length === 0 ? [] : missing();
  if (absent.length === 0) {
    for (const file of own) await import(new URL(file, here).href);
    continue;
  }
  const message = `${what}: ${absent.join(', ')} not found; apt-get install ${packages}`;
  const { QUIESCE_REQUIRE_REAL } = process.env;
  if (QUIESCE_REQUIRE_REAL === '1') throw new Error(message);
  void t.test(what, { skip: message }, () => {});
}
