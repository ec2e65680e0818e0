/** WebSockets: who may open one, what is refused, and clients that misbehave. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { type Limits, serve, tokenFromFile, type XenstoreServer } from '../../xenstore-sim/server/index.js';
import { accessOf } from '../../xenstore-sim/server/websocket-access.js';
import { folderFor, RawClient } from '../support/raw-xenstore-client.js';
import { StandInDaemon } from '../support/stand-in-daemon.js';

const TOKEN = 'a-token-of-twenty-letters';
const ORIGIN = 'https://allowed.example';

interface Served {
  readonly server: XenstoreServer;
  readonly daemon: StandInDaemon;
  readonly url: string;
}

/** Longer than any test. */
const PING_MILLISECONDS = 3_600_000;

interface Pinged extends Served {
  /** Lets it ping its clients, which it does at no other time. */
  readonly ping: () => void;
}

async function pinged(t: Test, limits: Partial<Limits> = {}): Promise<Pinged> {
  const { setInterval } = globalThis;
  let ping = (): void => undefined;
  globalThis.setInterval = ((callback: () => void, milliseconds: number) => {
    if (milliseconds === PING_MILLISECONDS) ping = callback;
    return setInterval(callback, milliseconds);
  }) as typeof setInterval;
  try {
    return { ...(await served(t, { ...limits, pingMilliseconds: PING_MILLISECONDS })), ping: () => ping() };
  } finally {
    globalThis.setInterval = setInterval;
  }
}

async function served(t: Test, limits: Partial<Limits> = {}): Promise<Served> {
  const daemon = new StandInDaemon();
  const server = await serve(daemon, { webSocket: { port: 0, token: TOKEN, origins: [ORIGIN] }, limits });
  t.teardown(() => server.close());
  const [listener] = server.listeners;
  if (listener?.kind !== 'websocket') throw new Error('expected a WebSocket listener');
  return { server, daemon, url: listener.url };
}

function open(url: string, headers: Record<string, string> = bearer(TOKEN), protocols = ['xenstore']): WebSocket {
  return new WebSocket(url, protocols, { headers, perMessageDeflate: true });
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** The status with which an attempt is refused; 101 if it is not. */
function statusOf(socket: WebSocket): Promise<number> {
  return new Promise((resolve, reject) => {
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    socket.once('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.once('error', reject);
  });
}

/** The frames that come, as they come. */
async function* framesOf(socket: WebSocket): AsyncGenerator<XsFrame> {
  const decoder = new FrameDecoder();
  const frames: XsFrame[] = [];
  let wake = (): void => undefined;
  socket.on('message', (data: Buffer) => {
    decoder.push(data, (frame) => frames.push(frame));
    wake();
  });
  for (;;) {
    const frame = frames.shift();
    if (frame !== undefined) yield frame;
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

function frame(type: number, payload: string, requestId = 0): Uint8Array {
  return encodeFrame({ type, requestId, transactionId: 0, payload });
}

t.test('messages are a stream: cut and joined anywhere', async (t) => {
  const { url, server } = await served(t);
  t.match(url, /^ws:\/\/127\.0\.0\.1:\d+\/$/, 'loopback unless told otherwise');
  const socket = open(url);
  await once(socket, 'open');
  t.equal(socket.protocol, 'xenstore');
  t.equal(socket.extensions, '', 'no compression, though it was offered');
  const frames = framesOf(socket);
  const stream = Buffer.concat([frame(XsType.WRITE, '/a\0hello', 1), frame(XsType.READ, '/a\0', 2)]);
  for (let at = 0; at < stream.length; at += 5) socket.send(stream.subarray(at, at + 5));
  socket.send(Buffer.alloc(0));
  socket.send(Buffer.concat([frame(XsType.READ, '/a\0', 3), frame(XsType.READ, '/b\0', 4)]));
  const expected = [
    [1, 'OK\0'],
    [2, 'hello'],
    [3, 'hello'],
    [4, ''],
  ] as const;
  for (const [requestId, payload] of expected) t.match((await frames.next()).value, { requestId, payload });
  t.equal(server.clients, 1);
  socket.close();
  await once(socket, 'close');
});

t.test('the path says which domain, the token whether', async (t) => {
  const { url, daemon } = await served(t);
  const five = createHmac('sha256', TOKEN).update('xenstore domain 5').digest('base64url');
  const cases: readonly (readonly [string, Record<string, string>, number])[] = [
    ['', bearer(TOKEN), 101],
    ['', {}, 401],
    ['', bearer(`${TOKEN}x`), 401],
    ['', bearer(TOKEN.slice(1)), 401],
    ['', { authorization: `Basic ${TOKEN}` }, 401],
    ['', { authorization: 'Bearer' }, 401],
    ['', bearer(five), 401],
    ['domain/5', bearer(five), 101],
    ['domain/5', bearer(TOKEN), 101],
    ['domain/6', bearer(five), 401],
    ['domain/32751', bearer(TOKEN), 101],
    ['domain/32752', bearer(TOKEN), 404],
    ['domain/0', bearer(TOKEN), 404],
    ['domain/05', bearer(TOKEN), 404],
    ['domain/', bearer(TOKEN), 404],
    ['domain/-1', bearer(TOKEN), 404],
    ['domain/5/', bearer(TOKEN), 404],
    ['x', bearer(TOKEN), 404],
    [`?token=${TOKEN}`, bearer(TOKEN), 404],
  ];
  for (const [path, headers, status] of cases) {
    t.equal(await statusOf(open(`${url}${path}`, headers)), status, `${path} ${JSON.stringify(headers)}`);
  }
  const nobody = createHmac('sha256', TOKEN).update('xenstore domain 0').digest('base64url');
  t.equal(await statusOf(open(url, bearer(nobody))), 401, 'a domain token never opens the control domain');
  const socket = open(`${url}domain/5`, bearer(five));
  await once(socket, 'open');
  t.ok([...daemon.connections.values()].some(({ domid }) => domid === 5));
  socket.terminate();
});

t.test('a web page may connect from an allowed origin only, with the token as a subprotocol', async (t) => {
  const { url } = await served(t);
  const cases: readonly (readonly [string, number])[] = [
    [ORIGIN, 101],
    ['https://evil.example', 403],
    [`${ORIGIN}.evil.example`, 403],
    ['null', 403],
    ['', 403],
    [new URL(url).origin, 403],
  ];
  for (const [origin, status] of cases) {
    t.equal(await statusOf(open(url, { ...bearer(TOKEN), origin })), status, origin);
  }
  t.equal(await statusOf(open(url, { ...bearer(TOKEN), 'sec-websocket-origin': 'https://evil.example' })), 403);
  const page = { origin: ORIGIN };
  t.equal(await statusOf(open(url, page, ['xenstore', `xenstore.bearer.${TOKEN}`])), 101);
  t.equal(await statusOf(open(url, page, ['xenstore', 'xenstore.bearer.wrong'])), 401);
  t.equal(await statusOf(open(url, page)), 401);
  t.equal(await statusOf(open(url, bearer(TOKEN), ['mqtt'])), 400);
  t.equal(await statusOf(open(url, bearer(TOKEN), [])), 400);
});

t.test('what is no WebSocket is refused, and what never becomes one is cut off', async (t) => {
  const { url } = await served(t, { handshakeMilliseconds: 80 });
  const { port } = new URL(url);
  const response = await new Promise<number | undefined>((resolve) => {
    httpRequest({ port, path: '/' }, (answer) => resolve(answer.resume().statusCode)).end();
  });
  t.equal(response, 426);
  const long = connect(Number(port), '127.0.0.1');
  long.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`);
  t.match(String((await once(long, 'data'))[0]), /^HTTP\/1\.1 431 /);
  long.destroy();
  for (const bytes of [
    '',
    'GET / HTTP/1.1\r\nHost: x\r\n',
    `GET / HTTP/1.1\r\nX: ${'x'.repeat(10_000)}`,
    '\0\0\0\0\r\n\r\n',
  ]) {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    socket.write(bytes);
    await new Promise((resolve) => socket.resume().once('close', resolve));
  }
  t.pass('all of them were closed');
});

t.test('text, messages that are too long and frames that are too long close the connection', async (t) => {
  const { url, daemon } = await served(t);
  const tooLong = new Uint8Array(16).fill(0xff);
  const cases: readonly (readonly [string | Uint8Array, number])[] = [
    ['text', 1003],
    [new Uint8Array(64 * 1024 + 1), 1009],
    [tooLong, 1008],
  ];
  const good = open(url);
  await once(good, 'open');
  const frames = framesOf(good);
  for (const [message, expected] of cases) {
    const socket = open(url);
    await once(socket, 'open');
    socket.send(message);
    const [code] = await once(socket, 'close');
    t.equal(code, expected);
  }
  good.send(frame(XsType.GET_DOMAIN_PATH, '0\0'));
  t.match((await frames.next()).value, { payload: '/local/domain/0\0' });
  t.equal(daemon.connections.size, 1);
  good.terminate();
});

t.test('who does not answer a ping is cut off, who does stays', async (t) => {
  const { url, server, ping } = await pinged(t);
  const good = open(url);
  const mute = new WebSocket(url, ['xenstore'], { headers: bearer(TOKEN), autoPong: false });
  await Promise.all([once(good, 'open'), once(mute, 'open')]);
  const frames = framesOf(good);
  const closed = once(mute, 'close');
  for (let round = 0; round < 4; round++) {
    t.equal(server.clients, round < 2 ? 2 : 1);
    const asked = once(good, 'ping');
    const heard = round === 0 ? once(mute, 'ping') : undefined;
    ping();
    await Promise.all([asked, heard]);
    // The answer to a ping goes before any later request.
    good.send(frame(XsType.GET_DOMAIN_PATH, '0\0'));
    await frames.next();
    if (round === 1) await closed;
  }
  good.terminate();
});

t.test('a client that does not read is cut off, others are served', async (t) => {
  const { url, server, daemon, ping } = await pinged(t, { stalledMilliseconds: 200 });
  const [good, deaf] = [open(url), open(url)];
  await Promise.all([once(good, 'open'), once(deaf, 'open')]);
  const frames = framesOf(good);
  good.send(frame(XsType.WRITE, `/large\0${'x'.repeat(4000)}`));
  await frames.next();
  deaf.pause();
  const read = frame(XsType.READ, '/large\0');
  const message = Buffer.concat(new Array<Uint8Array>(2500).fill(read));
  const start = performance.now();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 40; i++) deaf.send(message);
  let most = 0;
  while (server.clients === 2) {
    good.send(frame(XsType.GET_DOMAIN_PATH, '0\0'));
    await frames.next();
    ping();
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  t.match(daemon.calls, [/^block \d true$/]);
  t.ok(performance.now() - start > 150, 'not for want of an answer to pings, which nobody has read');
  t.ok(most < 16 * 1024 * 1024, `${most} bytes for a flood that asks for 400 MB`);
  deaf.terminate();
  good.terminate();
});

t.test('a client that reads late gets everything', async (t) => {
  const { url, daemon } = await served(t);
  const socket = open(url);
  await once(socket, 'open');
  const frames = framesOf(socket);
  socket.send(frame(XsType.WRITE, `/large\0${'x'.repeat(4000)}`));
  await frames.next();
  socket.pause();
  const requests = 5000;
  for (let i = 0; i < requests; i += 500) {
    socket.send(Buffer.concat(Array.from({ length: 500 }, (_, k) => frame(XsType.READ, '/large\0', i + k))));
  }
  while (!daemon.calls.includes('block 1 true')) await new Promise(setImmediate);
  socket.resume();
  for (let requestId = 0; requestId < requests; requestId++) {
    const { value } = await frames.next();
    if (value.requestId !== requestId || value.payload.length !== 4000) t.fail(`reply ${requestId} is wrong`);
  }
  t.equal(daemon.calls.at(-1), 'block 1 false');
  socket.terminate();
});

t.test('random messages do no harm to another client', async (t) => {
  const { url } = await served(t);
  const good = open(url);
  await once(good, 'open');
  const frames = framesOf(good);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), async (messages) => {
      const socket = open(url);
      await once(socket, 'open');
      for (const message of messages) socket.send(message);
      good.send(frame(XsType.GET_DOMAIN_PATH, '0\0'));
      t.match((await frames.next()).value, { payload: '/local/domain/0\0' });
      socket.terminate();
    }),
    { numRuns: 40 },
  );
  // The same below the protocol: bytes that are no WebSocket frames.
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);
      socket.write(
        `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
          `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\nSec-WebSocket-Protocol: xenstore\r\n` +
          `Authorization: Bearer ${TOKEN}\r\n\r\n`,
      );
      const [answer] = await once(socket, 'data');
      t.match(String(answer), /^HTTP\/1\.1 101 /);
      socket.write(bytes);
      socket.destroy();
      good.send(frame(XsType.GET_DOMAIN_PATH, '0\0'));
      t.match((await frames.next()).value, { payload: '/local/domain/0\0' });
    }),
    { numRuns: 40 },
  );
  good.terminate();
});

t.test('there is no room beyond the limit, and no server on a port that is taken', async (t) => {
  const { url, server } = await served(t, { connections: 2 });
  const sockets = [open(url), open(url)];
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  await t.rejects(statusOf(open(url)));
  t.equal(server.clients, 2);
  const webSocket = { port: Number(new URL(url).port), token: TOKEN, origins: [] };
  await t.rejects(serve(new StandInDaemon(), { webSocket }), { code: 'CANNOT_LISTEN', message: /the port is in use/ });
  await t.rejects(serve(new StandInDaemon(), { webSocket: { ...webSocket, host: '192.0.2.1' } }), {
    code: 'CANNOT_LISTEN',
    message: /does not have that address/,
  });
  for (const socket of sockets) socket.terminate();
});

t.test('the limit is for all listeners together', async (t) => {
  const path = join(folderFor(t), 'socket');
  const webSocket = { port: 0, token: TOKEN, origins: [] };
  const server = await serve(new StandInDaemon(), { unix: { path }, webSocket, limits: { connections: 1 } });
  t.teardown(() => server.close());
  const client = await RawClient.connect(path);
  await client.write('/a', '1');
  const [, listener] = server.listeners;
  t.equal(await statusOf(open(listener?.kind === 'websocket' ? listener.url : '')), 503);
  client.close();
});

t.test('a token file is made for its owner, and one that others can read is refused', async (t) => {
  const path = join(folderFor(t), 'token');
  const token = tokenFromFile(path);
  t.match(token, /^[A-Za-z0-9_-]{43}$/);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(readFileSync(path, 'utf8'), `${token}\n`);
  t.equal(tokenFromFile(path), token);
  chmodSync(path, 0o640);
  t.throws(() => tokenFromFile(path), { code: 'BAD_TOKEN', message: /chmod 600/ });
  chmodSync(path, 0o600);
  for (const content of ['', 'short', 'two words, sixteen letters', 'x'.repeat(513)]) {
    writeFileSync(path, content);
    t.throws(() => tokenFromFile(path), { code: 'BAD_TOKEN', message: /one token of 16 to 512/ }, content);
  }
  t.throws(() => tokenFromFile(join(path, 'below')), { code: 'BAD_TOKEN' });
});

t.test('no request opens a WebSocket without the token, whatever its headers', async (t) => {
  const rules = { token: TOKEN, origins: [ORIGIN] };
  const text = fc.option(fc.oneof(fc.string(), fc.constantFrom('Bearer ', 'Bearer x', ORIGIN, 'xenstore')), {
    nil: undefined,
  });
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom('/', '/domain/1'), fc.string()),
      fc.record({ authorization: text, origin: text, 'sec-websocket-protocol': text }),
      (url, headers) => !('domid' in accessOf(url, headers, rules)),
    ),
  );
  t.strictSame(accessOf('/domain/7', { ...bearer(TOKEN), 'sec-websocket-protocol': 'a, xenstore' }, rules), {
    domid: 7,
    resumed: false,
  });
});
