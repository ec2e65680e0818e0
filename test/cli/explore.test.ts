import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { quiesce } from '../support/fake-terminal.js';

const LINUX = ['explore', '--scenario', 'checkpoint', '--tpmfront', 'linux', '--commands', '3'];
const SEQUENCED = ['explore', '--scenario', 'checkpoint', '--commands', '3'];

interface Printed {
  readonly token: string;
  readonly schedule: readonly string[];
  readonly states: number;
}

t.test('what holds is said to hold, with the states seen', async (t) => {
  const { status, out, err } = await quiesce(SEQUENCED);
  t.match({ status, err }, { status: 0, err: '' });
  t.match(out, /tpmfront sequenced with tpmback sequenced\n\nholds in every schedule\n\d+ states, \d+ transitions/);
});

t.test('what fails is shown with a schedule and the command that replays it', async (t) => {
  const { status, out } = await quiesce(LINUX);
  t.equal(status, 1);
  t.match(out, /in-step fails\nA snapshot of the domain/);
  const [, token = ''] = /\nTo replay it:\nquiesce replay (q1\.\S+)\n$/.exec(out) ?? [];
  const again = await quiesce(['replay', token]);
  t.equal(again.status, 1);
  t.match(again.out, /in-step fails/);
});

t.test('one JSON document has everything', async (t) => {
  const { status, out, err } = await quiesce([...LINUX, '--json']);
  t.match({ status, err }, { status: 1, err: '' });
  t.match(JSON.parse(out), {
    scenario: 'checkpoint',
    tpmfront: 'linux',
    tpmback: 'v2',
    holds: false,
    complete: false,
    oracle: 'in-step',
    fault: null,
    states: Number,
    transitions: Number,
    seconds: 0,
    schedule: [String],
    token: /^q1\./,
  });
});

t.test('a bound that is reached is no verdict', async (t) => {
  const { status, out, err } = await quiesce([...SEQUENCED, '--max-states', '40', '--json']);
  t.equal(status, 2);
  t.match(JSON.parse(out), { holds: true, complete: false, oracle: null, states: 40, schedule: [], token: null });
  t.match(err, /^quiesce explore: the bound of 40 states was reached before every state was seen; .*\n$/);
  t.match((await quiesce([...SEQUENCED, '--max-states', '40'])).out, /no failure in 40 states \(not complete\)/);
});

t.test('the order and the grain can be chosen', async (t) => {
  const verdict = async (more: readonly string[]): Promise<Printed> => {
    return JSON.parse((await quiesce([...LINUX, '--json', ...more])).out) as Printed;
  };
  const bfs = await verdict(['--order', 'bfs']);
  const dfs = await verdict(['--order', 'dfs']);
  const coarse = await verdict(['--grain', 'coarse']);
  t.ok(dfs.schedule.length > bfs.schedule.length);
  t.ok(coarse.states < bfs.states);
  t.equal((await quiesce(['replay', coarse.token])).status, 1, 'the token knows the grain');
});

t.test('a schedule is written to a file, whole, and replayed from it', async (t) => {
  const folder = t.testdir({});
  const file = join(folder, 'linux.schedule');
  const { out } = await quiesce([...LINUX, '--json', '--out', file]);
  const { schedule } = JSON.parse(out) as Printed;
  t.strictSame(readdirSync(folder), ['linux.schedule'], 'nothing else is left');
  t.match(readFileSync(file, 'utf8'), /^quiesce schedule 1\nscenario: checkpoint\n[\s\S]*\n\nguest1/);
  const replayed = await quiesce(['replay', file, '--json']);
  t.equal(replayed.status, 1);
  t.match(JSON.parse(replayed.out), {
    holds: false,
    oracle: 'in-step',
    steps: schedule.length,
    diverged: null,
    schedule,
  });

  const nowhere = await quiesce([...LINUX, '--out', join(folder, 'no', 'folder')]);
  t.match(nowhere, { status: 2, err: /cannot write .*: no such file or directory\n$/ });
  const needless = await quiesce([...SEQUENCED, '--out', join(folder, 'other')]);
  t.match(needless, { status: 0, err: /nothing fails, so .* is not written/ });
  t.strictSame(readdirSync(folder), ['linux.schedule']);
});

t.test('a session can be a file, and its schedule finds it again', async (t) => {
  const text = readFileSync('scenarios/sessions/ima_extends.jsonl', 'utf8');
  const folder = t.testdir({ 'ima_extends.jsonl': text, 'broken.jsonl': '{}\n' });
  const session = join(folder, 'ima_extends.jsonl');
  const { token } = JSON.parse((await quiesce([...LINUX, '--json', '--session', session])).out) as Printed;
  t.match(await quiesce(['replay', token]), { status: 1, err: '' });
  const broken = await quiesce([...LINUX, '--session', join(folder, 'broken.jsonl')]);
  t.match(broken, { status: 2, err: /broken\.jsonl:1: expected / });
});

t.test('the reduction can be chosen, and is named', async (t) => {
  const held = await quiesce([...SEQUENCED, '--reduction', 'sleep']);
  t.equal(held.status, 0);
  t.match(
    held.out,
    /in every schedule\n\d+ states, .* s\nreduction sleep: sleep sets, \d+ % of the choices in these states\n/,
  );
  const none = JSON.parse((await quiesce([...SEQUENCED, '--reduction', 'none', '--json'])).out) as Printed;
  t.match(none, { reduction: 'none', shortest: null });
  const { transitions, offered } = none as unknown as { transitions: number; offered: number };
  t.equal(offered, transitions);
  t.match(
    (await quiesce([...SEQUENCED, '--reduction', 'much'])).err,
    /--reduction: expected none or hosts or sleep or stubborn or dpor or compare/,
  );
});

t.test('a failure says whether there is a shorter schedule', async (t) => {
  t.match((await quiesce([...LINUX])).out, /a schedule of \d+ steps; there is no\sshorter\sone:/);
  t.match((await quiesce([...LINUX, '--order', 'dfs'])).out, /; there may be a\sshorter\sone:/);
});

t.test('reductions are compared side by side', async (t) => {
  const { status, out } = await quiesce([...SEQUENCED, '--reduction', 'compare', '--json']);
  t.equal(status, 0);
  const { reductions } = JSON.parse(out) as { reductions: readonly { reduction: string; complete: boolean }[] };
  t.strictSame(
    reductions.map(({ reduction }) => reduction),
    ['none', 'hosts', 'sleep', 'stubborn', 'dpor'],
  );
  t.ok(reductions.every(({ complete }) => complete));
  const text = (await quiesce([...LINUX, '--reduction', 'compare'])).out;
  t.match(text, /^ +states +fewer +transitions/);
  t.equal(text.match(/in-step fails/g)?.length, 5);
});
