import t from 'tap';
import { encodeFrame, FrameDecoder, XsType } from '../../protocol/xs-wire.js';
import { type DaemonLike, InProcessDaemon } from '../../xenstore-sim/client/in-process.js';
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { C_4_17, Store } from '../../xenstore-sim/index.js';
import { codeOf, EventLog } from '../support/xenstore-client-story.js';

/** Answers READ with the domain of the reader, and tells everybody of each WRITE; a third type is a violation. */
class SmallDaemon implements DaemonLike {
  readonly domains = new Map<number, number>();
  readonly #output = new Map<number, Uint8Array[]>();
  #last = 0;
  isFlushing = false;

  connect(domid: number): number {
    this.domains.set(++this.#last, domid);
    return this.#last;
  }

  disconnect(connection: number): void {
    if (this.isFlushing) throw new Error('called from inside flush');
    this.domains.delete(connection);
  }

  isConnected(connection: number): boolean {
    return this.domains.has(connection);
  }

  hasMore(): boolean {
    return false;
  }

  receive(connection: number, bytes: Uint8Array): boolean {
    if (this.isFlushing) throw new Error('called from inside flush');
    let fine = true;
    new FrameDecoder().push(bytes, (frame) => {
      if (frame.type === XsType.MKDIR) {
        fine = false;
        return;
      }
      const payload = frame.type === XsType.READ ? `domain ${this.domains.get(connection)}` : 'OK\0';
      this.put(connection, encodeFrame({ ...frame, payload }));
      if (frame.type === XsType.WRITE) this.tellAll();
    });
    if (!fine) this.disconnect(connection);
    return fine;
  }

  tellAll(): void {
    const frame = encodeFrame({ type: XsType.WATCH_EVENT, requestId: 0, transactionId: 0, payload: '/a\0t\0' });
    for (const connection of this.domains.keys()) this.put(connection, frame);
  }

  put(connection: number, bytes: Uint8Array): void {
    this.#output.set(connection, [...(this.#output.get(connection) ?? []), bytes]);
  }

  flush(write: (connection: number, bytes: Uint8Array) => void): void {
    this.isFlushing = true;
    for (const [connection, pieces] of this.#output) {
      const bytes = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
      write(connection, bytes);
      bytes.fill(0xee);
    }
    this.#output.clear();
    this.isFlushing = false;
  }
}

t.test('clients of one daemon, as several domains', async (t) => {
  const daemon = new SmallDaemon();
  const host = new InProcessDaemon(daemon);
  const privileged = await XenstoreClient.connect(host.transport());
  const guest = await XenstoreClient.connect(host.transport(5));
  t.strictSame(await Promise.all([privileged.readText('/a'), guest.readText('/a')]), ['domain 0', 'domain 5']);
  const log = new EventLog();
  await guest.watch('/a', log.note, { token: 't' });
  await privileged.write('/a', 'v');
  t.strictSame(await log.take(1), ['/a'], 'output of other connections is delivered');
  daemon.tellAll();
  host.pump();
  t.strictSame(await log.take(1), ['/a'], 'and what comes about without a request');
  guest.close();
  t.strictSame([...daemon.domains.values()], [0]);
  privileged.close();
});

t.test('a listener may use the client, which the daemon sees later', async (t) => {
  const daemon = new SmallDaemon();
  const host = new InProcessDaemon(daemon);
  const client = await XenstoreClient.connect(host.transport());
  const other = await XenstoreClient.connect(host.transport());
  const seen = new EventLog();
  await client.watch(
    '/a',
    () => {
      client.readText('/x').then(seen.note);
      other.close();
    },
    { token: 't' },
  );
  await client.write('/a', 'v');
  t.strictSame(await seen.take(1), ['domain 0']);
  client.close();
});

t.test('the daemon ends a connection, or itself', async (t) => {
  const host = new InProcessDaemon(new SmallDaemon());
  const client = await XenstoreClient.connect(host.transport(), { reconnect: { firstDelayMilliseconds: 1 } });
  for (const end of [() => undefined, () => host.disconnectAll()]) {
    const back = new Promise<void>((resolve) => client.events.once('reconnected', resolve));
    const request = codeOf(client.mkdir('/violation'));
    end();
    t.equal(await request, 'DISCONNECTED');
    await back;
    t.equal(await client.readText('/a'), 'domain 0');
  }
  client.close();
  t.equal(await codeOf(client.read('/a')), 'DISCONNECTED');
});

t.test('more requests than the daemon takes at once are all answered', async (t) => {
  const host = new InProcessDaemon(new Daemon(Store.empty(C_4_17)));
  const client = await XenstoreClient.connect(host.transport());
  await client.write('/a', 'v');
  const values = await Promise.all(Array.from({ length: 2000 }, () => client.readText('/a')));
  t.ok(values.every((value) => value === 'v'));
  client.close();
});

t.test('a guest that ends loses its connection', async (t) => {
  const daemon = new Daemon(Store.empty(C_4_17));
  const host = new InProcessDaemon(daemon);
  daemon.domainCreated(5);
  const privileged = await XenstoreClient.connect(host.transport());
  await privileged.introduce({ domid: 5, frame: 1, eventChannel: 3 });
  const guest = await XenstoreClient.connect(host.transport(5));
  t.equal(await codeOf(guest.read('/tool')), 'EACCES');
  const lost = new Promise((resolve) => guest.events.once('disconnected', resolve));
  await privileged.release(5);
  await lost;
  t.equal(await codeOf(guest.read('/tool')), 'DISCONNECTED');
  privileged.close();
});
