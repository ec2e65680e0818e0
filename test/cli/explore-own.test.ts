/** `quiesce explore`, `run` and `replay` with a driver of one's own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { driverFileOf, mainWatched } from '../../cli/watched.js';
import { CHECK_SCENARIOS } from '../../scenarios/scenarios.js';
import { type Output, quiesce } from '../support/fake-terminal.js';

const EXAMPLE = 'examples/suspend-rule.ts';
const driver = (body: string): string =>
  `import { QuiesceTpmfront, TpmbackV2 } from 'quiesce';\nexport default class Mine extends QuiesceTpmfront { ${body} }\n`;

interface Printed {
  readonly scenario: string;
  readonly oracle: string | null;
  readonly token: string;
  readonly schedule: readonly string[];
}

t.test('the example shows in one command what its changed rule breaks', async (t) => {
  t.ok(readFileSync(EXAMPLE, 'utf8').split('\n').length <= 80);
  const { status, out, err } = await quiesce(['explore', '--tpmfront', EXAMPLE]);
  t.match({ status, err }, { status: 1, err: '' });
  t.match(out, new RegExp(`^tpmfront ${EXAMPLE} with tpmback v2\n`));
  for (const scenario of CHECK_SCENARIOS) t.match(out, new RegExp(`\n${scenario} +(holds|[a-z-]+ fails)`));
  // Its comment says so, and why: the guest is saved before the TPM executes what was handed over.
  t.match(out, /\ncheckpoint +in-step fails after \d+ steps +holds\n/);
  t.match(out, /\nslow-command +in-step fails after \d+ steps +no-hang fails\n/);
  t.match(out, /\nIt fails in 5 of 8 scenarios, 0\.00 s\n\ncheckpoint: in-step fails\n/, 'the shortest that is news');
  for (const line of out.split('\n').slice(0, -3)) t.ok(line.length <= 80 || line.startsWith('quiesce replay'));
  const [, token = ''] = /\nTo replay it:\nquiesce replay (q1\.\S+)\n$/.exec(out) ?? [];
  t.match(await quiesce(['replay', token]), { status: 1, out: /in-step fails/ }, 'the token names the file');
});

t.test('one JSON document has a verdict for each situation', async (t) => {
  const folder = t.testdir({ 'mine.ts': driver('') });
  const argv = ['explore', '--tpmfront', join(folder, 'mine.ts'), '--commands', '2', '--json'];
  const { status, out } = await quiesce(argv);
  t.equal(status, 1, 'what quiesce cannot hold, its copy cannot');
  const { verdicts } = JSON.parse(out) as { readonly verdicts: readonly Printed[] };
  t.strictSame(
    verdicts.map(({ scenario }) => scenario),
    CHECK_SCENARIOS,
  );
  const failing = verdicts.filter(({ oracle }) => oracle !== null);
  t.strictSame(
    failing.map(({ scenario }) => scenario),
    ['slow-command', 'backend-restart'],
  );
  t.match(await quiesce([...argv, '--max-states', '5']), { status: 2, err: /--max-states was reached/ });
});

t.test('what the change broke is shown before what its driver never held', async (t) => {
  // Nobody opens the door again after a migration. That takes longer to see than the death of a backend, which no
  // protocol without numbers survives.
  const file = join(t.testdir({ 'mine.ts': driver('connected() {}') }), 'mine.ts');
  const { out } = await quiesce(['explore', '--tpmfront', file, '--commands', '2', '--json']);
  const { verdicts } = JSON.parse(out) as { readonly verdicts: readonly Printed[] };
  const steps = (name: string): number => verdicts.find(({ scenario }) => scenario === name)?.schedule.length ?? 0;
  t.ok(steps('backend-restart') < steps('clean-migration'));
  const text = (await quiesce(['explore', '--tpmfront', file, '--commands', '2'])).out;
  t.match(text, /\nclean-migration +no-hang fails after \d+ steps +holds\n/);
  t.match(text, /\nbackend-restart +exactly-once fails after \d+ steps +exactly-once fails\n/);
  t.match(text, /\n\n(?:clean-migration|toolstack-dies): no-hang fails\n/);
  t.notMatch(text, /\n\nbackend-restart: /);
});

t.test('a backend, a run and a schedule file name files too', async (t) => {
  const folder = t.testdir({
    'mine.ts': driver(''),
    'back.mjs':
      "import { TpmbackV2 } from 'quiesce';\nexport default class extends TpmbackV2 { constructor(s) { super(s, false); } }",
  });
  const back = join(folder, 'back.mjs');
  const pair = [
    '--scenario',
    'checkpoint',
    '--commands',
    '2',
    '--tpmfront',
    join(folder, 'mine.ts'),
    '--tpmback',
    back,
  ];
  t.match(await quiesce(['explore', ...pair]), {
    status: 0,
    out: /with tpmback .*back\.mjs\n\nholds in every schedule/,
  });
  const schedule = join(folder, 'run.schedule');
  const run = await quiesce(['run', ...pair, '--out', schedule]);
  t.match(run, { status: 0, out: /back\.mjs.*\n[\s\S]*holds in this schedule/ });
  t.match(readFileSync(schedule, 'utf8'), `\ntpmback: ${back}\n`);
  t.match(await quiesce(['replay', schedule]), { status: 0, out: /nothing more can happen/ });
  t.equal(driverFileOf(['replay', schedule]), join(folder, 'mine.ts'));
  t.equal(driverFileOf(['explore', `--tpmback=${back}`]), back);
  t.equal(driverFileOf(['explore', '--tpmfront', 'linux', '--out', './a.ts']), null);
  t.equal(driverFileOf(['replay', 'q1.AAAA']), null);
});

t.test('a driver file that is refused ends the command with one line', async (t) => {
  const folder = t.testdir({ 'mine.ts': 'export default 42;\n' });
  const file = join(folder, 'mine.ts');
  const { status, out, err } = await quiesce(['explore', '--scenario', 'checkpoint', '--tpmfront', file]);
  t.match({ status, out }, { status: 2, out: '' });
  t.match(err, /^quiesce explore: [^\n]*mine\.ts: expected a class [^\n]*\(rule 'shape': [^\n]*\)\n$/);
  t.match(await quiesce(['explore', '--tpmfront', './absent.ts']), { status: 2, err: /cannot read \.\/absent\.ts/ });
});

/** Long enough for a file to be loaded on a busy machine. */
const STUCK_SECONDS = 2;

function watched(argv: readonly string[]): Promise<Output> {
  return quiesce(argv, {}, (words, terminal) => mainWatched(words, terminal, STUCK_SECONDS));
}

t.test('what never ends is named, whether it loads, connects, steps or looks', async (t) => {
  const folder = t.testdir({
    'load.ts': 'for (;;);',
    'wait.ts': 'await new Promise(() => {});\nexport default 1;',
    'exit.ts': 'process.exit(0);',
    'later.ts': "setTimeout(() => { throw new Error('late'); });\nawait new Promise((done) => setTimeout(done, 1000));",
    'made.ts': driver('constructor(s) { super(s); for (;;); }'),
    'step.ts': driver('publish() { for (;;); }'),
    'look.ts': driver('suspended() { for (;;); }'),
  });
  const expected: Readonly<Record<string, RegExp>> = {
    'load.ts': /load\.ts: its loading has not ended after 2 s \(rule 'ends'/,
    'wait.ts': /wait\.ts: it ends the program, or waits for what never comes \(rule 'loads'/,
    'exit.ts': /exit\.ts: it ends the program, or waits for what never comes \(rule 'loads'/,
    'later.ts': /later\.ts: outside of any step it throws Error: late \(rule 'loads'/,
    'made.ts': /made\.ts: its constructor has not ended/,
    'step.ts': /step\.ts: step transmit\/publish has not ended after 2 s/,
    'look.ts': /look\.ts: suspended has not ended after 2 s/,
  };
  const ask = async ([name, message]: readonly [string, RegExp]): Promise<void> => {
    const argv = ['explore', '--scenario', 'checkpoint', '--commands', '2', '--tpmfront', join(folder, name)];
    t.match(await watched(argv), { status: 2, out: '', err: message }, name);
  };
  const all = Object.entries(expected);
  const loops = all.filter(([, message]) => message.source.includes('ended'));
  for (const entry of all) if (!loops.includes(entry)) await ask(entry);
  await Promise.all(loops.map(ask));
});

t.test('the watched thread says and writes what the program would', async (t) => {
  const argv = ['explore', '--scenario', 'checkpoint', '--commands', '2', '--tpmfront', EXAMPLE];
  const { status, out } = await quiesce(argv);
  const again = await watched(argv);
  const timeless = (text: string): string => text.replace(/\d+\.\d\d s/g, '');
  t.equal(again.status, status);
  t.equal(timeless(again.out), timeless(out));
  t.equal(again.err, '');
  t.match(await watched(['list', 'oracles']), { status: 0, out: /^oracles\n/ }, 'without a driver file in this thread');
});
