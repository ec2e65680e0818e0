/**
 * The reader of live traces trusts nothing; the page about them has every row of the table; what is shown fits a terminal.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import t from 'tap';
import { QuiesceError } from '../../protocol/errors.js';
import { parsePartTrace } from '../../protocol/live-trace.js';
import { TABLE } from '../../simulator/conformance/live/table.js';
import { quiesce } from '../support/fake-terminal.js';
import { changed, keptTrace, placeOf } from '../support/live/traces.js';

const HEADER = '{"at":1,"trace":1,"part":"a/guest","pid":7,"tpmfront":"sequenced","tpm":"model","drain":true}';
const parse = (...lines: string[]): ReturnType<typeof parsePartTrace> =>
  parsePartTrace('f', [HEADER, ...lines, ''].join('\n'));

t.test('steps, a step that was cut off, and the beginning of a line', async (t) => {
  const { steps } = parsePartTrace(
    'f',
    `${HEADER}\n{"at":2,"begin":"x","answer":"00"}\n{"at":4,"of":2,"ring":[0,1]}\n{"at":5,"begin":"y"}\n{"at":6,"of`,
  );
  t.match(steps, [
    { name: 'x', begin: 2, end: 4, details: { answer: '00', ring: [0, 1] }, line: 2, endLine: 3 },
    { name: 'y', begin: 5, end: Number.POSITIVE_INFINITY, details: {}, line: 4, endLine: 4 },
  ]);
});

t.test('what is wrong is named with its line', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['x', /^f:2: expected a line of JSON, found x$/],
    ['[]', /^f:2: expected a JSON object/],
    ['{"at":1,"begin":"x"}', /^f:2: expected a number 'at' above 1/],
    ['{"at":"2","begin":"x"}', /^f:2: expected a number 'at' above 1/],
    ['{"at":2,"of":3}', /^f:2: expected the end 'of' a step that has begun/],
    ['{"at":2}', /^f:2: expected the end 'of' a step that has begun/],
    ['{"at":2,"begin":"x","later":1}', /^f:2: expected one of .*, found 'later'/],
    ['{"at":2,"begin":"x","answer":"0g"}', /^f:2: expected a value for 'answer'/],
    ['{"at":2,"begin":"x","store":[["READ","a"]]}', /^f:2: expected a value for 'store'/],
    ['{"at":2,"begin":"x","state":{"a":-1}}', /^f:2: expected a value for 'state'/],
    [`{"at":2,"begin":"${'x'.repeat(50_000)}"}`, /^f:2: expected a line of at most 40000 characters/],
  ];
  for (const [line, message] of cases)
    t.throws(() => parse(line), { code: 'BAD_RECORDING', message }, line.slice(0, 60));
  t.throws(() => parsePartTrace('f', '{"at":1}\n'), { message: /^f:1: expected the first line of a live trace/ });
  t.throws(() => parsePartTrace('f', HEADER.replace('"trace":1', '"trace":2').concat('\n')), {
    message: /of version 1/,
  });
});

t.test('any text is a trace or refused', async (t) => {
  const json = fc.json({ maxDepth: 3 });
  const entry = fc.record(
    { at: fc.nat(9), begin: fc.string(), of: fc.nat(9), state: fc.jsonValue() },
    { requiredKeys: [] },
  );
  const line = fc.oneof(
    fc.string(),
    json,
    entry.map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      try {
        const { steps } = parse(...lines);
        return steps.every(({ begin, end }) => end > begin);
      } catch (error) {
        return error instanceof QuiesceError && error.code === 'BAD_RECORDING';
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

t.test('the page has every row of the table, and no other', async (t) => {
  const page = readFileSync('docs/live-conformance.md', 'utf8');
  const [, rows = ''] = /\| live \| simulated \| because \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/.exec(page) ?? [];
  t.equal(rows, TABLE.map(({ live, simulated, reason }) => `| ${live} | ${simulated} | ${reason} |\n`).join(''));
});

t.test('what a person is shown', async (t) => {
  const folder = mkdtempSync(`${tmpdir()}/quiesce-trace-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const trace = keptTrace('migration');
  const file = 'a-guest.1.jsonl';
  const { begin, end } = placeOf(trace, file, 'guest1.tpmfront.transmit/publish');
  const without = changed(
    changed(trace, file, end, () => null),
    file,
    begin,
    () => null,
  );
  for (const [name, lines] of without) writeFileSync(`${folder}/${name}`, `${lines.join('\n')}\n`);
  const { status, out, err } = await quiesce(['live', 'conform', folder]);
  t.strictSame([status, err], [1, '']);
  const steps = [...without.values()].flat().filter((line) => line.includes('"begin":')).length;
  t.match(out, new RegExp(`not accepted: \\d+ of ${steps} events in live, then`));
  t.match(out, `, then\n  a-guest.1.jsonl:${begin}: guest1.tpmfront.transmit/notify\n`);
  t.match(out, 'The simulator could do:\n');
  t.match(out, '\n  guest1.tpmfront.transmit/publish\n');
  const body = out.split('\n').slice(1);
  t.strictSame(
    body.filter((line) => line.length > 80),
    [],
  );
  const bounded = await quiesce(['live', 'conform', folder, '--max-tries', '5', '--json']);
  t.equal(bounded.status, 2);
  t.match(JSON.parse(bounded.out), { accepted: false, complete: false, lost: 0, token: null });
  t.match(bounded.err, 'the bound of 5 tries was reached');
  t.match((await quiesce(['live', 'conform', `${folder}/none`])).err, /cannot be read/);
  t.match((await quiesce(['live', 'conform'])).err, /expected the folder of a trace/);
  t.match((await quiesce(['live', 'drive'])).err, /expected a schedule file or a replay token/);
  const help = (await quiesce(['live', '--help'])).out;
  t.match(help, 'conform DIR');
  t.match(help, 'drive SCHEDULE');
});
