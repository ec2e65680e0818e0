/**
 * Many connections and many watches: each is served or refused with a proper error, and nobody else is the worse for it.
 */
import t from 'tap';
import { encodeFrame, readWord, XsType } from '../protocol/xs-wire.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { POLICIES, Store } from '../xenstore-sim/index.js';
import { dumpDaemon } from '../xenstore-sim/state/dump.js';
import { PRIVILEGED_WATCHES_MAX } from '../xenstore-sim/watch-requests.js';

const request = (type: number, payload: string, transactionId = 0): Uint8Array =>
  encodeFrame({ type, requestId: 7, transactionId, payload });

/** The types of the frames that `connection` has got, as counts. */
function taken(daemon: Daemon, connection: number): Map<number, number> {
  const counts = new Map<number, number>();
  daemon.flush((id, bytes) => {
    if (id !== connection) return;
    for (let at = 0; at < bytes.length; at += 16 + readWord(bytes, at + 12)) {
      const type = readWord(bytes, at);
      counts.set(type, (counts.get(type) ?? 0) + 1);
    }
  });
  return counts;
}

t.test('10,000 connections, each with a watch and an open transaction, and then all of them gone', async (t) => {
  const daemon = new Daemon(Store.empty(POLICIES.c));
  const first = daemon.connect(0);
  const others: number[] = [];
  for (let i = 1; i < 10_000; i++) {
    const connection = daemon.connect(0);
    others.push(connection);
    daemon.receive(connection, request(XsType.WATCH, `/watched/${i}\0t\0`));
    daemon.receive(connection, request(XsType.TRANSACTION_START, '\0'));
  }
  let frames = 0;
  daemon.flush((_, bytes) => {
    for (let at = 0; at < bytes.length; at += 16 + readWord(bytes, at + 12)) frames++;
  });
  t.equal(frames, 3 * 9_999, 'each has got OK, its first event and an id');

  daemon.receive(first, request(XsType.WRITE, '/watched/5000\0v'));
  t.strictSame([...taken(daemon, first)], [[XsType.WRITE, 1]]);
  t.equal(new Set(others).size, 9_999, 'numbers are not shared');

  for (const connection of others) daemon.disconnect(connection);
  daemon.receive(first, request(XsType.WRITE, '/watched/5000\0w'));
  t.strictSame([...taken(daemon, first)], [[XsType.WRITE, 1]]);
  t.equal(daemon.store.connections.items.length, 1);
});

t.test(
  'a client that asks for more watches than there may be is told so, and others are served all the while',
  async (t) => {
    const daemon = new Daemon(Store.empty(POLICIES.c));
    const greedy = daemon.connect(0);
    const other = daemon.connect(0);
    const counts = new Map<number, number>();
    for (let i = 0; i < PRIVILEGED_WATCHES_MAX + 1000; i++) {
      daemon.receive(greedy, request(XsType.WATCH, `/w/${i % 1000}\0${i}\0`));
      if (i % 10_000 === 0) {
        daemon.receive(other, request(XsType.READ, '/tool\0'));
        t.strictSame([...takenBoth(i)], [[XsType.READ, 1]], `served after ${i} watches`);
      } else for (const [type, count] of taken(daemon, greedy)) counts.set(type, (counts.get(type) ?? 0) + count);
    }
    t.equal(counts.get(XsType.ERROR), 1000, 'E2BIG for each that was too many');
    daemon.receive(other, request(XsType.WRITE, '/elsewhere\0v'));
    t.strictSame([...taken(daemon, other)], [[XsType.WRITE, 1]]);
    // More records than a function takes arguments.
    const { records } = dumpDaemon(daemon);
    t.equal(records.filter(({ type }) => type === 'WATCH_DATA').length, PRIVILEGED_WATCHES_MAX);

    /** Takes the frames of both; those of `greedy` are counted. */
    function takenBoth(_: number): Map<number, number> {
      const mine = new Map<number, number>();
      daemon.flush((id, bytes) => {
        const into = id === other ? mine : counts;
        for (let at = 0; at < bytes.length; at += 16 + readWord(bytes, at + 12)) {
          const type = readWord(bytes, at);
          into.set(type, (into.get(type) ?? 0) + 1);
        }
      });
      return mine;
    }
  },
);

t.test('a watcher that does not read gets as many events as are kept, once it reads', async (t) => {
  const daemon = new Daemon(Store.empty(POLICIES.ocaml));
  const watcher = daemon.connect(0);
  const writer = daemon.connect(0);
  daemon.receive(watcher, request(XsType.WATCH, '/a\0t\0'));
  taken(daemon, watcher);
  daemon.block(watcher, true);
  for (let i = 0; i < 10_000; i++) daemon.receive(writer, request(XsType.WRITE, '/a\0v'));
  t.strictSame([...taken(daemon, writer)], [[XsType.WRITE, 10_000]]);
  daemon.block(watcher, false);
  t.equal(taken(daemon, watcher).get(XsType.WATCH_EVENT), 4096);
});
