/**
 * A daemon changes its own tree in place; whoever has got hold of a store keeps it as it was.
 */
import fc from 'fast-check';
import t from 'tap';
import { encodeFrame, XsType } from '../protocol/xs-wire.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { C_4_17, execute, Store } from '../xenstore-sim/index.js';
import { path } from './support/xenstore-random.js';

const change = fc.record({
  type: fc.constantFrom(XsType.WRITE, XsType.WRITE, XsType.MKDIR, XsType.RM),
  path,
  value: fc.constantFrom('1', '2', '3'),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function perform(daemon: Daemon, connection: number, { type, path: at, value }: Change): void {
  const payload = type === XsType.WRITE ? `${at}\0${value}` : `${at}\0`;
  daemon.receive(connection, encodeFrame({ type, requestId: 0, transactionId: 0, payload }));
  daemon.flush(() => undefined);
}

/** All paths that there can be, with what a store has there. */
function contentOf(store: Store): string {
  const found: string[] = [];
  const visit = (at: string): void => {
    const { reply } = execute(store, 0, { type: 'read', path: at });
    const { reply: list } = execute(store, 0, { type: 'directory', path: at });
    found.push(`${at} ${reply.kind === 'value' ? reply.value : reply.kind}`);
    for (const name of list.kind === 'list' ? list.names : []) visit(at === '/' ? `/${name}` : `${at}/${name}`);
  };
  visit('/');
  return found.join('\n');
}

t.test('a store that was taken from a daemon stays as it was, whatever the daemon does next', async (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.array(change, { maxLength: 40 }), (before, after) => {
      const daemon = new Daemon(Store.empty(C_4_17));
      const connection = daemon.connect(0);
      for (const each of before) perform(daemon, connection, each);
      const taken = daemon.store;
      const content = contentOf(taken);
      for (const each of after) perform(daemon, connection, each);
      t.equal(contentOf(taken), content);
    }),
  );
});

t.test('a daemon that nobody looks into ends where one ends that is looked into after each request', async (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const [quiet, watched] = [new Daemon(Store.empty(C_4_17)), new Daemon(Store.empty(C_4_17))];
      const [one, other] = [quiet.connect(0), watched.connect(0)];
      for (const each of changes) {
        perform(quiet, one, each);
        perform(watched, other, each);
        t.ok(watched.store);
      }
      t.equal(contentOf(quiet.store), contentOf(watched.store));
    }),
  );
});

t.test('the store that a daemon is made from stays as it was', async (t) => {
  const maker = new Daemon(Store.empty(C_4_17));
  maker.connect(0);
  const { store } = maker;
  const content = contentOf(store);
  const daemon = new Daemon(store);
  perform(daemon, daemon.connect(0), { type: XsType.WRITE, path: '/a', value: '1' });
  perform(daemon, 1, { type: XsType.WRITE, path: '/tool', value: '1' });
  t.equal(contentOf(store), content);
  t.not(contentOf(daemon.store), content);
});

t.test('at a commit, a parent that comes later is asked as it was before', async (t) => {
  const daemon = new Daemon(Store.empty(C_4_17));
  const socket = daemon.connect(0);
  const ask = (type: number, payload: string, transactionId = 0, connection = socket): void => {
    daemon.receive(connection, encodeFrame({ type, requestId: 0, transactionId, payload }));
  };
  daemon.domainCreated(1);
  ask(XsType.INTRODUCE, '1\x080\x003\0');
  const guest = daemon.connect(1);
  for (const [type, payload] of [
    [XsType.WRITE, '/p/c\0v'],
    [XsType.SET_PERMS, '/p/c\0n0\0'],
    [XsType.SET_PERMS, '/p\0n0\0r1\0'],
  ] as const)
    ask(type, payload);
  ask(XsType.WATCH, '/p\0t\0', 0, guest);
  daemon.flush(() => undefined);

  ask(XsType.TRANSACTION_START, '\0');
  ask(XsType.WRITE, '/p/c\0w', 1);
  ask(XsType.SET_PERMS, '/p\0n0\0', 1);
  ask(XsType.TRANSACTION_END, 'T\0', 1);
  let events = '';
  daemon.flush((connection, bytes) => {
    if (connection === guest) events += String.fromCharCode(...bytes);
  });
  t.match(events, '/p/c\0t\0', 'the guest could read the parent when the child was written');
});
