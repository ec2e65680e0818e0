/**
 * `--emit-test`: a failure as a test of the person's own. It uses the test runner that comes with Node, names the driver
 * by its file beside the test, holds the schedule step by step, and fails until the driver is mended: see
 * `library/recheck.ts` for what mended means.
 */
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDriverFile } from '../library/driver-file.js';
import { writeWhole } from '../library/files.js';
import { formatSchedule, type WorldNames } from '../simulator/schedule.js';
import type { Verdict } from '../simulator/verdict.js';
import { type Arguments, type OptionSpecs, usage } from './arguments.js';
import { oracleTitle, wrapped } from './schedule-text.js';
import type { Terminal } from './terminal.js';

export const EMIT_TEST_OPTIONS: OptionSpecs = {
  'emit-test': { value: 'FILE', help: 'write the schedule as a test: node --test FILE' },
};

const LINE = 100;

export interface Failure {
  readonly names: WorldNames;
  readonly verdict: Pick<Verdict, 'oracle' | 'schedule' | 'token'>;
}

/** Writes what `--out` and `--emit-test` ask for. Throws `USAGE` for a file that cannot be written. */
export function writeFailure(failure: Failure | undefined, args: Arguments, terminal: Terminal): void {
  const out = args.text('out');
  const test = args.text('emit-test');
  if (failure === undefined) {
    for (const file of [out, test])
      if (file !== undefined) terminal.err(`quiesce explore: nothing fails, so ${file} is not written\n`);
    return;
  }
  if (out !== undefined) writeWhole(out, formatSchedule({ ...failure.names, steps: failure.verdict.schedule }));
  if (test !== undefined) writeWhole(test, formatTest(failure, dirname(resolve(test))));
}

/** Throws `USAGE` for a file that Node would not take for a test. */
export function assertTestFile(file: string): void {
  if (!/\.(?:m?js|m?ts)$/.test(file))
    throw usage(`--emit-test: expected a file that ends in .mjs, .js, .mts or .ts, found '${file}'`);
}

/** The text of a test that lies in `folder`, an absolute path. It is JavaScript, and TypeScript as well. */
export function formatTest({ names, verdict }: Failure, folder: string): string {
  const { scenario, tpmfront, tpmback, session, commands, grain, daemon } = names;
  const { oracle, schedule, token } = verdict;
  const what = oracle === null ? 'an oracle' : oracle;
  const driver = (name: string): string => (isDriverFile(name) ? address(name, folder) : JSON.stringify(name));
  const comment = [
    `quiesce explore found that ${what} fails:`,
    ...(oracle === null ? [] : wrapped(oracleTitle(oracle), LINE)),
    '',
    ...wrapped(
      'This test takes the steps of the schedule and fails where an oracle does. A mended driver may leave the schedule; ' +
        'then everything that can come after the last step it followed is explored, and must hold.',
      LINE,
    ),
    '',
    `quiesce replay ${token ?? ''}`,
  ];
  return [
    '/**',
    ...comment.map((line) => ` * ${line.replaceAll('*/', '* /')}`.trimEnd()),
    ' */',
    "import assert from 'node:assert/strict';",
    "import { test } from 'node:test';",
    "import { recheck } from 'quiesce';",
    '',
    `test(${JSON.stringify(`${tpmfront} with ${tpmback} in ${scenario}: ${what} holds`)}, async () => {`,
    '  const found = await recheck({',
    `    scenario: ${JSON.stringify(scenario)},`,
    `    tpmfront: ${driver(tpmfront)},`,
    `    tpmback: ${driver(tpmback)},`,
    `    session: ${/[/\\]|\.jsonl$/.test(session) ? address(session, folder) : JSON.stringify(session)},`,
    `    commands: ${commands},`,
    `    grain: ${JSON.stringify(grain)},`,
    `    daemon: ${JSON.stringify(daemon)},`,
    '    steps: [',
    ...schedule.map((step) => `      ${JSON.stringify(step)},`),
    '    ],',
    '  });',
    '  assert.ok(found.holds, found.text);',
    '});',
    '',
  ].join('\n');
}

/** An expression for the address of a file, from the test's own. */
function address(file: string, folder: string): string {
  const path = relative(folder, resolve(file));
  if (isAbsolute(path)) return `new URL(${JSON.stringify(pathToFileURL(path).href)})`;
  const parts = path.split(sep).map(encodeURIComponent);
  return `new URL(${JSON.stringify(parts[0] === '..' ? parts.join('/') : `./${parts.join('/')}`)}, import.meta.url)`;
}
