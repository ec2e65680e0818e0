/** Campaigns over a real Redis: the same bytes whoever runs the shards, and whatever dies on the way. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { quiesce } from '../support/fake-terminal.js';
import { QuiesceProcess, until } from './quiesce-process.js';
import { type RedisServer, type RedisSettings, redisServer } from './redis-server.js';

/** Programs start slowly on a machine with other work, and shards that take seconds on one without take minutes. */
const LIMIT = { timeout: 900_000 } as const;
/** Of a campaign of such shards. */
const LONG_MILLISECONDS = 600_000;

const WORLDS = ['--tpmfront', 'linux', '--scenario', 'checkpoint', '--session', 'ima_extends', '--commands', '2'];
const SMALL = [...WORLDS, '--runs', '3000', '--json'];
const SHARDS = 6;

/** Shards that take some seconds each, so that there is time to kill somebody. */
const LONG = [...WORLDS, '--runs', '80000', '--json'];
const LONG_SHARDS = 4;
const LONG_CAMPAIGN = [...LONG, '--shards', String(LONG_SHARDS)];

async function serverFor(t: Test, settings: RedisSettings = {}): Promise<RedisServer> {
  const server = await redisServer(settings);
  t.teardown(() => server.stop());
  return server;
}

/** What a campaign comes to when its shards are run one after the other without Redis. */
async function alone(folder: string, argv: readonly string[], shards: number): Promise<string> {
  const options = argv.filter((word) => word !== '--json');
  for (let shard = 0; shard < shards; shard++) {
    const place = ['--shard', `${shard}/${shards}`, '--result', join(folder, `${shard}.json`)];
    const { status, err } = await quiesce(['campaign', ...options, ...place]);
    if (status !== 0) throw new Error(err);
  }
  return (await quiesce(['merge', folder, '--json'])).out;
}

const campaign = (server: RedisServer, argv: readonly string[]): QuiesceProcess =>
  new QuiesceProcess(['campaign', '--redis', server.url, ...argv]);
const worker = (server: RedisServer, ...argv: readonly string[]): QuiesceProcess =>
  new QuiesceProcess(['worker', '--redis', server.url, '--workers', '1', ...argv]);

t.test('one worker, three workers and no Redis at all give the same bytes', LIMIT, async (t) => {
  const expected = await alone(t.testdir({}), SMALL, SHARDS);
  for (const count of [1, 3]) {
    const server = await serverFor(t);
    const workers = Array.from({ length: count }, () => worker(server));
    const argv = [...SMALL, '--shards', String(SHARDS), '--corpus', join(t.testdirName, `corpus${count}`)];
    const { status, out, err } = await campaign(server, argv).end();
    t.match({ status, err }, { status: 1, err: '' });
    t.equal(out, expected);
    const ends = await Promise.all(workers.map((one) => one.end('SIGINT')));
    let shards = 0;
    for (const { status: ended, out: said, err: complained } of ends) {
      t.match({ status: ended, err: complained }, { status: 0, err: '' });
      shards += Number(/^worker: (\d+) shards? done, \d+ runs?\n$/.exec(said)?.[1]);
    }
    t.equal(shards, SHARDS);
    t.strictSame(
      server
        .ask('keys', '*')
        .split('\n')
        .filter((key) => !/:queue:[^:]*:(meta|events|id|stalled-check|marker)$/.test(key)),
      [],
      'nothing of the campaign stays in Redis',
    );
  }
  const [one, three] = ['corpus1', 'corpus3'].map((name) => readdirSync(join(t.testdirName, name)).sort());
  t.ok((one ?? []).length > 0);
  t.strictSame(one, three);
  for (const file of one ?? []) t.match(readFileSync(join(t.testdirName, 'corpus1', file), 'utf8'), /^q1\./);
});

t.test('a worker that is killed in the middle of a shard loses nothing', LIMIT, async (t) => {
  const server = await serverFor(t);
  const running = campaign(server, LONG_CAMPAIGN);
  const first = worker(server, '--recover-after', '2s');
  await until('a shard to be at work', () => server.ask('keys', 'quiesce:queue:*:active') !== '');
  const queue = server.ask('keys', 'quiesce:queue:*:active');
  const [taken = ''] = server.ask('lrange', queue, '0', '-1').split('\n');
  t.match(taken, /^[0-9a-f]{16}-\d$/);
  t.equal((await first.end('SIGKILL')).status, null);
  t.equal(server.ask('lrange', queue, '0', '-1'), taken, 'it is still its');

  const second = worker(server, '--recover-after', '2s');
  const { status, out, err } = await running.end(undefined, LONG_MILLISECONDS);
  t.match({ status, err }, { status: 1, err: '' });
  const ended = await second.end('SIGTERM');
  t.equal(ended.status, 0);
  t.match(ended.err, `quiesce worker: shard ${taken}: its worker is gone, it is in the queue again\n`);
  t.equal(out, await alone(t.testdir({}), LONG, LONG_SHARDS), 'and the report is the same');
});

t.test('a campaign that is interrupted goes on by its id, or with the same command', LIMIT, async (t) => {
  const server = await serverFor(t);
  const argv = [...SMALL, '--shards', String(SHARDS)];
  const first = campaign(server, argv);
  await until('the campaign to be open', () => server.ask('hkeys', 'quiesce:campaigns') !== '');
  const id = server.ask('hkeys', 'quiesce:campaigns');
  const stopped = await first.end('SIGINT');
  t.match(stopped, { status: 2, out: '' });
  t.match(
    stopped.err,
    /^quiesce campaign: stopped with 0 of 6 shards done; .*\. To go on: .* --resume [0-9a-f]{16}\n$/,
  );
  t.match(stopped.err, id);

  const idle = await worker(server, '--idle', '1s').end();
  t.match(idle, { status: 0, out: /^worker: 6 shards done/ }, 'workers go on without it');
  const resumed = await campaign(server, ['--resume', id, '--json']).end();
  t.match(resumed, { status: 1, err: '', out: await alone(t.testdir({}), SMALL, SHARDS) });
  t.match(await campaign(server, ['--resume', id]).end(), {
    status: 2,
    err: `quiesce campaign: there is no unfinished campaign ${id}; none is open\n`,
  });
});

t.test('a campaign that is forgotten leaves nothing', LIMIT, async (t) => {
  const server = await serverFor(t);
  const first = campaign(server, [...SMALL, '--shards', String(SHARDS)]);
  await until('shards in the queue', () => server.ask('keys', 'quiesce:queue:*:wait') !== '');
  const id = server.ask('hkeys', 'quiesce:campaigns');
  await first.end('SIGINT');
  const { status, out } = await campaign(server, ['--forget', id]).end();
  t.match({ status, out }, { status: 0, out: `campaign ${id} is forgotten\n` });
  t.notMatch(server.ask('keys', '*'), id);
});

t.test('Redis is killed in the middle: it comes back with what it knew, or with nothing', LIMIT, async (t) => {
  const expected = await alone(t.testdir({}), LONG, LONG_SHARDS);
  for (const keeps of [true, false]) {
    const server = await serverFor(t, { keeps });
    const running = campaign(server, LONG_CAMPAIGN);
    const helper = worker(server, '--recover-after', '2s');
    await until('a shard to be done', () => server.ask('hlen', 'quiesce:campaigns') === '1');
    await until('a shard to be at work', () => server.ask('keys', 'quiesce:queue:*:active') !== '');
    await server.stop();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await server.start();
    const { status, out, err } = await running.end(undefined, LONG_MILLISECONDS);
    t.match({ status, err }, { status: 1, err: '' }, `keeps: ${keeps}`);
    t.equal(out, expected);
    t.equal((await helper.end('SIGINT')).status, 0);
  }
});

t.test('Redis that stays away ends both, with one line that says how to go on', LIMIT, async (t) => {
  const server = await serverFor(t);
  // The worker is there first: a campaign that waits for one is not patient either.
  const helper = worker(server, '--patience', '2s');
  await until('a worker', () => server.ask('client', 'list').includes('quiesce-worker'));
  const running = campaign(server, [...LONG_CAMPAIGN, '--patience', '5s']);
  await until('a shard to be at work', () => server.ask('keys', 'quiesce:queue:*:active') !== '');
  await server.stop();
  const ended = await running.end();
  t.match(ended, { status: 2, out: '' });
  t.match(
    ended.err,
    /^quiesce campaign: Redis has not answered for 5 s: .*\. What is done is kept; to go on: .* --resume [0-9a-f]{16}\n$/,
  );
  const alsoEnded = await helper.end();
  t.match(alsoEnded, { status: 2, out: '', err: /^quiesce worker: Redis has not answered for 2 s: [^\n]*\n$/ });
});

t.test('without workers a campaign waits, and not for ever', LIMIT, async (t) => {
  const server = await serverFor(t);
  const { status, err } = await campaign(server, [...SMALL, '--patience', '1s']).end();
  t.equal(status, 2);
  t.match(
    err,
    /^quiesce campaign: no shard was done for 1 s, 0 of 1 are; workers that listen: 0\. What is done is kept;/,
  );
});

t.test('a worker of another build refuses, and leaves the shards to others', LIMIT, async (t) => {
  const server = await serverFor(t);
  const running = campaign(server, [...SMALL, '--patience', '20s']);
  await until('the campaign to be open', () => server.ask('hkeys', 'quiesce:campaigns') !== '');
  const id = server.ask('hkeys', 'quiesce:campaigns');
  // As if an older program had begun it.
  const other = server
    .ask('hget', 'quiesce:campaigns', id)
    .replace(/"build":"[0-9a-f]{64}"/, `"build":"${'0'.repeat(64)}"`);
  server.ask('hset', 'quiesce:campaigns', id, other);
  const { status, out, err } = await worker(server).end();
  t.match({ status, out }, { status: 2, out: '' });
  t.match(
    err,
    /^quiesce worker: expected quiesce 0\.1\.0, build 000000000000, for campaign [0-9a-f]{16}; this is 0\.1\.0, build /,
  );
  t.equal(err.split('\n').length, 2);
  const resumed = await campaign(server, ['--resume', id]).end();
  t.match(resumed, { status: 2, err: /expected quiesce 0\.1\.0, build 000000000000/ });
  await running.end('SIGINT');
});

t.test('a worker without the driver file refuses, and its shard goes to one that has it', LIMIT, async (t) => {
  const server = await serverFor(t);
  const file = join(t.testdir({}), 'mine.mjs');
  const code = "import { QuiesceTpmfront } from 'quiesce';\nexport default class Mine extends QuiesceTpmfront {}\n";
  writeFileSync(file, code);
  const argv = ['--tpmfront', file, '--scenario', 'checkpoint', '--runs', '600', '--shards', '2', '--json'];
  const running = campaign(server, argv);
  await until('shards in the queue', () => server.ask('keys', 'quiesce:queue:*:wait') !== '');
  rmSync(file);
  const without = await worker(server).end();
  t.match(without, { status: 2, out: '', err: /^quiesce worker: cannot read .*mine\.mjs: [^\n]*\n$/ });
  writeFileSync(file, `${code}// Changed.\n`);
  t.match(await worker(server).end(), {
    status: 2,
    err: /mine\.mjs as it was when the campaign was begun, found another/,
  });
  writeFileSync(file, code);
  const helper = worker(server);
  t.match(await running.end(), { status: 0, err: '', out: /"runs":600,/ });
  t.match(await helper.end('SIGINT'), { status: 0, out: 'worker: 2 shards done, 600 runs\n' });
});

t.test('wrong addresses and passwords are one line each', LIMIT, async (t) => {
  const server = await serverFor(t, { password: 'sesame' });
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    [server.url, {}, /found one that asks for a password: put it into the address/],
    [server.url, { REDISCLI_AUTH: 'wrong' }, /found one that refuses this user and password$/],
    [`unix://${server.socket}.none`, {}, /found no such socket: start one/],
    ['redis://127.0.0.1:1', {}, /expected a Redis server at redis:\/\/127\.0\.0\.1:1, found nobody listening/],
    ['redis://name.invalid', {}, /found no host of that name$/],
    ['http://127.0.0.1', {}, /--redis: expected redis:\/\/host:port/],
    [`${server.url}?db=99`, { REDISCLI_AUTH: 'sesame' }, /DB index is out of range$/],
  ];
  for (const [url, environment, message] of cases) {
    const ends = [['campaign', ...SMALL], ['worker']].map((argv) =>
      new QuiesceProcess([...argv, '--redis', url], environment).end(),
    );
    for (const { status, out, err } of await Promise.all(ends)) {
      t.match({ status, out }, { status: 2, out: '' }, url);
      t.match(err.replace(/\n$/, ''), message);
      t.equal(err.split('\n').length, 2, err);
    }
  }
  const argv = ['campaign', ...SMALL, '--patience', '1s'];
  const { err } = await new QuiesceProcess(argv, { QUIESCE_REDIS: server.url, REDISCLI_AUTH: 'sesame' }).end();
  t.match(err, /no shard was done for 1 s/, 'with the right one it gets in');
});
