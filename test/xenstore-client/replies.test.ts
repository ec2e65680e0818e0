import { getEventListeners } from 'node:events';
import t from 'tap';
import { encodeFrame, XsType, xsTypeName } from '../../protocol/xs-wire.js';
import { XenstoreError } from '../../xenstore-sim/client/index.js';
import { PendingRequests } from '../../xenstore-sim/client/pending.js';
import { codeOf, EventLog } from '../support/xenstore-client-story.js';
import { connectFake, eventFrame, replyFrame } from '../support/xenstore-fake-transport.js';

/** The error `promise` rejects with. */
const errorOf = async (promise: Promise<unknown>): Promise<XenstoreError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof XenstoreError) return error;
  throw error ?? new Error('expected an error');
};

t.test('replies are matched by their ids, in any order', async (t) => {
  const { client, link } = await connectFake();
  const values = Promise.all([client.readText('/a'), client.readText('/b'), client.readText('/c')]);
  const requests = [await link.next(), await link.next(), await link.next()];
  for (const request of requests.reverse()) link.reply(request, `value of ${request.payload.slice(0, 2)}`);
  t.strictSame(await values, ['value of /a', 'value of /b', 'value of /c']);
  t.equal(new Set(requests.map(({ requestId }) => requestId)).size, 3);
  t.notOk(
    requests.some(({ requestId }) => requestId === 0),
    'the id of watch events is not used',
  );
});

t.test('the requests of one turn leave in one write', async (t) => {
  const { client, link } = await connectFake();
  const writes = Array.from({ length: 100 }, (_, i) => client.write(`/${i}`, new Uint8Array(100)));
  t.equal(link.writes, 0);
  await link.next();
  t.equal(link.writes, 1);
  t.equal(link.requests.length, 100);
  for (const request of link.requests) link.reply(request, 'OK\0');
  await Promise.all(writes);
});

t.test('frames may be cut anywhere', async (t) => {
  const { client, link } = await connectFake();
  const log = new EventLog();
  const watch = client.watch('/w', log.note, { token: 'w' });
  const read = client.readText('/a');
  const [first, second] = [await link.next(), await link.next()];
  const stream = [
    ...eventFrame('/w', 'w'),
    ...replyFrame('READ', second.requestId, 'value'),
    ...replyFrame('WATCH', first.requestId, 'OK\0'),
  ];
  link.receive(...stream.map((byte) => Uint8Array.of(byte)));
  await watch;
  t.equal(await read, 'value');
  t.strictSame(log.events, ['/w']);
});

t.test('a watch event may come before the answer, or after it', async (t) => {
  for (const before of [true, false]) {
    const { client, link } = await connectFake();
    const log = new EventLog();
    const watch = client.watch('/w', log.note);
    const request = await link.next();
    const token = request.payload.split('\0')[1] ?? '';
    if (before) link.event('/w', token);
    link.reply(request, 'OK\0');
    if (!before) link.event('/w', token);
    await watch;
    t.strictSame(log.events, ['/w']);
  }
});

t.test('an error keeps its name, and says what it is about', async (t) => {
  const { client, link } = await connectFake();
  const cases = [
    ['ENOENT', false],
    ['EQUOTA', true],
    ['ENOSPC', true],
    ['E2BIG', true],
    ['ENEWNAME', false],
  ] as const;
  for (const [name, isQuota] of cases) {
    const write = client.write('/some/path', 'v');
    link.error(await link.next(), name);
    const error = await errorOf(write);
    t.match(error, {
      code: name,
      fromDaemon: true,
      isQuota,
      request: 'WRITE',
      path: '/some/path',
      outcomeUnknown: false,
    });
    t.equal(error.message, `WRITE /some/path: the daemon answered ${name}`);
  }
  const read = client.directory('/d');
  link.error(await link.next(), 'EACCES');
  t.match(await errorOf(read), { code: 'EACCES', isQuota: false });
});

t.test('what the protocol does not allow ends the connection', async (t) => {
  const bad: readonly (readonly [string, (id: number) => Uint8Array])[] = [
    ['an unknown id', (id) => replyFrame('READ', id + 1, 'v')],
    ['an error with an unknown id', (id) => replyFrame('ERROR', id + 1, 'EINVAL\0')],
    ['another type', (id) => replyFrame('WRITE', id, 'OK\0')],
    ['a type that is none', (id) => encodeFrame({ type: 99, requestId: id, transactionId: 0, payload: '' })],
    ['an error without a name', (id) => replyFrame('ERROR', id, '')],
    ['an error name that is none', (id) => replyFrame('ERROR', id, 'E\n\0')],
    ['too long a value', (id) => replyFrame('READ', id, 'x'.repeat(4097))],
    ['a header that announces 4 GiB', () => Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255)],
    ['an event without a token', () => replyFrame('WATCH_EVENT', 0, '/a\0')],
    ['an event with three strings', () => replyFrame('WATCH_EVENT', 0, '/a\0b\0c\0')],
    ['an event that is not terminated', () => replyFrame('WATCH_EVENT', 0, '/a\0b')],
    ['an event without a path', () => replyFrame('WATCH_EVENT', 0, '\0b\0')],
    ['too long an event', () => eventFrame('/a', 'x'.repeat(4096))],
  ];
  for (const [name, frame] of bad) {
    const { client, link } = await connectFake();
    const events: string[] = [];
    client.events.on('error', ({ code }) => events.push(code));
    client.events.on('disconnected', ({ code }) => events.push(code));
    const read = client.read('/a');
    const { requestId } = await link.next();
    link.receive(frame(requestId));
    t.match(await errorOf(read), { code: 'DISCONNECTED', outcomeUnknown: true, cause: { code: 'PROTOCOL' } }, name);
    t.ok(link.isClosed, name);
    t.strictSame(events, ['PROTOCOL', 'PROTOCOL'], name);
    t.equal(await codeOf(client.read('/b')), 'DISCONNECTED');
  }
});

t.test('a reply of the wrong form ends the connection', async (t) => {
  const { client: example } = await connectFake();
  const cases: readonly (readonly [string, (client: typeof example) => Promise<unknown>, readonly string[]])[] = [
    ['WRITE', (client) => client.write('/a', 'v'), ['', 'OK', 'ok\0', 'OK\0\0']],
    ['DIRECTORY', (client) => client.directory('/a'), ['a', '\0', 'a\0\0', 'a\0b']],
    ['GET_PERMS', (client) => client.getPermissions('/a'), ['', 'n0', 'x0\0', 'n0\0\0', 'n\0']],
    ['TRANSACTION_START', (client) => client.startTransaction(), ['', '1', '0\0', 'x\0', '4294967296\0', '-1\0']],
    ['IS_DOMAIN_INTRODUCED', (client) => client.isDomainIntroduced(1), ['T', 'true\0', '']],
    ['GET_QUOTA', (client) => client.getQuota('nodes'), ['', '12', 'many\0']],
  ];
  for (const [name, ask, payloads] of cases) {
    for (const payload of payloads) {
      const { client, link } = await connectFake();
      const answer = ask(client);
      const request = await link.next();
      t.equal(xsTypeName(request.type), name);
      link.reply(request, payload);
      t.match(
        await errorOf(answer),
        { code: 'DISCONNECTED', cause: { code: 'PROTOCOL' } },
        `${name} ${JSON.stringify(payload)}`,
      );
      t.ok(link.isClosed);
    }
  }
});

t.test('long lists as oxenstored sends them on sockets are taken', async (t) => {
  const { client, link } = await connectFake();
  const names = Array.from({ length: 5000 }, (_, i) => `name-${i}`);
  const list = client.directory('/a');
  link.reply(await link.next(), names.map((name) => `${name}\0`).join(''));
  t.strictSame(await list, names);
});

t.test('an empty list, and control answers with or without a nul', async (t) => {
  const { client, link } = await connectFake();
  const list = client.directory('/a');
  link.reply(await link.next(), '');
  t.strictSame(await list, []);
  for (const payload of ['OK\0', 'OK']) {
    const answer = client.control(['check']);
    link.reply(await link.next(), payload);
    t.equal(await answer, 'OK');
  }
});

t.test('a request that was given up is still answered, and nobody minds', async (t) => {
  const { client, link } = await connectFake();
  const stop = new AbortController();
  const read = client.read('/a', { signal: stop.signal });
  const request = await link.next();
  const reason = new Error('no longer needed');
  stop.abort(reason);
  t.match(await errorOf(read), { code: 'ABORTED', outcomeUnknown: true, cause: reason, path: '/a' });
  const next = client.readText('/b');
  const following = await link.next();
  t.not(following.requestId, request.requestId);
  link.reply(request, 'late');
  link.reply(following, 'in time');
  t.equal(await next, 'in time');
  t.notOk(link.isClosed);
  link.reply(request, 'twice');
  t.ok(link.isClosed, 'but only once');
});

t.test('a signal that has fired keeps the request from being sent', async (t) => {
  const { client, link } = await connectFake();
  const error = await errorOf(client.write('/a', 'v', { signal: AbortSignal.abort() }));
  t.match(error, { code: 'ABORTED', outcomeUnknown: false });
  t.equal(link.requests.length, 0);
});

t.test('a request without an answer ends with its time limit', async (t) => {
  const { client, link } = await connectFake({ timeoutMilliseconds: 5 });
  t.match(await errorOf(client.read('/a')), { code: 'TIMEOUT', outcomeUnknown: true });
  link.error(await link.next(), 'ENOENT');
  const slow = client.readText('/b', { timeoutMilliseconds: 0 });
  const request = await link.next();
  t.match(await errorOf(client.read('/c')), { code: 'TIMEOUT' });
  link.reply(request, 'v');
  t.equal(await slow, 'v', 'the limit of a request goes before that of the client');
  t.notOk(link.isClosed);
});

t.test('a transaction that opens after its caller has gone is aborted', async (t) => {
  const { client, link } = await connectFake();
  const start = client.startTransaction({ timeoutMilliseconds: 1 });
  const request = await link.next();
  t.equal(await codeOf(start), 'TIMEOUT');
  link.reply(request, '9\0');
  t.match(await link.next(), { type: XsType.TRANSACTION_END, transactionId: 9, payload: 'F\0' });
});

t.test('the connection is lost: what was sent may have been done, what was not was not', async (t) => {
  const { client, link } = await connectFake();
  const sent = client.write('/a', 'v');
  await link.next();
  const waiting = client.write('/b', 'v');
  link.lose();
  t.match(await errorOf(sent), { code: 'DISCONNECTED', outcomeUnknown: true, request: 'WRITE', path: '/a' });
  t.match(await errorOf(waiting), { code: 'DISCONNECTED', outcomeUnknown: false, path: '/b' });
  t.match(await errorOf(client.write('/c', 'v')), { code: 'DISCONNECTED', outcomeUnknown: false });
  t.equal(client.isConnected, false);
});

t.test('close sends what waits, and fails what is not answered', async (t) => {
  const { client, link } = await connectFake();
  const write = client.write('/a', 'v');
  client.events.on('disconnected', () => t.fail('close is no loss'));
  client.close();
  t.equal(link.requests.length, 1);
  t.ok(link.isClosed);
  t.match(await errorOf(write), { code: 'DISCONNECTED', outcomeUnknown: true });
  link.lose();
  client.close();
});

t.test('an id is not given again while its request is not answered', async (t) => {
  const request = { type: 'READ', path: undefined, serial: 0, answer: () => undefined, fail: () => undefined } as const;
  const ids = new PendingRequests(0xffff_fffe);
  t.strictSame([ids.add(request), ids.add(request), ids.add(request)], [0xffff_fffe, 0xffff_ffff, 1], 'never 0');
  const few = new PendingRequests(1, 4);
  t.strictSame([few.add(request), few.add(request), few.add(request), few.add(request)], [1, 2, 3, 4]);
  t.equal(few.take(3), request);
  t.equal(few.take(3), undefined);
  t.equal(few.add(request), 3, 'those before are not answered');
  t.equal(few.size, 4);
});

t.test('an answered request leaves nothing behind', async (t) => {
  const { client, link } = await connectFake();
  const { signal } = new AbortController();
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const reads = [client.read('/a', { signal, timeoutMilliseconds: 60_000 }), client.read('/b', { signal })];
  t.equal(timers(), before + 1);
  t.equal(getEventListeners(signal, 'abort').length, 1);
  for (const _ of reads) link.reply(await link.next(), 'v');
  await Promise.all(reads);
  t.equal(timers(), before);
  t.equal(getEventListeners(signal, 'abort').length, 0);
});

t.test('many requests may share one signal', async (t) => {
  const { client, link } = await connectFake();
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', note);
  const stop = new AbortController();
  const reads = Array.from({ length: 50 }, (_, i) => codeOf(client.read(`/${i}`, { signal: stop.signal })));
  for (let i = 0; i < 25; i++) link.reply(await link.next(), 'v');
  stop.abort();
  const codes = await Promise.all(reads);
  t.strictSame(codes, [...Array(25).fill('OK'), ...Array(25).fill('ABORTED')]);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  t.strictSame(warnings, [], 'and no leak is suspected');
});
