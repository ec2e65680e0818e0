/** The command in this process: what it prints, what it refuses, and what becomes of the folder of a corpus. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { formatToken } from '../../simulator/token.js';
import { quiesce } from '../support/fake-terminal.js';

const LINUX = [
  'fuzz',
  '--tpmfront',
  'linux',
  '--scenario',
  'checkpoint',
  '--session',
  'ima_extends',
  '--commands',
  '2',
];
const SEQUENCED = ['fuzz', '--tpmfront', 'sequenced', '--scenario', 'checkpoint', '--session', 'ima_extends'];

/** The token of a schedule whose only step has a name that nothing has. */
function tokenOfNoStep(): string {
  const names = {
    scenario: 'checkpoint',
    tpmfront: 'sequenced',
    tpmback: 'sequenced',
    session: 'ima_extends',
  } as const;
  return formatToken({ ...names, commands: 1, grain: 'fine', daemon: 'c', steps: ['nobody/nothing'] }, 4);
}

interface Printed {
  readonly runs: number;
  readonly checked: number;
  readonly unseen: number;
  readonly failures: readonly {
    readonly oracle: string;
    readonly schedule: readonly string[];
    readonly token: string;
  }[];
}

t.test('what fails is shown shrunk, with the command that replays it', async (t) => {
  const { status, out, err } = await quiesce([...LINUX, '--runs', '128']);
  t.match({ status, err }, { status: 1, err: '' });
  t.match(out, /^fuzz: 128 runs, \d+ steps, seed 1\n/);
  t.match(out, /tpmfront linux with tpmback v2: in-step fails\nA snapshot of the domain/);
  t.match(out, /a schedule of \d+ steps.*; there is no shorter one:\n\n {5}1 {2}/);
  const [, token = ''] = /\nTo replay it:\nquiesce replay (q1\.\S+)\n/.exec(out) ?? [];
  const again = await quiesce(['replay', token]);
  t.equal(again.status, 1);
  t.match(again.out, /in-step fails/);
  t.ok(
    out.split('\n').every((line) => line.length <= 80 || line.includes(' replay ')),
    'it fits into 80 columns',
  );
});

t.test('what does not fail is no proof', async (t) => {
  const { status, out, err } = await quiesce([...SEQUENCED, '--commands', '2', '--runs', '128']);
  t.match({ status, err }, { status: 0, err: '' });
  t.match(out, /\nno failure in these runs, which is no proof\n$/);
});

t.test('the same seed gives the same bytes, another seed other runs', async (t) => {
  const argv = ['fuzz', '--runs', '200', '--commands', '1', '--scenario', 'checkpoint', '--json'];
  const first = await quiesce(argv);
  t.equal((await quiesce([...argv, '--seed', '1'])).out, first.out);
  t.not((await quiesce([...argv, '--seed', '2'])).out, first.out);
  t.match(JSON.parse(first.out), { version: String, seed: 1, runs: 200, states: Number, differences: [] });
});

t.test('one run in twenty is taken twice, or every one', async (t) => {
  const checked = async (more: readonly string[]): Promise<number> => {
    const { out } = await quiesce([...SEQUENCED, '--commands', '1', '--runs', '400', '--json', ...more]);
    return (JSON.parse(out) as Printed).checked;
  };
  t.equal(await checked(['--check-determinism']), 400);
  // Of 400 runs each is taken with probability 1/20: 20, give or take 3 times the root of 19.
  const few = await checked([]);
  t.ok(few >= 7 && few <= 33, `${few}`);
});

t.test('a campaign is gone on with from its corpus', async (t) => {
  const corpus = join(t.testdir({}), 'new', 'corpus');
  const argv = [...SEQUENCED, '--commands', '2', '--runs', '128', '--corpus', corpus];
  const first = JSON.parse((await quiesce([...argv, '--json'])).out) as Printed;
  const files = readdirSync(corpus);
  t.ok(files.length > 0);
  for (const file of files) {
    t.match(file, /^[0-9a-f]{16}\.token$/);
    const token = readFileSync(join(corpus, file), 'utf8');
    t.match(token, /^q1\.[A-Za-z0-9_-]+\n$/);
    t.equal((await quiesce(['replay', token.trim()])).status, 0, 'an entry is a replay token');
  }
  const second = JSON.parse((await quiesce([...argv, '--json'])).out) as Printed;
  t.ok(second.unseen < first.unseen, 'what was shown is known, so less is new');
});

t.test('an entry that is damaged is set aside and named, and the campaign goes on', async (t) => {
  const corpus = t.testdir({});
  const argv = [...SEQUENCED, '--commands', '1', '--runs', '128', '--corpus', corpus];
  await quiesce(argv);
  const [whole = ''] = readdirSync(corpus);
  const token = readFileSync(join(corpus, whole), 'utf8');
  const damaged: readonly (readonly [string, string, RegExp])[] = [
    ['cut.token', token.slice(0, 20), /expected (a whole|base64url)/],
    ['empty.token', '', /expected a replay token of at most 65536 bytes/],
    ['large.token', 'q1.'.padEnd(70_000, 'A'), /expected a replay token of at most 65536 bytes/],
    ['text.token', 'hello\n', /expected a token that begins with q1/],
    ['two.token', token + token, /expected base64url/],
    // Entries are read by the world they name, and there is no such step in it.
    ['drifted.token', tokenOfNoStep(), /step 1 is no longer possible/],
  ];
  for (const [name, text] of damaged) writeFileSync(join(corpus, name), text);
  const { status, err } = await quiesce(argv);
  t.equal(status, 0);
  for (const [name, text, reason] of damaged) {
    t.notOk(existsSync(join(corpus, name)), name);
    t.equal(readFileSync(join(corpus, 'set-aside', name), 'utf8'), text, 'its content is kept');
    const line = err.split('\n').find((candidate) => candidate.includes(join('set-aside', name)));
    t.match(line, /^quiesce fuzz: set aside /);
    t.match(line, reason);
  }
  t.ok(existsSync(join(corpus, whole)), 'the others stay');
  t.equal((await quiesce(argv)).err, '', 'and next time there is nothing to say');

  writeFileSync(join(corpus, 'text.token'), 'again');
  await quiesce(argv);
  t.strictSame(readFileSync(join(corpus, 'set-aside', 'text.token'), 'utf8'), 'hello\n', 'nothing is written over');
  t.strictSame(readFileSync(join(corpus, 'set-aside', 'text.token.2'), 'utf8'), 'again');
});

t.test('entries of other worlds stay where they are and are not used', async (t) => {
  const corpus = t.testdir({});
  await quiesce([...LINUX, '--runs', '128', '--corpus', corpus]);
  const files = readdirSync(corpus);
  const argv = [...SEQUENCED, '--commands', '1', '--runs', '128', '--json'];
  const { out, err } = await quiesce([...argv, '--corpus', corpus]);
  t.equal(err, '');
  t.equal(out, (await quiesce(argv)).out, 'it is as if they were not there');
  t.strictSame(
    files.filter((file) => !readdirSync(corpus).includes(file)),
    [],
  );
});

t.test('wrong usage is one line that says what is accepted', async (t) => {
  const file = join(t.testdir({ file: '' }), 'file');
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--runs', '0'], /^quiesce fuzz: --runs: expected an integer from 1 to 2147483647, found '0'\n$/],
    [['--time', '5'], /^quiesce fuzz: --time: expected a number with s, m or h after it, as in 60s, found '5'\n$/],
    [['--time', '0s'], /found '0s'\n$/],
    [['--workers', '0'], /^quiesce fuzz: --workers: expected an integer from 1 to 1024, found '0'\n$/],
    [['--tpmback', 'v2'], /^quiesce fuzz: --tpmback: expected --tpmfront with it\n$/],
    [['--tpmfront', 'linux', '--tpmback', 'v1'], /speaks the v2 ring, tpmback v1 the v1 ring/],
    [['--tpmfront', 'x'], /there is no tpmfront 'x'; known: /],
    [['--scenario', 'x'], /there is no scenario 'x'; known: /],
    [['--session', 'x'], /there is no session 'x'; known: /],
    [['--corpus', file], /^quiesce fuzz: --corpus: expected a folder, found /],
  ];
  for (const [argv, message] of cases) {
    const { status, out, err } = await quiesce(['fuzz', ...(argv.includes('--runs') ? [] : ['--runs', '1']), ...argv]);
    t.match({ status, out }, { status: 2, out: '' }, argv.join(' '));
    t.match(err, message);
    t.equal(err.split('\n').length, 2);
  }
});

t.test('progress tells of what was found before a generation is at its end', async (t) => {
  const { err } = await quiesce([...LINUX, '--runs', '512'], { progress: true });
  const lines = err.split('\r').filter((line) => line.includes('fuzz: '));
  t.equal(lines.length, 2, 'two shards of one generation');
  for (const line of lines) {
    t.match(line, /fuzz: \d+ runs, \d+\/s, [1-9]\d* states, [1-9]\d* new, 1 failure, unseen 0\.\d{3}/);
  }
});

t.test('the time ends a campaign, and progress is shown where somebody looks', async (t) => {
  let now = 0;
  const { out, err } = await quiesce([...SEQUENCED, '--commands', '1', '--time', '2m', '--json'], {
    progress: true,
    clock: () => (now += 20),
  });
  t.ok((JSON.parse(out) as Printed).runs >= 128);
  t.match(err, /fuzz: \d+ runs, \d+\/s, \d+ states, \d+ new, 0 failures, unseen \d/);
  t.equal(err.split('\n').length, 1);
});
