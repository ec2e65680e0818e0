/** The Unix socket: its file, its clients, and clients that misbehave. */
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { encodeFrame, writeWord, XsType } from '../../protocol/xs-wire.js';
import { type Limits, serve, type XenstoreServer } from '../../xenstore-sim/server/index.js';
import { PIECE_BYTES, PIECES_A_TURN } from '../../xenstore-sim/server/limits.js';
import { folderFor, RawClient } from '../support/raw-xenstore-client.js';
import { StandInDaemon } from '../support/stand-in-daemon.js';

interface Served {
  readonly server: XenstoreServer;
  readonly daemon: StandInDaemon;
  readonly path: string;
}

async function served(t: Test, limits: Partial<Limits> = {}): Promise<Served> {
  const path = join(folderFor(t), 'socket');
  const daemon = new StandInDaemon();
  const server = await serve(daemon, { unix: { path }, limits });
  t.teardown(() => server.close());
  return { server, daemon, path };
}

t.test('requests are answered, in order, however they are cut', async (t) => {
  const { path, daemon, server } = await served(t);
  t.strictSame(server.listeners, [{ kind: 'unix', path }]);
  const client = await RawClient.connect(path);
  t.equal(await client.write('/a', 'hello'), 'OK\0');
  t.equal(await client.read('/a'), 'hello');
  const stream = Buffer.concat(
    ['/a', '/b', '/a'].map((name, requestId) =>
      encodeFrame({ type: XsType.READ, requestId, transactionId: 0, payload: `${name}\0` }),
    ),
  );
  for (const byte of stream) {
    client.socket.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  t.match(await client.next(), { requestId: 0, payload: 'hello' });
  t.match(await client.next(), { requestId: 1, payload: '' });
  t.match(await client.next(), { requestId: 2, payload: 'hello' });
  t.ok(daemon.pieces.length > 10, 'it really came in pieces');
  t.equal(server.clients, 1);
  client.close();
  await client.closed;
});

t.test('a client that asks and closes its side at once is answered', async (t) => {
  const { path } = await served(t);
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(path)));
  for (const [i, client] of clients.entries()) {
    client.send(XsType.WRITE, `/${i}\0value`);
    client.socket.end();
  }
  for (const client of clients) t.match(await client.next(), { type: XsType.WRITE, payload: 'OK\0' });
  await Promise.all(clients.map(({ closed }) => closed));
});

t.test('a client learns what the others write, before it asks for anything itself', async (t) => {
  const { path } = await served(t);
  const watcher = await RawClient.connect(path);
  const writer = await RawClient.connect(path);
  t.equal(await watcher.ask(XsType.WATCH, '/\0token\0'), 'OK\0');
  await writer.write('/a', '1');
  t.match(await watcher.next(), { type: XsType.WATCH_EVENT, payload: '/a\0token\0' });
  for (const { socket } of [watcher, writer]) socket.end();
  await Promise.all([watcher.closed, writer.closed]);
});

t.test('clients that go away leave the daemon, whether they say so or die with a request half sent', async (t) => {
  const { path, daemon, server } = await served(t);
  const other = await RawClient.connect(path);
  const [polite, rude] = [await RawClient.connect(path), await RawClient.connect(path)];
  await polite.ask(XsType.TRANSACTION_START, '\0');
  await rude.ask(XsType.TRANSACTION_START, '\0');
  t.equal(daemon.connections.size, 3);
  rude.socket.write(
    encodeFrame({ type: XsType.WRITE, requestId: 0, transactionId: 1, payload: '/a\0b' }).subarray(0, 18),
  );
  rude.close();
  polite.socket.end();
  await polite.closed;
  while (server.clients > 1) await other.read('/a');
  t.equal(daemon.connections.size, 1);
  t.equal(await other.read('/a'), '');
  // Replies that nobody is there to take make the socket fail, not the server.
  await other.write('/large', 'x'.repeat(4000));
  for (let i = 0; i < 10; i++) {
    const gone = await RawClient.connect(path);
    for (let requests = 0; requests < 200; requests++) gone.send(XsType.READ, '/large\0');
    gone.close();
    await other.read('/a');
  }
  while (server.clients > 1) await other.read('/a');
  other.close();
});

t.test('a frame that is too long ends its connection and no other', async (t) => {
  const { path, daemon } = await served(t);
  const [good, bad] = [await RawClient.connect(path), await RawClient.connect(path)];
  const header = new Uint8Array(16);
  writeWord(header, 12, 4097);
  bad.socket.write(header);
  await bad.closed;
  t.equal(daemon.connections.size, 1);
  t.equal(await good.write('/a', '1'), 'OK\0');
  good.close();
});

t.test('random bytes do no harm to another client', async (t) => {
  const { path, daemon } = await served(t);
  const good = await RawClient.connect(path);
  await good.write('/a', 'mine');
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(pieces, async (pieces) => {
      const socket = connect(path).on('error', () => undefined);
      for (const piece of pieces) socket.write(piece);
      socket.end();
      t.equal(await good.ask(XsType.GET_DOMAIN_PATH, '0\0'), '/local/domain/0\0');
      await new Promise((resolve) => socket.resume().once('close', resolve));
    }),
    { numRuns: 100 },
  );
  t.equal(await good.read('/a'), 'mine');
  good.close();
  t.ok(daemon.pieces.length > 100);
});

t.test('half a request and then silence ends the connection; silence between requests does not', async (t) => {
  const { path, server } = await served(t, { requestMilliseconds: 40 });
  const idle = await RawClient.connect(path);
  await idle.write('/a', '1');
  const request = encodeFrame({ type: XsType.READ, requestId: 0, transactionId: 0, payload: '/a\0' });
  const halves = [3, 16, 18].map(async (bytes) => {
    const client = await RawClient.connect(path);
    client.socket.write(request.subarray(0, bytes));
    await client.closed;
  });
  // A byte now and then does not make a request.
  const dripping = await RawClient.connect(path);
  const drip = setInterval(() => dripping.socket.write(Buffer.of(0)), 10);
  await Promise.all([...halves, dripping.closed]);
  clearInterval(drip);
  t.equal(server.clients, 1);
  t.equal(await idle.read('/a'), '1');
  // Always inside a request, but never long inside the same one.
  const until = Date.now() + 120;
  idle.socket.write(request.subarray(0, 7));
  while (Date.now() < until) {
    idle.socket.write(Buffer.concat([request.subarray(7), request.subarray(0, 7)]));
    t.equal((await idle.next()).payload, '1');
  }
  idle.close();
});

t.test('a client that does not read is blocked, then cut off; the others are served all the while', async (t) => {
  const { path, daemon, server } = await served(t, { stalledMilliseconds: 200 });
  const good = await RawClient.connect(path);
  await good.write('/large', 'x'.repeat(4000));
  const request = encodeFrame({ type: XsType.READ, requestId: 0, transactionId: 0, payload: '/large\0' });
  const flood = Buffer.concat(new Array<Uint8Array>(20_000).fill(request));
  const deaf = connect(path).on('error', () => undefined);
  await once(deaf, 'connect');
  const before = process.memoryUsage().arrayBuffers;
  deaf.write(flood);
  let most = 0;
  while (server.clients === 2) {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    t.equal(await good.read('/a'), '');
  }
  t.match(daemon.calls, ['block 2 true'], 'nothing was executed any more');
  t.ok(most < 4 * 1024 * 1024, `${most} bytes for a flood that asks for 80 MB`);
  deaf.destroy();
  good.close();
});

t.test('a client that reads late gets everything', async (t) => {
  const { path, daemon } = await served(t);
  const client = await RawClient.connect(path);
  await client.write('/large', 'x'.repeat(4000));
  client.socket.pause();
  const requests = 3000;
  for (let requestId = 0; requestId < requests; requestId++) client.send(XsType.READ, '/large\0', { requestId });
  while (!daemon.calls.includes('block 1 true')) await new Promise(setImmediate);
  client.socket.resume();
  for (let requestId = 0; requestId < requests; requestId++) {
    const frame = await client.next();
    if (frame.requestId !== requestId || frame.payload.length !== 4000) t.fail(`reply ${requestId} is wrong`);
  }
  t.ok(daemon.calls.length >= 2);
  t.equal(daemon.calls.at(-1), 'block 1 false');
  client.close();
});

t.test('events beyond the limit cut off who does not read them', async (t) => {
  const { path, daemon, server } = await served(t, { queuedBytes: 0 });
  const [deaf, writer] = [await RawClient.connect(path), await RawClient.connect(path)];
  await deaf.ask(XsType.WATCH, `/\0${'t'.repeat(4000)}\0`);
  deaf.socket.pause();
  while (server.clients === 2) await writer.write('/a', '1');
  t.strictSame(daemon.calls, [], 'over the limit at once');
  t.equal(daemon.connections.size, 1);
  writer.close();
  deaf.close();
});

t.test('a flood from one client does not keep others waiting', async (t) => {
  const { path, daemon } = await served(t);
  const good = await RawClient.connect(path);
  const requests = 100_000;
  const request = encodeFrame({ type: XsType.WRITE, requestId: 0, transactionId: 0, payload: '/a\0' });
  const flooder = await RawClient.connect(path);
  flooder.socket.write(Buffer.concat(new Array<Uint8Array>(requests).fill(request)));
  await flooder.next();
  let most = 0;
  for (let turn = 0; turn < 50; turn++) {
    const before = daemon.pieces.length;
    await new Promise(setImmediate);
    most = Math.max(most, daemon.pieces.length - before);
  }
  t.ok(most > 0 && most <= 2 * PIECES_A_TURN, `${most} pieces in one turn of the loop`);
  t.ok(Math.max(...daemon.pieces) <= PIECE_BYTES);
  t.equal(await good.read('/a'), '');
  for (let replies = 1; replies < requests; replies++) await flooder.next();
  t.pass('and the flood is answered to the end');
  flooder.close();
  good.close();
});

t.test('a client blocked by events of others is not listened to until it reads', async (t) => {
  const { path, daemon } = await served(t);
  const [deaf, writer] = [await RawClient.connect(path), await RawClient.connect(path)];
  await deaf.ask(XsType.WATCH, `/\0${'t'.repeat(4000)}\0`);
  deaf.socket.pause();
  while (daemon.calls.length === 0) await writer.write('/a', '1');
  deaf.send(XsType.WRITE, '/by-the-deaf\x001');
  for (let i = 0; i < 20; i++) t.equal(await writer.read('/by-the-deaf'), '');
  deaf.socket.resume();
  while ((await deaf.next()).type !== XsType.WRITE);
  t.equal(await writer.read('/by-the-deaf'), '1');
  t.match(daemon.calls, ['block 1 true', 'block 1 false']);
  deaf.close();
  writer.close();
});

t.test('a thousand clients, and one more than there is room for', async (t) => {
  const { path, server } = await served(t, { connections: 1001 });
  const clients = await Promise.all(Array.from({ length: 1001 }, () => RawClient.connect(path)));
  const written = await Promise.all(clients.map((client, i) => client.write(`/${i}`, String(i))));
  t.ok(written.every((reply) => reply === 'OK\0'));
  const found = await Promise.all(clients.map((client, i) => client.read(`/${(i + 1) % 1001}`)));
  t.ok(found.every((value, i) => value === String((i + 1) % 1001)));
  t.equal(server.clients, 1001);
  const extra = await RawClient.connect(path);
  await extra.closed;
  clients[0]?.close();
  while (server.clients > 1000) await clients[1]?.read('/0');
  const next = await RawClient.connect(path);
  t.equal(await next.read('/5'), '5');
  await server.close();
  await Promise.all(clients.map(({ closed }) => closed));
});

t.test('the socket file is for its owner only unless told otherwise, and goes away', async (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'socket');
  const before = process.umask(0o022);
  t.teardown(() => process.umask(before));
  const first = await serve(new StandInDaemon(), { unix: { path } });
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(process.umask(), 0o022);
  await first.close();
  t.notOk(existsSync(path));
  const second = await serve(new StandInDaemon(), { unix: { path, mode: 0o666 } });
  t.equal(statSync(path).mode & 0o777, 0o666);
  await second.close();
});

t.test('a socket file is replaced only when nobody listens there', async (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'socket');
  const left = join(folder, 'left');
  const other = createServer().listen(left);
  await once(other, 'listening');
  const taken = { code: 'CANNOT_LISTEN', message: /found a server \(connected\)/ };
  await t.rejects(serve(new StandInDaemon(), { unix: { path: left } }), taken);
  // What a killed process leaves is a socket file without a listener.
  renameSync(left, path);
  other.close();
  await once(other, 'close');
  t.ok(existsSync(path));
  const server = await serve(new StandInDaemon(), { unix: { path } });
  const client = await RawClient.connect(path);
  t.equal(await client.write('/a', '1'), 'OK\0');
  await t.rejects(serve(new StandInDaemon(), { unix: { path } }), taken);
  t.equal(await client.read('/a'), '1', 'the first server is unharmed');
  client.close();
  await server.close();
});

t.test('a place where no socket can be made is told apart', async (t) => {
  const folder = folderFor(t);
  const file = join(folder, 'file');
  writeFileSync(file, 'precious');
  mkdirSync(join(folder, 'closed'));
  chmodSync(join(folder, 'closed'), 0o500);
  const cases: readonly (readonly [string, RegExp])[] = [
    [file, /found another kind of file/],
    [join(folder, 'missing', 'socket'), /there is no folder .*missing: create it/],
    [join(folder, 'x'.repeat(120)), /expected a path of at most 107 bytes, found \d+/],
    [join(file, 'socket'), /ENOTDIR/],
    // Root may write anywhere.
    ...(process.getuid?.() === 0 ? [] : [[join(folder, 'closed', 'socket'), /no permission/] as const]),
  ];
  for (const [path, message] of cases) {
    await t.rejects(serve(new StandInDaemon(), { unix: { path } }), { code: 'CANNOT_LISTEN', message }, path);
  }
  t.ok(existsSync(file));
  const longest = join(folder, 'y'.repeat(107 - folder.length - 1));
  await (await serve(new StandInDaemon(), { unix: { path: longest } })).close();
});
