import { getEventListeners } from 'node:events';
import t from 'tap';
import { type XsFrame, XsType, xsTypeName } from '../../protocol/xs-wire.js';
import { XenstoreClient, type XenstoreError } from '../../xenstore-sim/client/index.js';
import { codeOf, EventLog } from '../support/xenstore-client-story.js';
import { connectFake, type FakeLink, FakeTransport } from '../support/xenstore-fake-transport.js';

const FAST = { firstDelayMilliseconds: 1, delayMillisecondsMax: 4 };

/** A daemon that knows watches and transactions, and sends the first event of each watch. */
function daemon(frame: XsFrame, link: FakeLink): void {
  link.reply(frame, frame.type === XsType.TRANSACTION_START ? '1\0' : 'OK\0');
  if (frame.type !== XsType.WATCH) return;
  const [path = '', token = ''] = frame.payload.split('\0');
  link.event(path, token);
}

const event = (client: XenstoreClient, name: 'reconnected' | 'disconnected' | 'error'): Promise<unknown> =>
  new Promise((resolve) => client.events.once(name, (...args: unknown[]) => resolve(args[0])));

t.test('a lost connection is made again, with its watches, each with its first event', async (t) => {
  const { client, transport, link } = await connectFake({ reconnect: FAST });
  transport.onRequest = daemon;
  const log = new EventLog();
  await client.watch('/a', log.note, { token: 'x' });
  await client.watch('b', log.note, { token: 'y', depth: 1 });
  const ended = await client.watch('/c', log.note);
  await ended.unwatch();
  const transaction = await client.startTransaction();
  await log.take(3);

  transport.refusals = 2;
  const errors: XenstoreError[] = [];
  client.events.on('error', (error) => errors.push(error));
  const lost = event(client, 'disconnected');
  const back = event(client, 'reconnected');
  link.lose();
  t.match(await lost, { code: 'DISCONNECTED' });
  t.equal(client.isConnected, false);
  t.equal(await codeOf(client.read('/a')), 'DISCONNECTED');
  await back;
  t.equal(transport.attempts, 4);
  t.strictSame(
    errors.map(({ code }) => code),
    ['UNREACHABLE', 'UNREACHABLE'],
  );
  t.not(transport.link, link);
  t.strictSame(
    transport.link.requests.map(({ type, payload }) => [xsTypeName(type), payload]),
    [
      ['WATCH', '/a\0x\0'],
      ['WATCH', 'b\0y\x001\0'],
    ],
  );
  t.strictSame((await log.take(2)).sort(), ['/a', 'b']);
  transport.link.event('/a/new', 'x');
  t.strictSame(await log.take(1), ['/a/new']);

  t.equal(await codeOf(transaction.write('/a', 'v')), 'DISCONNECTED', 'a transaction does not outlive its connection');
  t.equal(await codeOf(transaction.commit()), 'DISCONNECTED');
  t.equal(transport.link.requests.length, 2);
  client.close();
});

t.test('a watch that was on its way when the connection was lost is not made again', async (t) => {
  const { client, transport, link } = await connectFake({ reconnect: FAST });
  const watch = client.watch('/a', () => undefined);
  await link.next();
  const back = event(client, 'reconnected');
  link.lose();
  t.equal(await codeOf(watch), 'DISCONNECTED');
  await back;
  t.equal(transport.link.requests.length, 0);
  client.close();
});

t.test('a watch asked for at any moment of connecting again is either refused or registered', async (t) => {
  const { client, transport, link } = await connectFake({ reconnect: FAST });
  transport.onRequest = daemon;
  const { open } = transport;
  const codes: Promise<string>[] = [];
  let asking: Promise<void> | undefined;
  transport.open = async (...parameters) => {
    asking = (async () => {
      for (let turn = 0; turn < 40; turn++) {
        codes.push(codeOf(client.watch('/a', () => undefined)));
        await undefined;
      }
    })();
    return open.apply(transport, parameters);
  };
  const back = event(client, 'reconnected');
  link.lose();
  await back;
  await asking;
  const all = await Promise.all(codes);
  t.ok(all.includes('DISCONNECTED') && all.includes('OK'));
  t.equal(transport.link.requests.length, all.filter((code) => code === 'OK').length);
  client.close();
});

t.test('a watch that is refused after all is reported and forgotten', async (t) => {
  const { client, transport, link } = await connectFake({ reconnect: FAST });
  transport.onRequest = daemon;
  await client.watch('/a', () => undefined, { token: 'x' });
  await client.watch('/b', () => undefined, { token: 'y' });
  transport.onRequest = (frame, from) =>
    frame.payload === '/a\0x\0' ? from.error(frame, 'EACCES') : daemon(frame, from);
  const error = event(client, 'error');
  const back = event(client, 'reconnected');
  link.lose();
  t.match(await error, { code: 'EACCES', path: '/a' });
  await back;
  const again = event(client, 'reconnected');
  transport.link.lose();
  await again;
  t.strictSame(
    transport.link.requests.map(({ payload }) => payload),
    ['/b\0y\0'],
  );
  client.close();
});

t.test('a connection that is lost while the watches are registered is made again', async (t) => {
  const { client, transport, link } = await connectFake({ reconnect: FAST });
  transport.onRequest = daemon;
  await client.watch('/a', () => undefined, { token: 'x' });
  transport.onRequest = (_, from) => {
    transport.onRequest = daemon;
    from.lose();
  };
  let times = 0;
  client.events.on('reconnected', () => times++);
  const back = event(client, 'reconnected');
  link.lose();
  await back;
  t.equal(times, 1);
  t.equal(transport.links.length, 3);
  t.equal(transport.link.requests.length, 1);
  client.close();
});

t.test('a violation of the protocol is reported, and the connection made again', async (t) => {
  const { client, transport, link } = await connectFake({ reconnect: FAST });
  const error = event(client, 'error');
  const back = event(client, 'reconnected');
  link.receive(new Uint8Array(16));
  t.match(await error, { code: 'PROTOCOL' });
  await back;
  t.equal(transport.links.length, 2);
  client.close();
});

t.test('the wait grows, also when each connection is lost at once, and attempts have an end', async (t) => {
  const { client, transport, link } = await connectFake({
    reconnect: { firstDelayMilliseconds: 4, delayMillisecondsMax: 1000, attempts: 4 },
  });
  const begin = performance.now();
  client.events.on('reconnected', () => transport.link.lose());
  const error = event(client, 'error');
  link.lose();
  t.match(await error, { code: 'DISCONNECTED', message: /within 4 attempts/ });
  t.equal(transport.attempts, 5);
  t.ok(performance.now() - begin >= 4 + 8 + 16 + 32 - 4, 'the waits were 4, 8, 16 and 32 ms');
  t.equal(await codeOf(client.read('/a')), 'DISCONNECTED');
});

t.test('close and the signal of the client stop it', async (t) => {
  const stop = new AbortController();
  for (const end of [(client: XenstoreClient) => client.close(), () => stop.abort()]) {
    const { client, transport, link } = await connectFake({ reconnect: FAST, signal: stop.signal });
    client.events.on('reconnected', () => t.fail('stopped'));
    link.lose();
    end(client);
    await new Promise((resolve) => setTimeout(resolve, 10));
    t.equal(transport.attempts, 1);
  }
  const { client, link } = await connectFake({ reconnect: FAST });
  client.events.once('disconnected', () => client.close());
  client.events.on('reconnected', () => t.fail('closed'));
  link.lose();
});

t.test('a client that is closed leaves nothing at the signal', async (t) => {
  const { signal } = new AbortController();
  const { client } = await connectFake({ signal });
  t.equal(getEventListeners(signal, 'abort').length, 1);
  client.close();
  t.equal(getEventListeners(signal, 'abort').length, 0);
});

t.test('the signal closes a client that is connected', async (t) => {
  const stop = new AbortController();
  const { client, link } = await connectFake({ signal: stop.signal });
  const read = client.read('/a');
  stop.abort();
  t.ok(link.isClosed);
  t.equal(await codeOf(read), 'DISCONNECTED');
});

t.test('a connection that ends as it is made is never taken for a good one', async (t) => {
  const codes = new Set<string>();
  for (let turns = 0; turns < 20; turns++) {
    const transport = new FakeTransport();
    const { open } = transport;
    transport.open = async (receiver, signal) => {
      const link = await open.call(transport, receiver, signal);
      void (async () => {
        for (let turn = 0; turn < turns; turn++) await undefined;
        transport.link.lose();
      })();
      return link;
    };
    let client: XenstoreClient | undefined;
    const connecting = XenstoreClient.connect(transport).then((connected) => {
      client = connected;
    });
    codes.add(await codeOf(connecting));
    for (let turn = 0; turn < turns; turn++) await undefined;
    t.not(client?.isConnected, true, `lost after ${turns} turns`);
  }
  t.strictSame([...codes].sort(), ['DISCONNECTED', 'OK']);
});

t.test('without it, a lost connection is the end', async (t) => {
  const { client, transport, link } = await connectFake();
  const lost = event(client, 'disconnected');
  link.lose();
  await lost;
  t.equal(await codeOf(client.read('/a')), 'DISCONNECTED');
  t.equal(transport.attempts, 1);
});

t.test('a first connection that cannot be made is an error', async (t) => {
  const transport = new FakeTransport();
  transport.refusals = 1;
  t.equal(await codeOf(XenstoreClient.connect(transport, { reconnect: FAST })), 'UNREACHABLE');
  t.equal(await codeOf(XenstoreClient.connect(transport, { signal: AbortSignal.abort() })), 'ABORTED');
  const patient = new FakeTransport();
  // Rejects when its signal fires, as transports do.
  patient.open = (_receiver, signal?: AbortSignal) =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('given up'))));
  t.equal(await codeOf(XenstoreClient.connect(patient, { connectTimeoutMilliseconds: 1 })), 'TIMEOUT');
  const stop = new AbortController();
  const pending = XenstoreClient.connect(patient, { signal: stop.signal });
  stop.abort();
  t.equal(await codeOf(pending), 'ABORTED');
});
