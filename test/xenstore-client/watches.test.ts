import t from 'tap';
import { type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { outside } from '../../xenstore-sim/client/callbacks.js';
import { codeOf, EventLog } from '../support/xenstore-client-story.js';
import { connectFake, type FakeLink } from '../support/xenstore-fake-transport.js';

/** Answers each request with OK. */
const ok = (frame: XsFrame, link: FakeLink): void => link.reply(frame, 'OK\0');

t.test('an event reaches the watch it is for', async (t) => {
  const { client, transport, link } = await connectFake();
  transport.onRequest = ok;
  const events: string[] = [];
  client.events.on('watch', (path, token) => events.push(`${path} ${token}`));
  const log = new EventLog();
  const note = (name: string) => (path: string) => log.note(`${name}: ${path}`);
  const a = await client.watch('/a', note('a'));
  await client.watch('/', note('root'), { token: 'r' });
  await client.watch('b', note('b'), { token: 'b' });
  await client.watch('@releaseDomain', note('release'), { token: 's' });
  link.event('/a', a.token);
  link.event('/a/x', a.token);
  link.event('/ab', a.token);
  link.event('/a', 'unknown');
  link.event('/a', 'r');
  link.event('b/c', 'b');
  link.event('@releaseDomain', 's');
  link.event('@releaseDomain/5', 's');
  t.strictSame(await log.take(6), [
    'a: /a',
    'a: /a/x',
    'root: /a',
    'b: b/c',
    'release: @releaseDomain',
    'release: @releaseDomain/5',
  ]);
  t.strictSame(events.slice(0, 3), [`/a ${a.token}`, `/a/x ${a.token}`, '/a r']);
  t.equal(events.length, 6);
});

t.test('two watches with one token are told apart where they can be', async (t) => {
  const { client, transport, link } = await connectFake();
  transport.onRequest = ok;
  const log = new EventLog();
  await client.watch('/a', () => log.note('outer'), { token: 't' });
  const inner = await client.watch('/a/b', () => log.note('inner'), { token: 't' });
  link.event('/a/c', 't');
  t.strictSame(await log.take(1), ['outer']);
  link.event('/a/b', 't');
  t.strictSame(await log.take(2), ['outer', 'inner']);
  await inner.unwatch();
  link.event('/a/b', 't');
  t.strictSame(log.events, ['outer']);
});

t.test('tokens the client makes are different, also from those of the caller', async (t) => {
  const { client, transport } = await connectFake();
  transport.onRequest = ok;
  const nothing = (): void => undefined;
  const first = await client.watch('/a', nothing, { token: 'watch-1' });
  const tokens = [first, await client.watch('/a', nothing), await client.watch('/a', nothing)].map(
    ({ token }) => token,
  );
  t.equal(new Set(tokens).size, 3);
});

t.test('after unwatch a listener is not called, whatever is on the way', async (t) => {
  const { client, link } = await connectFake();
  const log = new EventLog();
  const registering = client.watch('/a', log.note, { token: 't' });
  link.reply(await link.next(), 'OK\0');
  const watch = await registering;
  const ending = watch.unwatch();
  link.event('/a', 't');
  const request = await link.next();
  t.match(request, { type: XsType.UNWATCH, payload: '/a\0t\0' });
  link.event('/a', 't');
  link.reply(request, 'OK\0');
  await ending;
  await watch.unwatch();
  t.equal(link.requests.length, 2, 'once is enough');
  t.strictSame(log.events, []);
  t.notOk(link.isClosed);
});

t.test('a watch that is refused does not disturb the one that is there', async (t) => {
  const { client, link } = await connectFake();
  const log = new EventLog();
  const first = client.watch('/a', log.note, { token: 't' });
  link.reply(await link.next(), 'OK\0');
  await first;
  const second = client.watch('/a', () => t.fail('refused'), { token: 't' });
  link.error(await link.next(), 'EEXIST');
  t.equal(await codeOf(second), 'EEXIST');
  link.event('/a', 't');
  t.strictSame(await log.take(1), ['/a']);
});

t.test('a watch whose caller gives up is ended at the daemon, too', async (t) => {
  const { client, link } = await connectFake();
  const watch = client.watch('/a', () => t.fail('given up'), { token: 't', timeoutMilliseconds: 1 });
  const request = await link.next();
  t.equal(await codeOf(watch), 'TIMEOUT');
  t.match(await link.next(), { type: XsType.UNWATCH, payload: '/a\0t\0' });
  link.event('/a', 't');
  link.reply(request, 'OK\0');
  link.event('/a', 't');
  t.notOk(link.isClosed);
});

t.test('of a watch that was given up before it was sent the daemon hears nothing', async (t) => {
  const { client, link } = await connectFake();
  const watch = client.watch('/a', () => t.fail('given up'), { signal: AbortSignal.abort() });
  t.equal(await codeOf(watch), 'ABORTED');
  const write = client.write('/b', 'v');
  const request = await link.next();
  t.equal(request.type, XsType.WRITE);
  link.reply(request, 'OK\0');
  await write;
});

t.test('a listener may end watches, and may close the client', async (t) => {
  const { client, transport, link } = await connectFake();
  transport.onRequest = ok;
  const log = new EventLog();
  const watch = await client.watch('/a', (path) => {
    log.note(path);
    void watch.unwatch().catch(() => undefined);
    client.close();
  });
  link.event('/a', watch.token);
  link.event('/a', watch.token);
  t.strictSame(log.events, ['/a']);
});

t.test('all watches end with a reset, those made after it stay', async (t) => {
  const { client, link } = await connectFake();
  const log = new EventLog();
  const first = client.watch('/a', () => log.note('before'), { token: 'before' });
  link.reply(await link.next(), 'OK\0');
  await first;
  const reset = client.resetWatches();
  const second = client.watch('/a', () => log.note('after'), { token: 'after' });
  link.reply(await link.next(), 'OK\0');
  link.reply(await link.next(), 'OK\0');
  await Promise.all([reset, second]);
  link.event('/a', 'before');
  link.event('/a', 'after');
  t.strictSame(log.events, ['after']);
});

t.test('a listener that throws is heard of, and not by the client', async (t) => {
  const mishap = new Error('mishap');
  const later: (() => void)[] = [];
  const { queueMicrotask } = globalThis;
  globalThis.queueMicrotask = (call) => later.push(call);
  outside(() => {
    throw mishap;
  });
  globalThis.queueMicrotask = queueMicrotask;
  t.equal(later.length, 1);
  t.throws(() => later[0]?.(), mishap);
});
