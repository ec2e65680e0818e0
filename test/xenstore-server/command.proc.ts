/** `quiesce xenstored` in a process of its own: what it prints, how it ends, and what it refuses. */
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { WebSocket } from 'ws';
import { XsType } from '../../protocol/xs-wire.js';
import { type Output, quiesce } from '../support/fake-terminal.js';
import { folderFor, RawClient } from '../support/raw-xenstore-client.js';
import { startXenstored as start } from '../support/xenstored-process.js';

function refused(...argv: readonly string[]): Promise<Output> {
  return quiesce(['xenstored', ...argv]);
}

t.test('it serves until SIGTERM or SIGINT, then its socket is gone', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const socket = join(folderFor(t), 'socket');
    const server = await start(t, ['--socket', socket]);
    t.equal(server.line, `listening on unix ${socket}`);
    t.equal(statSync(socket).mode & 0o777, 0o600);
    const client = await RawClient.connect(socket);
    t.equal(await client.write('/a', '1'), 'OK\0');
    t.match(await server.end(signal), { status: 0, err: '' });
    await client.closed;
    t.notOk(existsSync(socket));
  }
});

t.test(
  '--quota holds for a state with quotas of its own too, but not for a domain that was given another',
  async (t) => {
    const folder = folderFor(t);
    const [socket, state] = [join(folder, 'socket'), join(folder, 'state')];
    const argv = ['--socket', socket, '--daemon', 'c-4.22'];
    const first = await start(t, [...argv, '--dump', state]);
    const client = await RawClient.connect(socket);
    for (const domid of [1, 2]) await client.ask(XsType.INTRODUCE, `${domid}\0${domid}\x001\0`);
    await client.ask(XsType.SET_QUOTA, '2\0nodes\x0077\0');
    await first.end();
    const second = await start(t, [...argv, '--load', state, '--quota', 'nodes=5']);
    const again = await RawClient.connect(socket);
    const names = ['nodes\0', '1\0nodes\0', '2\0nodes\0', 'watches\0'];
    const values: string[] = [];
    for (const name of names) values.push(await again.ask(XsType.GET_QUOTA, name));
    t.strictSame(values, ['5\0', '5\0', '77\0', '128\0']);
    again.close();
    await second.end();
  },
);

t.test('--json is one line that tells all a script needs', async (t) => {
  const folder = folderFor(t);
  const socket = join(folder, 'socket');
  const server = await start(t, ['--socket', socket, '--ws', '0', '--json', '--daemon', 'ocaml']);
  const { listening, daemon, pid } = JSON.parse(server.line);
  t.equal(daemon, 'ocaml');
  t.equal(pid, server.child.pid);
  t.match(listening, [
    { kind: 'unix', path: socket },
    { kind: 'websocket', url: /^ws:\/\/127\.0\.0\.1:[1-9]\d*\/$/, token: /^[\w-]{43}$/ },
  ]);
  const headers = { authorization: `Bearer ${listening[1].token}` };
  const client = new WebSocket(listening[1].url, ['xenstore'], { headers });
  await once(client, 'open');
  const [{ out, err, status }, [code]] = await Promise.all([server.end(), once(client, 'close')]);
  t.equal(code, 1001);
  t.equal(out, `${server.line}\n`, 'nothing else is printed');
  t.match({ err, status }, { err: '', status: 0 });
});

t.test('a token file is made, used again, and not told', async (t) => {
  const folder = folderFor(t);
  const file = join(folder, 'token');
  for (let i = 0; i < 2; i++) {
    const server = await start(t, [
      '--ws',
      'localhost:0',
      '--token-file',
      file,
      '--origin',
      'https://a.example',
      '--origin',
      'https://b.example',
    ]);
    t.match(server.line, /^listening on websocket ws:\/\/localhost:\d+\/$/);
    const url = server.line.split(' ').at(-1) ?? '';
    const token = readFileSync(file, 'utf8').trim();
    for (const origin of ['https://a.example', 'https://b.example']) {
      const client = new WebSocket(url, ['xenstore', `xenstore.bearer.${token}`], { headers: { origin } });
      await once(client, 'open');
      client.terminate();
    }
    t.match(await server.end(), { status: 0 });
  }
  t.equal(statSync(file).mode & 0o777, 0o600);
});

t.test('--trace writes a line for each message on standard error', async (t) => {
  const socket = join(folderFor(t), 'socket');
  const server = await start(t, ['--socket', socket, '--trace']);
  const client = await RawClient.connect(socket);
  await client.write('/a', '1');
  const { err } = await server.end();
  t.strictSame(err.trimEnd().split('\n'), ['0 connected, domain 0', '0 -> WRITE /a|1', '0 <- WRITE OK|', '0 closed']);
});

t.test('a dead server’s socket is replaced, a living one’s is not', async (t) => {
  const socket = join(folderFor(t), 'socket');
  const killed = await start(t, ['--socket', socket]);
  await killed.end('SIGKILL');
  t.ok(existsSync(socket));
  const server = await start(t, ['--socket', socket]);
  t.match(await refused('--socket', socket), {
    status: 2,
    err: /^quiesce xenstored: cannot listen at .*found a server/,
  });
  const client = await RawClient.connect(socket);
  t.equal(await client.write('/a', '1'), 'OK\0');
  client.close();
  t.match(await server.end(), { status: 0 });
});

t.test('without descriptors to spare it loses clients, not its life', async (t) => {
  const socket = join(folderFor(t), 'socket');
  // Far more than Node opens at once to load the program.
  const server = await start(t, ['--socket', socket], 'ulimit -n 400; ');
  const first = await RawClient.connect(socket);
  t.equal(await first.write('/a', '1'), 'OK\0');
  const crowd = await Promise.all(Array.from({ length: 500 }, () => RawClient.connect(socket)));
  // Some are closed at once; the number depends on what else the process has open.
  await Promise.race(crowd.map(({ closed }) => closed));
  t.equal(await first.read('/a'), '1');
  for (const client of crowd) client.close();
  await Promise.all(crowd.map(({ closed }) => closed));
  t.equal(await first.read('/a'), '1');
  const late = await RawClient.connect(socket);
  t.equal(await late.read('/a'), '1');
  for (const client of [first, late]) client.close();
  t.match(await server.end(), { status: 0, err: '' });
});

t.test('a dump that cannot be written leaves the old one, and says so', async (t) => {
  const folder = folderFor(t);
  const [socket, state] = [join(folder, 'socket'), join(folder, 'state')];
  const server = await start(t, ['--socket', socket, '--dump', state]);
  mkdirSync(state);
  t.match(await server.end(), { status: 2, err: /^quiesce xenstored: cannot write .*state: [^\n]+\n$/ });
  t.ok(statSync(state).isDirectory());
  t.notOk(existsSync(socket));
});

t.test('what cannot be done is one clear line, and exit status 2', async (t) => {
  const folder = folderFor(t);
  const socket = join(folder, 'socket');
  const file = join(folder, 'file');
  writeFileSync(file, 'not a state stream at all');
  const open = join(folder, 'open');
  writeFileSync(open, 'x'.repeat(40));
  chmodSync(open, 0o644);
  const signals = process.listenerCount('SIGTERM');
  const busy = await start(t, ['--ws', '127.0.0.1:0']);
  const port = new URL(busy.line.split(' ')[3] ?? '').port;
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--daemon', 'x'], /--daemon: expected c or c-4\.22 or ocaml, found 'x'/],
    [['--quota', 'x=1'], /there is no quota 'x'; known: nodes, watches, transactions, node-size, permissions, /],
    [['--quota', 'nodes'], /--quota: expected NAME=VALUE .* found 'nodes'/],
    [['--quota', 'nodes=-1'], /--quota: expected NAME=VALUE .* found 'nodes=-1'/],
    [['--quota', 'nodes=4294967296'], /--quota: expected NAME=VALUE .* up to 4294967295/],
    [['--mode', '9999'], /--mode: expected permissions like 0660, found '9999'/],
    [['--ws', 'x'], /--ws: expected HOST:PORT or PORT, .* found 'x'/],
    [['--ws', '65536'], /--ws: expected HOST:PORT or PORT, .* found '65536'/],
    [['--ws', 'a:b:1'], /--ws: expected HOST:PORT/],
    [['--ws', `127.0.0.1:${port}`], /cannot listen at 127\.0\.0\.1:\d+: the port is in use/],
    [['--ws', '192.0.2.1:0'], /does not have that address/],
    [
      ['--ws', '0', '--origin', 'example.org'],
      /--origin: expected an origin like https:\/\/example\.org, found 'example\.org'/,
    ],
    [['--ws', '0', '--origin', 'https://a.example/'], /--origin: expected an origin like https:\/\/a\.example, found/],
    [['--ws', '0', '--token-file', open], /the token file .* chmod 600/],
    [['--ws', '0', '--token-file', join(file, 'x')], /the token file .* cannot be made \(ENOTDIR\)/],
    [['--token-file', open], /expected --ws with them/],
    [['--socket', join(folder, 'no', 'socket')], /there is no folder .*no: create it/],
    [['--socket', join(folder, 'x'.repeat(110))], /expected a path of at most 107 bytes/],
    [['--socket', file], /found another kind of file/],
    [['--socket', folder], /found another kind of file/],
    [['--load', join(folder, 'missing')], /cannot read .*missing: no such file/],
    [['--load', folder], /cannot read .*: illegal operation on a directory/],
    [['--load', file], /state stream/],
    [['--dump', folder], /--dump: expected a file, found a folder: /],
    [['--dump', join(folder, 'no', 'state')], /--dump: expected a folder that can be written to, found .*no/],
    [['extra'], /unexpected 'extra'; only options are accepted/],
  ];
  for (const [argv, message] of cases) {
    const { status, err } = await refused(
      ...(argv.includes('--socket') || argv.includes('--ws') ? [] : ['--socket', socket]),
      ...argv,
    );
    t.equal(status, 2, argv.join(' '));
    t.match(err, /^quiesce xenstored: [^\n]+\n$/);
    t.match(err, message);
    t.notOk(existsSync(socket));
  }
  t.equal(readFileSync(file, 'utf8'), 'not a state stream at all');
  await busy.end();
  t.equal(process.listenerCount('SIGTERM'), signals, 'nothing is left behind');
});
