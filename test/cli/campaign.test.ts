/** `quiesce campaign --shard` and `quiesce merge` in this process: results, reports, refusals. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { quiesce } from '../support/fake-terminal.js';

const WORLDS = ['--tpmfront', 'linux', '--scenario', 'checkpoint', '--session', 'ima_extends', '--commands', '2'];
const SMALL = ['campaign', ...WORLDS, '--runs', '600'];

/** Runs the shards into files of a folder, and returns their paths. */
async function shardsIn(folder: string, shards: number, more: readonly string[] = []): Promise<readonly string[]> {
  const files = Array.from({ length: shards }, (_, shard) => join(folder, `${shard}.json`));
  for (const [shard, file] of files.entries()) {
    const argv = [...SMALL, ...more, '--shard', `${shard}/${shards}`, '--result', file];
    const { status, out, err } = await quiesce(argv);
    t.match({ status, err }, { status: 0, err: '' });
    t.match(out, new RegExp(`^campaign [0-9a-f]{16}: shard ${shard} of ${shards}, \\d+ runs, \\d failures?\\n$`));
  }
  return files;
}

t.test('shards are merged in any order, in groups, and twice, to the same bytes', async (t) => {
  const folder = t.testdir({});
  const [a = '', b = '', c = ''] = await shardsIn(folder, 3);
  const report = await quiesce(['merge', a, b, c, '--json']);
  t.match(report, { status: 1, err: '' });
  t.match(JSON.parse(report.out), {
    campaign: String,
    shards: 3,
    seed: 1,
    runs: 600,
    failures: [{ oracle: 'in-step' }],
  });
  t.strictSame(await quiesce(['merge', c, b, a, b, '--json']), report);
  t.strictSame(await quiesce(['merge', folder, '--json']), report);

  const part = join(t.testdirName, 'part.json');
  const half = await quiesce(['merge', c, a, '--result', part]);
  t.match(half, {
    status: 2,
    out: '',
    err: /^quiesce merge: expected all 3 shards of campaign \w+, found 2; missing: 1\n$/,
  });
  t.strictSame(await quiesce(['merge', part, b, '--json']), report, 'parts can be merged on');
});

t.test('the report is for people too, and says what fuzz says', async (t) => {
  const folder = t.testdir({});
  await shardsIn(folder, 2);
  const { status, out } = await quiesce(['merge', folder]);
  t.equal(status, 1);
  t.match(out, /^campaign: 600 runs, \d+ steps, seed 1\ndone in 2 shards, id [0-9a-f]{16}\n/);
  t.match(out, /tpmfront linux with tpmback v2: in-step fails\n/);
  const [, token = ''] = /\nTo replay it:\nquiesce replay (q1\.\S+)\n/.exec(out) ?? [];
  t.equal((await quiesce(['replay', token])).status, 1);
  t.ok(out.split('\n').every((line) => line.length <= 80 || line.includes(' replay ')));
});

t.test('a corpus is read by shards and left alone, and written by the merge', async (t) => {
  const folder = t.testdir({ one: {}, two: {}, corpus: { 'text.token': 'hello\n' } });
  const corpus = join(folder, 'corpus');
  await shardsIn(join(folder, 'one'), 2);
  t.equal((await quiesce(['merge', join(folder, 'one'), '--corpus', corpus])).status, 1);
  const files = readdirSync(corpus).sort();
  t.ok(files.length > 1);
  const result = join(folder, 'two', '0.json');
  const { status, err } = await quiesce([...SMALL, '--corpus', corpus, '--shard', '0/2', '--result', result]);
  t.equal(status, 0);
  t.match(
    err,
    /^quiesce campaign: left out .*text\.token: replay token: expected a token[^\n]*\n$/,
    'what is damaged is named',
  );
  t.strictSame(readdirSync(corpus).sort(), files, 'and stays where it is');
  const size = (file: string): number => readFileSync(file).length;
  t.ok(size(result) < size(join(folder, 'one', '0.json')), 'less is new to it');
  const other = join(folder, 'one', '1.json');
  t.match(await quiesce(['merge', result, other]), {
    status: 2,
    err: /expected results of campaign \w+, found some of/,
  });
});

t.test('bad input is one line, and writes nothing', async (t) => {
  const folder = t.testdir({ empty: {}, 'text.json': 'hello', 'half.json': '{"format":"quiesce campaign result 1"' });
  const file = join(folder, 'out.json');
  const shard = (place: string): readonly string[] => [...SMALL, '--shard', place, '--result', file];
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[...SMALL, '--shard', '0/2'], /--shard: expected --result FILE with it/],
    ...['2/2', '1/0', '0/601', '0', '-1/2', '0/x', '0/9999999'].map(
      (place) =>
        [
          shard(place),
          /--shard: expected (I\/N, I from 0 to N - 1 and N up to 600, as in 0\/16, found|I\/N after)/,
        ] as const,
    ),
    [[...shard('0/2'), '--redis', 'redis://a'], /--redis: expected none with --shard/],
    [[...shard('0/2'), '--shards', '2'], /--shards: expected none with --shard/],
    [shard('0/2').map((word) => (word === 'checkpoint' ? 'x' : word)), /there is no scenario 'x'; known: /],
    [[...shard('0/2'), '--seed', 'x'], /--seed: expected an integer/],
    [SMALL, /expected --redis URL, as in redis:\/\/host:6379, or the variable QUIESCE_REDIS/],
    [[...SMALL, '--redis', 'a'], /--redis: expected redis:\/\/host:port/],
    [[...SMALL, '--shards', '601', '--redis', 'redis://a'], /--shards: expected an integer from 1 to 600, found '601'/],
    [['campaign', '--resume', 'x', '--redis', 'redis://a'], /expected the id of a campaign, 16 hexadecimal digits/],
    [['campaign', '--resume', '0'.repeat(16), '--seed', '1'], /--seed: expected none with --resume or --forget/],
    [['campaign', '--redis', 'redis://a', '--patience', '5'], /--patience: expected a number with s, m or h/],
    [['worker'], /expected --redis URL/],
    [['worker', '--redis', 'redis://a', '--workers', '0'], /--workers: expected an integer from 1 to 1024/],
    [['worker', '--redis', 'redis://a', '--idle', 'x'], /--idle: expected a number with s, m or h/],
    [['merge'], /expected FILE\.\.\./],
    [['merge', join(folder, 'none.json')], /cannot read .*none\.json: /],
    [['merge', join(folder, 'empty')], /expected files that end in \.json in .*empty, found none/],
    [['merge', join(folder, 'text.json')], /text\.json: expected JSON, found "hello"/],
    [['merge', join(folder, 'half.json')], /half\.json: expected JSON, found /],
  ];
  for (const [argv, message] of cases) {
    const { status, out, err } = await quiesce(argv);
    t.match({ status, out }, { status: 2, out: '' }, argv.join(' '));
    t.match(err, message);
    t.equal(err.split('\n').length, 2, err);
  }
  t.notOk(existsSync(file));
  writeFileSync(file, 'old');
  await quiesce(shard('0/2'));
  t.match(
    readFileSync(file, 'utf8'),
    /^\{"format":"quiesce campaign result 1",/,
    'a result takes the place of another',
  );
});

t.test('progress is shown where somebody looks', async (t) => {
  const file = join(t.testdir({}), 'out.json');
  const { err } = await quiesce([...SMALL, '--shard', '1/2', '--result', file], { progress: true });
  t.match(err, /campaign: shard 1 of 2: \d+ of 300 runs/);
  t.equal(err.split('\n').length, 1);
});
