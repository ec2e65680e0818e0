/** The server with the store behind it: transactions, guests, and requests at random. */
import { once } from 'node:events';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { Store } from '../../xenstore-sim/index.js';
import { C_4_17, POLICIES, type Policy } from '../../xenstore-sim/policy.js';
import { serve, type XenstoreServer } from '../../xenstore-sim/server/index.js';
import { folderFor, RawClient } from '../support/raw-xenstore-client.js';

const TOKEN = 'a-token-of-twenty-letters';

interface Served {
  readonly server: XenstoreServer;
  readonly daemon: Daemon;
  readonly path: string;
  readonly url: string;
}

async function served(t: Test, policy: Policy = C_4_17): Promise<Served> {
  const path = join(folderFor(t), 'socket');
  const daemon = new Daemon(Store.empty(policy));
  const server = await serve(daemon, {
    unix: { path },
    webSocket: { port: 0, token: TOKEN, origins: [] },
    limits: { requestMilliseconds: 100 },
  });
  t.teardown(() => server.close());
  const [, listener] = server.listeners;
  return { server, daemon, path, url: listener?.kind === 'websocket' ? listener.url : '' };
}

async function guest(url: string, domid: number): Promise<WebSocket> {
  const socket = new WebSocket(`${url}domain/${domid}`, ['xenstore'], {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  await once(socket, 'open');
  return socket;
}

/** The answer to one request. */
async function ask(socket: WebSocket, type: number, payload: string): Promise<XsFrame> {
  socket.send(encodeFrame({ type, requestId: 1, transactionId: 0, payload }));
  const frames: XsFrame[] = [];
  const decoder = new FrameDecoder();
  for (;;) {
    const [data] = await once(socket, 'message');
    decoder.push(data, (frame) => frames.push(frame));
    const answer = frames.find(({ type }) => type !== XsType.WATCH_EVENT);
    if (answer !== undefined) return answer;
  }
}

for (const policy of Object.values(POLICIES)) {
  t.test(`${policy.name}: what a client did in a transaction is gone when it dies`, async (t) => {
    const { path, daemon, server } = await served(t, policy);
    const [one, other] = [await RawClient.connect(path), await RawClient.connect(path)];
    await other.write('/a', 'before');
    const id = Number.parseInt(await one.ask(XsType.TRANSACTION_START, '\0'), 10);
    t.equal(await one.ask(XsType.WRITE, '/a\0after', id), 'OK\0');
    t.equal(await one.ask(XsType.READ, '/a\0', id), 'after');
    const commit = encodeFrame({ type: XsType.TRANSACTION_END, requestId: 0, transactionId: id, payload: 'T\0' });
    await new Promise((resolve) => one.socket.write(commit.subarray(0, commit.length - 1), resolve));
    one.close();
    while (server.clients > 1) await other.read('/a');
    t.equal(await other.read('/a'), 'before');
    t.equal(await other.write('/a', 'mine'), 'OK\0');
    t.equal(daemon.sessions().length, 1);
    other.close();
  });
}

t.test('a guest has a guest’s rights, and its connection ends with its domain', async (t) => {
  const { path, url, server, daemon } = await served(t);
  daemon.domainCreated(5);
  const control = await RawClient.connect(path);
  t.equal(await control.ask(XsType.INTRODUCE, '5\x001\x001\0'), 'OK\0');
  const socket = await guest(url, 5);
  t.match(await ask(socket, XsType.WRITE, '/a\0b'), { type: XsType.ERROR, payload: 'EACCES\0' });
  t.match(await ask(socket, XsType.RELEASE, '5\0'), { type: XsType.ERROR, payload: 'EACCES\0' });
  await control.write('/local/domain/5/data', 'for the guest');
  t.match(await ask(socket, XsType.READ, 'data\0'), { type: XsType.ERROR, payload: 'EACCES\0' });
  await control.ask(XsType.SET_PERMS, '/local/domain/5/data\0n5\0');
  t.match(await ask(socket, XsType.READ, 'data\0'), { payload: 'for the guest' });
  t.equal(await control.ask(XsType.RELEASE, '5\0'), 'OK\0');
  await once(socket, 'close');
  t.equal(server.clients, 1);
  control.close();
});

t.test('a client that has lost its connection does not get into the one that has its number now', async (t) => {
  const { path, url, daemon } = await served(t);
  daemon.domainCreated(5);
  const control = await RawClient.connect(path);
  await control.ask(XsType.INTRODUCE, '5\x001\x001\0');
  const socket = await guest(url, 5);
  const [, before] = daemon.sessions();
  await control.ask(XsType.RELEASE, '5\0');
  const privileged = await RawClient.connect(path);
  await privileged.read('/');
  const [, after] = daemon.sessions();
  t.match(before, { connection: after?.connection, domid: 5 }, 'the number is used again');
  t.match(after, { domid: 0 });
  socket.send(encodeFrame({ type: XsType.WRITE, requestId: 0, transactionId: 0, payload: '/stolen\0x' }));
  await once(socket, 'close');
  t.equal(await privileged.read('/stolen'), 'ENOENT\0');
  t.equal(daemon.sessions().length, 2);
  for (const client of [control, privileged]) client.close();
});

t.test('more requests than bytes of payload: every one is answered', async (t) => {
  for (const policy of Object.values(POLICIES)) {
    const { path } = await served(t, policy);
    const client = await RawClient.connect(path);
    const requests = 3000;
    const empty = encodeFrame({ type: 99, requestId: 0, transactionId: 0, payload: '' });
    const last = encodeFrame({ type: XsType.GET_DOMAIN_PATH, requestId: 1, transactionId: 0, payload: '3\0' });
    client.socket.write(Buffer.concat([...new Array<Uint8Array>(requests).fill(empty), last]));
    for (let i = 0; i < requests; i++) t.equal((await client.next()).type, XsType.ERROR);
    t.match(await client.next(), { payload: '/local/domain/3\0' });
    client.close();
  }
});

t.test('who does not read its events is cut off in bounded memory and time; equal events are merged', async (t) => {
  const { path, daemon, server } = await served(t);
  const writer = await RawClient.connect(path);
  const deaf = await RawClient.connect(path);
  await deaf.ask(XsType.WATCH, `/\0${'t'.repeat(500)}\0`);
  deaf.socket.pause();
  const { connection } = daemon.sessions().find(({ connection }) => connection !== 0) ?? { connection: -1 };
  const pending = (): number => daemon.store.connections.get(connection)?.pending.length ?? 0;
  const writes = async (count: number, path: (i: number) => string): Promise<void> => {
    for (let i = 0; i < count; i++) writer.send(XsType.WRITE, `${path(i)}\0x`);
    for (let i = 0; i < count; i++) await writer.next();
  };
  while (pending() === 0) await writes(50, () => '/same');
  for (let i = 0; i < 20; i++) await writes(500, () => '/same');
  t.equal(pending(), 1, 'of ten thousand');
  t.equal(server.clients, 2);
  await writes(600, (i) => `/first/${i}`);
  for (let i = 0; i < 20; i++) await writes(500, () => '/same');
  t.equal(server.clients, 2, 'equal ones are merged also after others have been moved on');
  let most = 0;
  let rounds = 0;
  for (; server.clients === 2 && rounds < 50; rounds++) {
    await writes(100, (i) => `/other/${i}`);
    await writes(100, (i) => `/another/${i}`);
    await writes(100, (i) => `/third/${i}`);
    most = Math.max(most, pending());
  }
  // 500 bytes each: the limit of 1 MiB is some 1900 events.
  t.ok(rounds >= 3 && rounds <= 40, `${rounds} rounds of 300 events`);
  t.ok(most < 5000, `${most} events`);
  t.equal(daemon.isConnected(connection), false);
  writer.close();
  deaf.close();
});

const type = fc.oneof(fc.constantFrom(...Object.values(XsType)), fc.nat(30));
const word = fc.oneof(
  fc.constantFrom(
    '/',
    '/a',
    '/a/b',
    '@releaseDomain',
    '/local/domain/',
    '1',
    '0',
    'T',
    'F',
    'b0',
    'tok',
    'x'.repeat(3000),
  ),
  fc.string({ maxLength: 5 }),
);
const request = fc.record({
  type,
  requestId: fc.nat(3),
  transactionId: fc.oneof(fc.constant(0), fc.nat(3)),
  payload: fc.array(word, { maxLength: 4 }).map((words) =>
    words
      .map((text) => `${text}\0`)
      .join('')
      .slice(0, 4096),
  ),
});

for (const policy of Object.values(POLICIES)) {
  t.test(`${policy.name}: requests at random, cut at random, are each answered, and harm nobody else`, async (t) => {
    const { path } = await served(t, policy);
    const good = await RawClient.connect(path);
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 500 }),
        async (all, cut) => {
          const client = await RawClient.connect(path);
          const bytes = Buffer.concat(all.map((frame) => encodeFrame({ ...frame, payload: latin(frame.payload) })));
          for (let at = 0; at < bytes.length; at += cut) client.socket.write(bytes.subarray(at, at + cut));
          client.send(XsType.GET_DOMAIN_PATH, '7\0', { requestId: 77 });
          let answers = 0;
          for (;;) {
            const answer = await client.next();
            if (answer.requestId === 77) break;
            if (answer.type !== XsType.WATCH_EVENT) answers++;
          }
          client.close();
          if (answers !== all.length) throw new Error(`expected ${all.length} answers, found ${answers}`);
          if ((await good.ask(XsType.GET_DOMAIN_PATH, '7\0')) !== '/local/domain/7\0')
            throw new Error('the other client is harmed');
        },
      ),
      { numRuns: 60 },
    );
    t.pass();
    good.close();
  });
}

function latin(text: string): string {
  return text.replace(/[^\0-\u00ff]/g, '?');
}
