import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { QuiesceError } from '../../protocol/errors.js';
import { formatSchedule, parseSchedule, type Schedule } from '../../simulator/schedule.js';

const NAME = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
const STEP = NAME.filter((name) => !name.startsWith('#'));

const anySchedule: fc.Arbitrary<Schedule> = fc.record(
  {
    scenario: NAME,
    tpmfront: NAME,
    tpmback: NAME,
    session: NAME,
    commands: fc.option(fc.integer({ min: 1, max: 0xffffffff }), { nil: null }),
    grain: fc.constantFrom('fine', 'coarse'),
    daemon: fc.constantFrom('c', 'c-4.22', 'ocaml'),
    steps: fc.array(STEP, { maxLength: 20 }),
  },
  { noNullPrototype: true },
);

const HEADER = [
  'quiesce schedule 1',
  'scenario: checkpoint',
  'tpmfront: resend',
  'tpmback: v2',
  'session: ima_extends',
  'commands: all',
  'grain: fine',
];

const text = (lines: readonly string[]): string => lines.join('\n');

function refusal(content: string): string {
  try {
    parseSchedule('a.schedule', content);
  } catch (error) {
    if (error instanceof QuiesceError && error.code === 'BAD_SCHEDULE') return error.message;
    throw error;
  }
  return 'accepted';
}

t.test('what is written is read again', async () => {
  fc.assert(
    fc.property(anySchedule, (schedule) => {
      assert.deepEqual(parseSchedule('a', formatSchedule(schedule)), schedule);
    }),
    { numRuns: 200 },
  );
});

t.test('comments, blank lines and Windows line ends mean nothing', async (t) => {
  const [magic = '', ...headers] = HEADER;
  const lines = [
    magic,
    '# a comment',
    ...headers,
    '',
    '',
    '# another',
    'guest1.user/issue',
    '',
    '  tpm1.execute/complete ',
    '',
  ];
  const schedule = parseSchedule('a', lines.join('\r\n'));
  t.strictSame(schedule.steps, ['guest1.user/issue', 'tpm1.execute/complete']);
  t.equal(schedule.commands, null);
  t.strictSame(parseSchedule('a', text(HEADER)).steps, [], 'a schedule may end after its header');
});

t.test('each violation is told with file, line, what was expected and what was found', async (t) => {
  const without = (header: string): readonly string[] => HEADER.filter((line) => !line.startsWith(header));
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[''], "a.schedule:1: expected the line 'quiesce schedule 1', found nothing"],
    [['quiesce schedule 2'], 'a.schedule:1: expected the line \'quiesce schedule 1\', found "quiesce schedule 2"'],
    [
      [...without('grain'), '', 'a'],
      'a.schedule:7: expected a header line for grain before the empty line, found nothing',
    ],
    [[...HEADER, 'grain: fine'], 'a.schedule:8: expected grain once, found "grain: fine"'],
    [[...HEADER, 'colour: red'], 'a.schedule:8: expected a header ('],
    [[...HEADER, 'guest1.user/issue'], 'a.schedule:8: expected a header ('],
    [[...without('tpmback'), 'tpmback:'], 'a.schedule:7: expected a value for tpmback, found nothing'],
    [
      [...without('commands'), 'commands: 0'],
      "a.schedule:7: expected 'all' or a number from 1 to 4294967295 for commands",
    ],
    [[...without('commands'), 'commands: 4294967296'], "a.schedule:7: expected 'all' or a number"],
    [[...without('grain'), 'grain: tiny'], "a.schedule:7: expected 'fine' or 'coarse' for grain, found \"tiny\""],
    [[...HEADER, '', 'a\u0000b'], 'a.schedule:9: expected the name of a choice, found "a\\u0000b"'],
  ];
  for (const [lines, message] of cases)
    t.ok(refusal(text(lines)).startsWith(message), `${refusal(text(lines))} | ${message}`);
  t.match(refusal('x'.repeat(1000)), /found "x{60}…"$/, 'a long line is not quoted whole');
});

t.test('a name the format cannot hold is not written', async (t) => {
  const schedule = parseSchedule('a', text(HEADER));
  for (const steps of [[''], [' a'], ['a\nb'], ['# a']]) {
    t.throws(() => formatSchedule({ ...schedule, steps }), { code: 'BAD_SCHEDULE' }, JSON.stringify(steps));
  }
  t.throws(() => formatSchedule({ ...schedule, session: 'a\tb' }), { code: 'BAD_SCHEDULE' });
});

t.test('whatever a file holds, it is a schedule or it is refused in the right way', async () => {
  const line = fc.oneof(fc.constantFrom('', '#', ...HEADER), fc.string(), NAME);
  const content = fc.oneof(
    fc.string(),
    fc.array(line).map(text),
    fc.array(line).map((lines) => text([...HEADER, ...lines])),
  );
  fc.assert(
    fc.property(content, (found) => {
      const message = refusal(found);
      assert.match(message, /^(accepted|a\.schedule:\d+: expected .+, found .+)$/s);
    }),
    { numRuns: 300 },
  );
});
