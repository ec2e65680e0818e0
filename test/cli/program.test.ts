import t from 'tap';
import { explain } from '../../cli/exit-status.js';
import { COMMANDS } from '../../cli/program.js';
import { columnsOf, showsColour } from '../../cli/terminal.js';
import { sessionNames } from '../../library/sessions.js';
import { QuiesceError } from '../../protocol/errors.js';
import { quiesce } from '../support/fake-terminal.js';

t.test('every command shows its help and the version', async (t) => {
  for (const { name } of COMMANDS) {
    const help = await quiesce([name, '--help']);
    t.match(help, { status: 0, err: '' });
    t.match(help.out, new RegExp(`^quiesce ${name}: .*\\n\\nUsage: quiesce ${name}`));
    t.strictSame(await quiesce(['help', name]), help);
    t.strictSame(await quiesce([name, '-V']), await quiesce(['--version']), name);
  }
  t.match((await quiesce(['--version'])).out, /^quiesce \d+\.\d+\.\d+\n$/);
  t.match((await quiesce(['--help'])).out, /Exit status: 0 holds/);
  t.strictSame(await quiesce(['-h']), await quiesce(['help']));
});

t.test('wrong usage is one line that says what is accepted', async (t) => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ['frobnicate'],
      /^quiesce: there is no command 'frobnicate'; known: check, explore, fuzz, campaign, worker, merge, run, .*, help$/,
    ],
    [['help', 'x'], /^quiesce: there is no command 'x'; known: /],
    [['explore'], /^quiesce explore: expected --scenario NAME; known: clean-migration, /],
    [['explore', '--scenario'], /^quiesce explore: --scenario: expected NAME after it$/],
    [['explore', '--scenario='], /^quiesce explore: --scenario: expected NAME after it$/],
    [['explore', '--scenario', '--json'], /^quiesce explore: --scenario: expected NAME after it$/],
    [['explore', '--scenario', 'x'], /^quiesce explore: there is no scenario 'x'; known: clean-migration, /],
    [['explore', '--scenario', 'connect', '--tpmfront', 'x'], /there is no tpmfront 'x'; known: wait-loop, resend, /],
    [['explore', '--scenario', 'connect', '--tpmback', 'x'], /there is no tpmback 'x'; known: v1, v2, sequenced$/],
    [
      ['explore', '--scenario', 'connect', '--tpmback', 'v1'],
      /speaks the v2 ring, tpmback v1 the v1 ring; possible: v2, /,
    ],
    [
      ['explore', '--scenario', 'connect', '--session', 'x'],
      /there is no session 'x'; known: auth_failures, .*, or a file/,
    ],
    [
      ['explore', '--scenario', 'connect', '--session', './x.jsonl'],
      /cannot read \.\/x\.jsonl: no such file or directory$/,
    ],
    [['explore', '--scenario', 'connect', '--order', 'x'], /--order: expected dfs or bfs, found 'x'$/],
    [
      ['explore', '--scenario', 'connect', '--max-states', '0'],
      /--max-states: expected an integer from 1 to \d+, found '0'$/,
    ],
    [
      ['explore', '--scenario', 'connect', '--commands', 'two'],
      /--commands: expected an integer from 1 to \d+, found 'two'$/,
    ],
    [['explore', '--scenario', 'connect', '--grain', 'x'], /--grain: expected fine or coarse, found 'x'$/],
    [['explore', 'connect'], /^quiesce explore: unexpected 'connect'; only options are accepted$/],
    [['run', '--scenario', 'connect', '--seed', '-1'], /--seed: expected N after it$/],
    [['run', '--scenario', 'connect', '--seed=-1'], /--seed: expected an integer from 0 to 4294967295, found '-1'$/],
    [
      ['run', '--scenario', 'connect', '--json', '--mermaid', '--commands', '1'],
      /expected --json or --mermaid, found both$/,
    ],
    [['check', '--fast'], /^quiesce check: unknown option --fast; known: --session, .*--json, .*--help, --version$/],
    [['check', '-x'], /^quiesce check: unknown option -x; known: /],
    [['check', '--toString'], /^quiesce check: unknown option --toString; known: /],
    [['check', '--json=yes'], /^quiesce check: --json takes no value, found 'yes'$/],
    [['check', '--session', 'a', '--session=b'], /^quiesce check: --session: expected once, found 'a' and 'b'$/],
    [['replay'], /^quiesce replay: expected FILE\|TOKEN$/],
    [['replay', 'a', 'b'], /^quiesce replay: unexpected 'b'; expected at most FILE\|TOKEN$/],
    [['replay', '/'], /^quiesce replay: cannot read \/: /],
    [['list', 'x'], /^quiesce list: there is no list 'x'; known: scenarios, drivers, oracles, faults, hazards$/],
    [['list', 'a\nb'], /^quiesce list: there is no list 'a b'; known: /],
  ];
  for (const [argv, message] of cases) {
    const { status, out, err } = await quiesce(argv);
    t.equal(status, 2, argv.join(' '));
    t.equal(out, '');
    t.match(err, /^[^\n]+\n$/, 'one line');
    t.match(err.trimEnd(), message);
  }
  const nothing = await quiesce([]);
  t.match(nothing, { status: 2, out: '', err: /Usage: quiesce COMMAND/ });
});

t.test('a fault of the program is told from an error of its user', async (t) => {
  t.match(explain(new QuiesceError('BAD_SESSION', 'a:\n b')), { status: 2, text: 'a: b' });
  t.match(explain(new Error('x')), { status: 3, text: /a fault of quiesce itself.*\nError: x/s });
  t.match(explain('x'), { status: 3, text: /:\nx$/ });
  const broken = await quiesce(['list'], {
    out() {
      throw new TypeError('broken');
    },
  });
  t.match(broken, { status: 3, err: /^quiesce list: this is a fault of quiesce itself/ });
});

t.test('list shows what there is', async (t) => {
  const all = await quiesce(['list']);
  t.equal(all.status, 0);
  for (const heading of ['scenarios', 'tpmfronts', 'tpmbacks', 'oracles', 'faults']) t.match(all.out, `${heading}\n`);
  t.ok(all.out.split('\n').every((line) => line.length <= 80));
  const drivers: unknown = JSON.parse((await quiesce(['list', 'drivers', '--json'])).out);
  t.match(drivers, { tpmfronts: [{ name: 'wait-loop', title: String }], tpmbacks: [{ name: 'v1', title: String }] });
  const faults: unknown = JSON.parse((await quiesce(['list', 'faults', '--json'])).out);
  t.match(faults, { faults: [{ name: 'backend-killed' }] });
  t.match((await quiesce(['list', 'oracles'], { colour: true })).out, '\u001b[1moracles\u001b[22m');
});

t.test('colours are for terminals that have not refused them', async (t) => {
  t.equal(showsColour({ isTTY: true }, {}), true);
  t.equal(showsColour({ isTTY: true }, { NO_COLOR: '' }), true, 'empty means nothing');
  t.equal(showsColour({ isTTY: true }, { NO_COLOR: '1' }), false);
  t.equal(showsColour({ isTTY: true }, { TERM: 'dumb' }), false);
  t.equal(showsColour({ isTTY: false }, {}), false);
  t.equal(showsColour({}, { FORCE_COLOR: '1' }), false);
});

t.test('lines are as long as the terminal is wide, and of 80 where nobody knows', async (t) => {
  t.equal(columnsOf({ columns: 132 }), 132);
  t.equal(columnsOf({}), 80);
  t.equal(columnsOf({ columns: 0 }), 80, 'a terminal that was told no size');
});

t.test('the recorded sessions are found', async (t) => {
  t.ok(sessionNames().includes('ima_extends'));
});
