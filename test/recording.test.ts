/** The reader of recordings, on made-up lines. */
import t from 'tap';
import { changesOf, doneOf, offers, parseRecording, readRecording, recordedRequests } from './support/recording.js';

const ROLES = { source: 7, target: 8 };

function changes(...lines: readonly object[]): readonly string[] {
  const text = lines.map((line) => JSON.stringify({ t: 1, src: 'xenstored', conn: 1, ...line })).join('\n');
  return changesOf(recordedRequests(parseRecording('x.jsonl', text)), ROLES);
}

const write = (node: string, value: string): object => ({ who: 'dom7', op: 'WRITE', path: node, value });
const START = { who: 'dom7', op: 'TRANSACTION_START', value: '' };
const END = { who: 'dom7', op: 'TRANSACTION_END', value: 'T' };

t.test('a line that cannot be read is named', async (t) => {
  const good = '{"t":1,"src":"lab","who":"lab","op":"BEGIN"}';
  for (const [bad, what] of [
    ['{', 'no JSON'],
    ['3', 'JSON object'],
    ['{"t":"1","src":"a","who":"b","op":"c"}', "number in field 't'"],
    ['{"t":1,"who":"b","op":"c"}', "text in field 'src'"],
    ['{"t":1,"src":"a","who":"b","op":"c","path":1}', "text in field 'path'"],
  ] as const) {
    const error = { code: 'BAD_RECORDING', message: new RegExp(`^x\\.jsonl:3: .*${what}`) };
    t.throws(() => parseRecording('x.jsonl', `${good}\n\n${bad}\n`), error);
  }
  t.match(parseRecording('x.jsonl', `\n\n${good}\n`), [{ line: 3 }], 'empty lines are counted and passed over');
});

t.test('paths become absolute, and domains and instances their roles', async (t) => {
  t.strictSame(
    changes(
      write('device/vtpm/0/ring-ref', '9'),
      write('device/vtpm/0/ring-ref', 'x'),
      write('device/vbd/51712/ring-ref', '9'),
      { who: 'vtpm-backend', op: 'WATCH', path: '/local/domain/8/device/vtpm/0/state' },
      { who: 'vtpm-backend', op: 'WATCH', path: 'backend/vtpm' },
      { who: 'vtpm-backend', op: 'WRITE', path: 'backend/vtpm/8/0/state', value: '2' },
      { who: 'toolstack', op: 'SET_PERMS', path: '/local/domain/8/device/vtpm/0', value: 'n8 r0 ' },
      {
        who: 'toolstack',
        op: 'WRITE',
        path: '/libxl/7/device/vtpm/0/backend',
        value: '/local/domain/0/backend/vtpm/7/0',
      },
      { who: 'toolstack', op: 'RESUME', value: '7' },
      { who: 'toolstack', op: 'WRITE', path: '/local/domain/9/control/shutdown', value: 'suspend' },
      { who: 'console-daemon', op: 'WRITE', path: '/local/domain/7/control/shutdown', value: '' },
    ),
    [
      'guest WRITE source:front/ring-ref a number',
      'guest WRITE source:front/ring-ref x',
      'tpmback WATCH target:front/state',
      'tpmback WRITE target:back/state 2',
      'toolstack SET_PERMS target:front n:target r0',
      'toolstack WRITE source:libxl/backend source:back',
      'toolstack RESUME source',
      'toolstack WRITE domain 9:control/shutdown suspend',
    ],
  );
});

t.test('a transaction counts where it takes effect, and not when it does not', async (t) => {
  const state = write('device/vtpm/0/state', '3');
  const other = { who: 'toolstack', conn: 2, op: 'RESUME', value: '7' };
  const done = { who: 'dom7', op: 'REPLY', to: 'TRANSACTION_END', value: 'OK' };
  const again = { who: 'dom7', op: 'REPLY', to: 'ERROR', value: 'EAGAIN' };
  const block = ['guest BEGIN', 'guest WRITE source:front/state 3', 'guest COMMIT'];
  t.strictSame(changes(START, state, other, END, done), ['toolstack RESUME source', ...block]);
  t.strictSame(
    changes(START, state, END, again, START, state, END, done),
    block,
    'one that was tried again counts once',
  );
  t.strictSame(changes(START, state, { ...END, value: 'F' }, done), []);
  t.strictSame(changes(START, write('device/vbd/0/state', '3'), END, done), [], 'one without a change is nothing');
});

t.test('offers and outcomes are read off a recording', async (t) => {
  t.strictSame(offers(recordedRequests(readRecording('create'))), ['10/9']);
  const lost = doneOf(readRecording('async-sleep-saverestore-inflight'))[0];
  t.match(lost, { number: 6, errno: 62, executed: 0 });
});
