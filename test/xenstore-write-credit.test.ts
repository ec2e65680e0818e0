/**
 * A guest that writes in a loop, and a toolstack that wants to commit (XSA-206).
 */
import t from 'tap';
import { encodeFrame, XsType } from '../protocol/xs-wire.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { C_4_17, Store } from '../xenstore-sim/index.js';

const request = (type: number, payload: string, transactionId = 0): Uint8Array =>
  encodeFrame({ type, requestId: 1, transactionId, payload });

function hostWithGuest(): { daemon: Daemon; toolstack: number; guest: number; answered: Map<number, number> } {
  const daemon = new Daemon(Store.empty(C_4_17));
  const toolstack = daemon.connect(0);
  daemon.domainCreated(1);
  daemon.receive(toolstack, request(XsType.INTRODUCE, '1\x0080\x003\0'));
  daemon.receive(toolstack, request(XsType.MKDIR, '/local/domain/1\0'));
  daemon.receive(toolstack, request(XsType.SET_PERMS, '/local/domain/1\0n1\0'));
  return { daemon, toolstack, guest: daemon.connect(1), answered: new Map() };
}

/** Sends `count` writes of the guest; returns how many were answered by the end. */
function flood({ daemon, guest }: { daemon: Daemon; guest: number }, count: number): number {
  let bytes = 0;
  daemon.flush(() => undefined);
  for (let i = 0; i < count; i++) daemon.receive(guest, request(XsType.WRITE, 'k\0v'));
  daemon.flush((connection, output) => {
    if (connection === guest) bytes += output.length;
  });
  return bytes / 19;
}

t.test('a guest writes as it likes while nobody has a transaction open', async (t) => {
  const host = hostWithGuest();
  host.daemon.tick(0);
  t.equal(flood(host, 500), 500);
  t.notOk(host.daemon.isThrottled(host.guest));
});

t.test('while the toolstack has one open, a guest is held up after a burst, and goes on with time', async (t) => {
  const host = hostWithGuest();
  const { daemon, toolstack, guest } = host;
  daemon.tick(0);
  daemon.receive(toolstack, request(XsType.TRANSACTION_START, '\0'));
  t.equal(flood(host, 500), 11, 'ten, and the one that went below zero');
  t.ok(daemon.isThrottled(guest));
  t.notOk(daemon.hasMore(guest), 'what waits is not to be executed now');
  daemon.tick(10);
  t.equal(flood(host, 0), 0);
  daemon.tick(1000);
  let bytes = 0;
  daemon.flush((connection, output) => {
    bytes += connection === guest ? output.length : 0;
  });
  t.equal(bytes / 19, 11, 'a second later it has its burst again');
});

t.test(
  'the transaction of the toolstack succeeds in bounded time although the guest writes what it reads',
  async (t) => {
    const host = hostWithGuest();
    const { daemon, toolstack } = host;
    daemon.tick(0);
    let attempts = 0;
    for (let committed = false; !committed && attempts < 20; attempts++) {
      daemon.receive(toolstack, request(XsType.TRANSACTION_START, '\0'));
      const id = daemon.store.connection(toolstack).transactions[0]?.id ?? 0;
      daemon.receive(toolstack, request(XsType.READ, '/local/domain/1/k\0', id));
      flood(host, 50);
      daemon.receive(toolstack, request(XsType.WRITE, '/local/domain/1/t\0v', id));
      daemon.receive(toolstack, request(XsType.TRANSACTION_END, 'T\0', id));
      daemon.flush((connection, output) => {
        const last = output.subarray(output.length - 3);
        if (connection === toolstack) committed = String.fromCharCode(...last) === 'OK\0';
      });
    }
    t.ok(attempts <= 3, `${attempts} attempts`);
  },
);

t.test('without a clock nobody is held up', async (t) => {
  const host = hostWithGuest();
  host.daemon.receive(host.toolstack, request(XsType.TRANSACTION_START, '\0'));
  t.equal(flood(host, 100), 100);
});

t.test('the control domain is never held up', async (t) => {
  const { daemon, toolstack } = hostWithGuest();
  const other = daemon.connect(0);
  daemon.tick(0);
  daemon.receive(toolstack, request(XsType.TRANSACTION_START, '\0'));
  for (let i = 0; i < 100; i++) daemon.receive(other, request(XsType.WRITE, '/k\0v'));
  t.notOk(daemon.isThrottled(other));
});

t.test('writes inside a transaction cost nothing, a commit costs while another is open', async (t) => {
  const { daemon, toolstack, guest } = hostWithGuest();
  daemon.tick(0);
  const commit = (): void => {
    daemon.receive(guest, request(XsType.TRANSACTION_START, '\0'));
    const id = daemon.store.connection(guest).transactions[0]?.id ?? 0;
    daemon.receive(guest, request(XsType.WRITE, 'k\0v', id));
    daemon.receive(guest, request(XsType.TRANSACTION_END, 'T\0', id));
  };
  for (let i = 0; i < 50; i++) commit();
  t.notOk(daemon.isThrottled(guest), 'its own transaction is the only one');
  daemon.receive(toolstack, request(XsType.TRANSACTION_START, '\0'));
  for (let i = 0; i < 10; i++) commit();
  t.notOk(daemon.isThrottled(guest), 'its burst');
  commit();
  t.ok(daemon.isThrottled(guest));
});

t.test('what comes back is shared, and a clock that goes back takes nothing', async (t) => {
  const { daemon, toolstack, guest } = hostWithGuest();
  daemon.domainCreated(2);
  daemon.receive(toolstack, request(XsType.INTRODUCE, '2\x0080\x003\0'));
  daemon.receive(toolstack, request(XsType.MKDIR, '/local/domain/2\0'));
  daemon.receive(toolstack, request(XsType.SET_PERMS, '/local/domain/2\0n2\0'));
  const other = daemon.connect(2);
  daemon.tick(1000);
  daemon.receive(toolstack, request(XsType.TRANSACTION_START, '\0'));
  for (const each of [guest, other]) flood({ daemon, guest: each }, 20);
  // 200 in a second for the two of them: one for each in 10 ms. Each owes one.
  daemon.flush(() => undefined);
  const answered: number[] = [];
  const take = (): void => daemon.flush((connection, output) => answered.push(connection, output.length / 19));
  daemon.tick(0);
  daemon.tick(9);
  take();
  t.strictSame(answered, []);
  daemon.tick(11);
  take();
  t.strictSame(answered, [guest, 1, other, 1]);
});
