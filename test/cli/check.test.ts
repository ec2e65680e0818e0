import t from 'tap';
import { CELLS, longestFirst } from '../../cli/check-cells.js';
import { CheckPool } from '../../cli/check-pool.js';
import { checkReport, compare } from '../../cli/check-report.js';
import { tableLines } from '../../cli/table.js';
import type { TimedVerdict } from '../../cli/timed-verdict.js';
import { EXPECTED } from '../../scenarios/expected.js';
import { quiesce } from '../support/fake-terminal.js';

const FEW = ['check', '--commands', '1'];

t.test('the verdicts do not depend on the number of threads', async (t) => {
  const task = { session: 'ima_extends', commands: 1, grain: 'fine', daemon: 'c' } as const;
  const cells = CELLS.filter(({ scenario }) => scenario === 'checkpoint' || scenario === 'slow-command');
  const one = await new CheckPool(task, 1).decide(cells);
  const three = await new CheckPool(task, 3).decide(cells);
  const timeless = (verdicts: readonly TimedVerdict[]): readonly unknown[] =>
    verdicts.map((found) => ({ ...found, seconds: 0 }));
  t.strictSame(timeless(three), timeless(one));
  t.strictSame(
    one.map(({ tpmfront, scenario }) => [tpmfront, scenario]),
    cells.map(({ tpmfront, scenario }) => [tpmfront, scenario]),
  );
});

t.test('a thread that fails fails the check', async (t) => {
  const task = { session: 'no-such-session', commands: 1, grain: 'fine', daemon: 'c' } as const;
  await t.rejects(new CheckPool(task, 2).decide(CELLS.slice(0, 2)), /there is no session/);
});

t.test('the table says for each cell whether it holds, and shows one schedule for each failure', async (t) => {
  const { status, out, err } = await quiesce(FEW, { progress: true });
  const lines = out.trimEnd().split('\n');
  t.ok(
    lines.filter((line) => !line.includes(' replay ')).every((line) => line.length <= 80),
    '80 columns',
  );
  for (const scenario of ['clean-migration', 'checkpoint'])
    t.equal(lines.filter((line) => line.includes(` ${scenario}`) && line.startsWith('  ')).length, 1);
  t.match(out, /\nsequenced +holds \d+ +holds \d+/);
  t.match(out, /\nno-hook +in-step \d+ +holds \d+/);
  t.match(out, /\nin-step\nA snapshot of the domain .*\nFails in \d+ of 56 cells, soonest with/);
  const last = lines.at(-1) ?? '';
  const [, agreeing, all] = /^(\d+) of (\d+) verdicts are as expected$/.exec(last) ?? [];
  t.equal(status, agreeing === all ? 0 : 1, last);
  t.ok(Number(all) > 120, 'the vTPM and the device identity');
  t.ok(Number(agreeing) > 120);
  const tokens = [...out.matchAll(/^quiesce replay (q1\.\S+)$/gm)].map(([, token = '']) => token);
  t.ok(tokens.length >= 3);
  for (const token of tokens) t.equal((await quiesce(['replay', token])).status, 1);
  t.match(err, /check: 55 of 56 verdicts, /, 'progress where somebody looks');
  t.ok(err.endsWith('\r\u001b[2K'), 'and it is taken away at the end');
});

const verdict = (tpmfront: string, scenario: string, more: Partial<TimedVerdict>): TimedVerdict => ({
  tpmfront,
  scenario,
  tpmback: 'v2',
  holds: true,
  complete: true,
  oracle: null,
  fault: null,
  states: 5,
  transitions: 9,
  reduction: 'none',
  offered: 20,
  shortest: null,
  seconds: 0.5,
  schedule: [],
  token: null,
  ...more,
});
const failing = { holds: false, complete: false, schedule: ['a', 'fault/b'], token: 'q1.x' } as const;

t.test('a verdict agrees when the same oracle fails, or none and that is proved', async (t) => {
  const { sequenced } = EXPECTED;
  t.match(sequenced, { checkpoint: { oracle: null } });
  t.equal(compare(verdict('sequenced', 'checkpoint', {})).agrees, true);
  t.equal(compare(verdict('sequenced', 'checkpoint', { complete: false })).agrees, false);
  t.equal(compare(verdict('sequenced', 'checkpoint', { ...failing, oracle: 'no-hang' })).agrees, false);
  t.equal(compare(verdict('no-hook', 'checkpoint', { ...failing, oracle: 'in-step' })).agrees, true);
  t.equal(compare(verdict('no-hook', 'toString', { ...failing, oracle: 'in-step' })).agrees, false);
  t.equal(compare(verdict('constructor', 'name', {})).expected, undefined);
});

t.test('verdicts that differ are listed with the argument for the one expected', async (t) => {
  const terminal = {
    out() {},
    err() {},
    colour: false,
    progress: false,
    columns: 80,
    jobs: 1,
    program: 'quiesce',
    clock: () => 0,
  };
  const report = checkReport(
    [
      verdict('sequenced', 'checkpoint', { ...failing, oracle: 'stray-memory', fault: 'store of guest1 driver' }),
      verdict('no-hook', 'checkpoint', { complete: false }),
      verdict('unheard-of', 'checkpoint', {}),
    ],
    [],
    terminal,
  );
  t.match(report, /sequenced +stray-memory 2!/);
  t.match(report, /no-hook +unknown 5!/);
  t.match(
    report,
    / {5}1 {2}a\n {5}2 {2}fault\/b\n {8}stray-memory fails\n {8}store of guest1 driver\nTo replay it:\nquiesce replay q1\.x\n/,
  );
  t.match(report, /sequenced, checkpoint: expected holds, found stray-memory fails\n {4}because number and response/);
  t.match(report, /no-hook, checkpoint: expected in-step to fail, found no failure, but not every state was seen\n/);
  t.match(report, /unheard-of, checkpoint: expected nothing, found holds\n/);
  t.match(report, /\n0 of 3 verdicts are as expected\n$/);
});

t.test('the longest cells are handed out first', async (t) => {
  const order = longestFirst(CELLS);
  t.match(order[0], { scenario: 'toolstack-dies', tpmfront: 'sequenced' });
  t.strictSame(
    [...order].sort((a, b) => a.index - b.index),
    [...CELLS],
  );
});

t.test('a table is cut into blocks that fit', async (t) => {
  const rows = [
    { name: 'one', cells: [{ text: 'a' }, { text: 'bbbb', paint: (text: string) => `<${text}>` }, { text: 'c' }] },
    { name: 'three', cells: [{ text: 'd' }] },
  ];
  const columns = ['x', 'y', 'zz'];
  t.strictSame(tableLines({ columns, rows }, 80), [
    '       x  y     zz',
    '-----  -  ----  --',
    'one    a  <bbbb>  c',
    'three  d',
  ]);
  const narrow = tableLines({ columns, rows }, 14);
  t.strictSame(
    narrow.filter((line) => line.startsWith('-')),
    ['-----  -  ----', '-----  --'],
  );
  t.equal(tableLines({ columns, rows }, 1).filter((line) => line.startsWith('-')).length, 3, 'one column at least');
});
