/** The daemon's end of a ring page: signals, introduction and reconnection, against what each daemon does. */
import t from 'tap';
import { XsConnection } from '../../protocol/xs-ring.js';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { type DaemonName, POLICIES } from '../../xenstore-sim/index.js';
import { RING_POLICIES } from '../../xenstore-sim/ring-end.js';
import { type PagePeer, RingPages } from '../support/ring-page-daemon.js';

const read = (requestId: number): Uint8Array =>
  encodeFrame({ type: XsType.READ, requestId, transactionId: 0, payload: 'none\0' });

function introduced(name: DaemonName): { readonly pages: RingPages; readonly guest: PagePeer } {
  const pages = new RingPages(name, POLICIES[name]);
  pages.daemon.domainCreated(1);
  const guest = pages.peer(1);
  introduce(pages);
  return { pages, guest };
}

/** The toolstack introduces the domain, for the first time or once more. */
function introduce(pages: RingPages): void {
  const socket = pages.daemon.connect(0);
  const payload = [1, 100, 3, ''].join('\0');
  pages.daemon.receive(socket, encodeFrame({ type: XsType.INTRODUCE, requestId: 1, transactionId: 0, payload }));
  pages.daemon.disconnect(socket);
  pages.introduce(1);
}

function framesIn(bytes: Uint8Array): readonly XsFrame[] {
  const frames: XsFrame[] = [];
  new FrameDecoder().push(bytes, (frame) => frames.push(frame));
  return frames;
}

t.test('every chunk that is taken out and every chunk that is put in is followed by a signal', async (t) => {
  const { pages, guest } = introduced('c');
  const before = pages.signals.get(1) ?? 0;
  guest.put(read(1));
  pages.pump();
  // The header, the payload, the reply.
  t.equal((pages.signals.get(1) ?? 0) - before, 3);
  pages.pump();
  t.equal((pages.signals.get(1) ?? 0) - before, 3, 'and no other');
});

t.test('C copies up to the end of the buffer, OCaml over it', async (t) => {
  for (const [name, signals] of [
    ['c', 4],
    ['ocaml', 3],
  ] as const) {
    const { pages, guest } = introduced(name);
    guest.page.req_cons = 1018;
    guest.page.req_prod = 1018;
    const before = pages.signals.get(1) ?? 0;
    guest.put(read(1));
    pages.pump();
    t.equal((pages.signals.get(1) ?? 0) - before, signals, name);
    t.equal(framesIn(guest.take()).length, 1);
  }
});

t.test('INTRODUCE of a known domain empties the ring in C and leaves it alone in OCaml', async (t) => {
  for (const [name, resets] of [
    ['c', true],
    ['c-4.22', true],
    ['ocaml', false],
  ] as const) {
    const { pages, guest } = introduced(name);
    guest.put(read(1));
    pages.pump();
    guest.put(read(2).subarray(0, 7));
    pages.pump();
    const { req_cons: consumed } = guest.page;
    t.equal(consumed, 21 + 7);
    introduce(pages);
    t.equal(guest.page.req_cons, resets ? 0 : consumed, name);
    t.equal(guest.page.req_prod, resets ? 0 : consumed, name);
    t.equal(guest.page.rsp_prod === 0, resets, name);
    // In C a new request begins here; in OCaml the old one goes on.
    if (!resets) guest.take();
    guest.put(resets ? read(3) : read(2).subarray(7));
    pages.pump();
    t.strictSame(
      framesIn(guest.take()).map(({ requestId }) => requestId),
      [resets ? 3 : 2],
      name,
    );
  }
});

t.test('INTRODUCE of a known domain drops replies that had no room in the ring, in C', async (t) => {
  const { pages, guest } = introduced('c');
  for (let id = 0; id < 70; id++) {
    guest.put(read(id));
    pages.pump();
  }
  t.equal(guest.page.rsp_prod - guest.page.rsp_cons, 1024, 'the ring is full');
  introduce(pages);
  guest.put(read(99));
  pages.pump();
  t.strictSame(
    framesIn(guest.take()).map(({ requestId }) => requestId),
    [99],
  );
});

t.test('a wish for reconnection is answered at once by OCaml and at INTRODUCE by C', async (t) => {
  for (const [name, atOnce] of [
    ['c', false],
    ['c-4.22', false],
    ['ocaml', true],
  ] as const) {
    const { pages, guest } = introduced(name);
    guest.put(encodeFrame({ type: XsType.WATCH, requestId: 1, transactionId: 0, payload: '@releaseDomain\0t\0' }));
    guest.put(read(2).subarray(0, 9));
    pages.pump();
    guest.page.connection = XsConnection.Reconnect;
    pages.pump();
    t.equal(guest.page.connection, atOnce ? XsConnection.Connected : XsConnection.Reconnect, name);
    introduce(pages);
    t.equal(guest.page.connection, XsConnection.Connected, name);
    t.equal(guest.page.req_cons, 0);
    t.equal(guest.page.rsp_prod, 0);
    if (atOnce) t.equal(pages.memory.read32(3 * 4096), 0xffffffff, 'what is unused is no message');
    guest.put(read(3));
    pages.pump();
    t.strictSame(
      framesIn(guest.take()).map(({ requestId }) => requestId),
      [3],
      `${name}: half a request and the watch are forgotten`,
    );
    const connections = [...pages.daemon.sessions()];
    t.equal(connections.length, 1, 'one connection, the new one');
  }
});

t.test('a ring that was given up is not served again before its domain has ended', async (t) => {
  const { pages, guest } = introduced('c');
  guest.page.req_prod = 2000;
  pages.pump();
  t.notOk(pages.server.serves(1));
  introduce(pages);
  guest.put(read(1));
  pages.pump();
  t.equal(guest.take().length, 0);
  pages.daemon.domainDestroyed(1);
  pages.server.release(1);
  pages.daemon.domainCreated(1);
  guest.page.error = 0;
  introduce(pages);
  guest.put(read(2));
  pages.pump();
  t.equal(framesIn(guest.take()).length, 1);
});

t.test('the number of a connection that was given up may be somebody else’s', async (t) => {
  const { pages, guest } = introduced('c');
  guest.page.req_prod = 2000;
  pages.pump();
  const socket = pages.daemon.connect(0);
  pages.daemon.receive(socket, read(5));
  const frames: XsFrame[] = [];
  pages.pump((connection, bytes) => {
    t.equal(connection, socket);
    frames.push(...framesIn(bytes));
  });
  t.strictSame(
    frames.map(({ requestId }) => requestId),
    [5],
  );
});

t.test('the page of a domain that has ended is not touched any more', async (t) => {
  const { pages, guest } = introduced('c');
  pages.daemon.domainDestroyed(1);
  guest.put(read(1));
  pages.pump();
  t.equal(guest.page.req_cons, 0);
  t.equal(guest.page.error, 0);
  t.notOk(pages.server.serves(1));
});

t.test('the names of ring policies are those of the daemons', async (t) => {
  t.strictSame(Object.keys(RING_POLICIES).sort(), Object.keys(POLICIES).sort());
  for (const [name, policy] of Object.entries(RING_POLICIES)) t.equal(policy.name, name);
});

t.test('a guest that sends on while it is served does not keep the daemon for ever', async (t) => {
  const { pages, guest } = introduced('c');
  let sent = 0;
  // Whenever the daemon looks at the ring, another request is there, and the last reply is gone.
  pages.memory.observer = {
    load: (address) => {
      if (address !== guest.page.base + 2052 || sent > 100_000) return;
      const { observer } = pages.memory;
      pages.memory.observer = null;
      pages.memory.asHypervisor(() => {
        guest.take();
        if (guest.page.req_prod === guest.page.req_cons) guest.put(read(sent++));
      });
      pages.memory.observer = observer;
    },
    store: () => undefined,
  };
  t.equal(pages.server.pump(), true, 'there is more');
  pages.memory.observer = null;
  t.ok(sent > 10 && sent < 1000, `${sent} requests`);
});
