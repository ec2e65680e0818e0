/**
 * Security advisories as test cases, those about bytes: lengths, full connections, broken rings. The others are in
 * `xenstore-xsa.test.ts`.
 */
import t from 'tap';
import { PAGE_SIZE } from '../protocol/memory.js';
import { BAD_INDEX, XS_RING_BYTES, XsByteQueue } from '../protocol/xs-ring.js';
import { encodeFrame, FrameDecoder, writeWord, type XsFrame, XsType, type XsTypeName } from '../protocol/xs-wire.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { POLICIES, type Policy, Store } from '../xenstore-sim/index.js';
import { openMemory } from './support/open-memory.js';

/** A daemon with clients of the control domain `a` and `w`, and guests. What it sends is kept by connection. */
class Wires {
  readonly daemon: Daemon;
  readonly a: number;
  readonly w: number;
  readonly #frames = new Map<number, XsFrame[]>();
  readonly #decoders = new Map<number, FrameDecoder>();

  constructor(policy: Policy) {
    this.daemon = new Daemon(Store.empty(policy));
    this.a = this.daemon.connect(0);
    this.w = this.daemon.connect(0);
  }

  /** Introduces domain `domid`; returns the number of its connection. */
  guest(domid: number): number {
    this.daemon.domainCreated(domid);
    this.ask(this.a, 'INTRODUCE', `${domid}\0${100 + domid}\0${domid}\0`);
    const connection = this.daemon.connect(domid);
    this.ask(this.a, 'MKDIR', `/local/domain/${domid}\0`);
    this.ask(this.a, 'SET_PERMS', `/local/domain/${domid}\0n${domid}\0`);
    return connection;
  }

  /** Sends one request; false when the daemon gives the connection up. */
  send(connection: number, type: XsTypeName, payload: string, transactionId = 0, requestId = 7): boolean {
    return this.daemon.receive(connection, encodeFrame({ type: XsType[type], requestId, transactionId, payload }));
  }

  /** The payloads of what came on `connection` since it was last asked. */
  take(connection: number): string[] {
    return this.takeFrames(connection).map(({ payload }) => payload);
  }

  takeFrames(connection: number): XsFrame[] {
    this.daemon.flush((id, bytes) => {
      const decoder = this.#decoders.get(id) ?? new FrameDecoder(1 << 20);
      this.#decoders.set(id, decoder);
      decoder.push(bytes, (frame) => this.#frames.set(id, [...(this.#frames.get(id) ?? []), frame]));
    });
    const frames = this.#frames.get(connection) ?? [];
    this.#frames.delete(connection);
    return frames;
  }

  ask(connection: number, type: XsTypeName, payload: string, transactionId = 0): string[] {
    this.send(connection, type, payload, transactionId);
    return this.take(connection);
  }
}

const OK = 'OK\0';

for (const policy of Object.values(POLICIES)) {
  const c = policy.rules === 'c';

  t.test(`XSA-72, ${policy.name}: no frame is longer than a payload, whatever is asked`, async (t) => {
    const wires = new Wires(policy);
    const guest = wires.guest(1);
    for (let i = 0; i < 100; i++)
      wires.ask(wires.a, 'MKDIR', `/local/domain/1/${String(i).padStart(3, '0')}${'n'.repeat(60)}\0`);
    wires.ask(wires.a, 'SET_PERMS', '/local/domain/1\0n1\0');
    t.strictSame(wires.ask(guest, 'DIRECTORY', '/local/domain/1\0'), ['E2BIG\0']);
    // oxenstored sends such frames at the socket.
    if (c) t.strictSame(wires.ask(wires.a, 'DIRECTORY', '/local/domain/1\0'), ['E2BIG\0']);
    const value = 'v'.repeat(c ? 4096 - 3 : 2048);
    t.strictSame(wires.ask(wires.a, 'WRITE', `/l\0${value}`), [OK]);
    t.strictSame(wires.ask(wires.a, 'READ', '/l\0'), [value]);
    t.strictSame(wires.ask(guest, 'READ', 'none\0').length, 1, 'the guest is still served');
  });

  t.test(`XSA-324, ${policy.name}: an event that would be too long is dropped, and nothing else`, async (t) => {
    const wires = new Wires(policy);
    const guest = wires.guest(1);
    const names = (letter: string): string => `${letter.repeat(49)}/`.repeat(20).slice(0, 999);
    const token = 't'.repeat(4096 - 999 - 2 + 1);
    t.match(wires.ask(guest, 'WATCH', `${names('x').slice(0, 49)}\0${token}\0`), [OK]);
    wires.ask(wires.w, 'WATCH', `/local/domain/1\0t\0`);
    wires.send(guest, 'WRITE', `${names('x')}\0v`);
    const heard = wires.take(guest);
    if (c)
      t.notOk(
        heard.some((payload) => payload.endsWith(`${token}\0`) && payload.length > 4000),
        'one byte too many',
      );
    t.ok(heard.includes(OK), 'the writer has its reply');
    t.match(wires.take(wires.w), [/x\0t\0$/], 'others are told');
    t.strictSame(wires.ask(guest, 'READ', `${names('x')}\0`), ['v']);
  });

  t.test(`XSA-325, ${policy.name}: a guest that broke its ring still ends with an event`, async (t) => {
    const wires = new Wires(policy);
    const guest = wires.guest(1);
    wires.ask(guest, 'WATCH', 'k\0t\0');
    wires.ask(wires.w, 'WATCH', '@releaseDomain\0r\0');
    const header = encodeFrame({ type: XsType.READ, requestId: 1, transactionId: 0, payload: '' });
    writeWord(header, 12, 5000);
    if (wires.daemon.receive(guest, header)) wires.daemon.disconnect(guest);
    t.notOk(wires.daemon.isConnected(guest));
    t.strictSame(wires.ask(wires.a, 'IS_DOMAIN_INTRODUCED', '1\0'), ['T\0']);
    wires.ask(wires.a, 'WRITE', '/local/domain/1/k\0v');
    t.strictSame(wires.take(guest), []);
    wires.daemon.domainDestroyed(1);
    t.strictSame(wires.take(wires.w), ['@releaseDomain\0r\0']);
  });

  t.test(
    `XSA-326, XSA-416, ${policy.name}: a guest that does not read takes a bounded amount, and others are served`,
    async (t) => {
      const wires = new Wires(policy);
      const guest = wires.guest(1);
      wires.ask(guest, 'WRITE', `big\0${'b'.repeat(1000)}`);
      for (let i = 0; i < 100; i++) wires.ask(guest, 'WATCH', `k\0${i}\0`);
      wires.daemon.block(guest, true);
      for (let i = 0; i < 200; i++) wires.send(guest, 'READ', 'big\0');
      for (let i = 0; i < 200; i++) {
        wires.send(wires.a, 'WRITE', `/local/domain/1/k\0${i}`);
        wires.send(wires.a, 'READ', '/local/domain/1/k\0');
      }
      t.equal(wires.take(wires.a).filter((payload) => payload !== OK).length, 200, 'others are served');
      t.strictSame(wires.take(guest), []);
      const waiting = wires.daemon.store.connection(guest).pending.length;
      const output = wires.daemon.sessions().find(({ connection }) => connection === guest)?.output.length ?? 0;
      t.ok(waiting <= (policy.mergeEvents ? 100 : 100 * 1024), `${waiting} events wait`);
      t.equal(output, 0, 'requests of a client that does not read are not executed');
      wires.daemon.block(guest, false);
      while (wires.daemon.hasMore(guest)) wires.daemon.receive(guest, new Uint8Array(0));
      const heard = wires.take(guest);
      t.equal(heard.filter((payload) => payload.length === 1000).length, 200, 'it is served when it reads');
      t.ok(new Set(heard.filter((payload) => payload.startsWith('k\0'))).size === 100, 'each watch has fired');
    },
  );

  t.test(`XSA-420, ${policy.name}: lengths and ids with the top bit set are large, not negative`, async (t) => {
    const wires = new Wires(policy);
    const frame = encodeFrame({ type: XsType.READ, requestId: 0x80000001, transactionId: 0, payload: '/tool\0' });
    wires.daemon.receive(wires.w, frame);
    t.match(wires.takeFrames(wires.w), [{ type: XsType.READ, requestId: 0x80000001, payload: '' }]);
    wires.send(wires.w, 'READ', '/tool\0', 0xffffffff);
    t.match(wires.takeFrames(wires.w), [{ type: XsType.ERROR, transactionId: 0xffffffff }]);
    wires.send(wires.w, 'READ', '/tool\0', 0x80000000);
    t.match(wires.takeFrames(wires.w), [{ type: XsType.ERROR, transactionId: 0x80000000 }]);
    for (const length of [0x80000000, 0xffffffff, 0xfffffff0]) {
      const client = wires.daemon.connect(0);
      writeWord(frame, 12, length);
      const alive = wires.daemon.receive(client, frame);
      t.equal(alive, policy.overlongRequest === 'wait', `length ${length}`);
      t.strictSame(wires.take(client), [], 'no answer to what is no frame');
    }
    t.strictSame(wires.ask(wires.a, 'READ', '/tool\0'), [''], 'others are served');
  });

  t.test(`XSA-425, ${policy.name}: RELEASE while connections have data on their way`, async (t) => {
    const wires = new Wires(policy);
    const guests = [1, 2].map((domid) => wires.guest(domid));
    for (const id of [...guests, wires.w]) {
      wires.ask(id, 'WATCH', '@releaseDomain\0r\0');
      wires.send(id, 'WATCH', '/local\0t\0');
      wires.daemon.block(id, true);
      wires.send(id, 'READ', '/local\0');
    }
    wires.ask(wires.a, 'WRITE', '/local/domain/1/k\0v');
    t.strictSame(wires.ask(wires.a, 'RELEASE', '1\0'), [OK]);
    const [released = -1, other = -1] = guests;
    t.notOk(wires.daemon.isConnected(released));
    wires.daemon.block(released, false);
    for (const id of [other, wires.w]) wires.daemon.block(id, false);
    t.strictSame(wires.take(released), []);
    t.ok(wires.take(wires.w).includes('@releaseDomain\0r\0'));
    t.strictSame(wires.ask(wires.a, 'INTRODUCE', '1\x00101\x001\0'), [OK]);
    const again = wires.daemon.connect(1);
    t.equal(wires.ask(again, 'READ', '/local\0').length, 1);
    t.equal(wires.ask(other, 'READ', 'none\0').at(-1), 'ENOENT\0');
  });

  t.test(`XSA-484, ${policy.name}: a ring is given up while its transaction is open`, async (t) => {
    const wires = new Wires(policy);
    const guest = wires.guest(1);
    const [id = ''] = wires.ask(guest, 'TRANSACTION_START', '\0');
    wires.ask(guest, 'WRITE', 'k\0v', Number.parseInt(id, 10));
    wires.daemon.disconnect(guest);
    t.equal(wires.daemon.store.connections.get(guest), undefined, 'nothing of it is left');
    wires.ask(wires.a, 'WRITE', '/local/domain/1/k\0w');
    t.strictSame(wires.ask(wires.a, 'READ', '/local/domain/1/k\0'), ['w']);
    wires.daemon.domainDestroyed(1);
    const again = wires.guest(1);
    t.equal(wires.ask(again, 'READ', 'k\0', 1).length, 1, 'one reply, if an error');
    t.strictSame(wires.ask(again, 'WRITE', 'k\0v').at(-1), OK);
  });
}

t.test('XSA-38: a queue that is filled to the last byte stays within its bytes', async (t) => {
  const memory = openMemory(4);
  const page = 2 * PAGE_SIZE;
  const replies = new XsByteQueue(memory, page, 'replies');
  const before = page + XS_RING_BYTES - 1;
  const behind = page + 2 * XS_RING_BYTES;
  // The indices of the requests lie right behind the replies.
  memory.write8(before, 0x5a);
  memory.write32(behind, 0x12345678);
  memory.write32(page + 2060, 1000);
  memory.write32(page + 2056, 1000);
  t.equal(replies.put(PAGE_SIZE, 5000, true), XS_RING_BYTES);
  replies.publish(XS_RING_BYTES);
  t.equal(replies.put(PAGE_SIZE, 1, true), 0, 'full is full');
  t.equal(memory.read8(before), 0x5a);
  t.equal(memory.read32(behind), 0x12345678);
  // A guest that claims to have put in more than fits.
  const requests = new XsByteQueue(memory, page, 'requests');
  memory.write32(page + 2048, 5);
  memory.write32(page + 2052, 5 + XS_RING_BYTES + 1);
  t.equal(requests.take(PAGE_SIZE, 5000, true), BAD_INDEX);
});
