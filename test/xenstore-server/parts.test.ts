/** Parts of the server on their own: unfinished requests, pieces, the memory of writes, the trace. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { encodeFrame, FrameDecoder, writeWord, XS_HEADER_BYTES, XsType } from '../../protocol/xs-wire.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { C_4_17, OCAML_4_17, Store } from '../../xenstore-sim/index.js';
import { Clock } from '../../xenstore-sim/server/clock.js';
import { Hub } from '../../xenstore-sim/server/hub.js';
import { Inbox } from '../../xenstore-sim/server/inbox.js';
import { liveUpdateHost, traced } from '../../xenstore-sim/server/index.js';
import { LIMITS, PIECE_BYTES } from '../../xenstore-sim/server/limits.js';
import { DataReader } from '../../xenstore-sim/server/socket-reader.js';
import { WriteSlab } from '../../xenstore-sim/server/write-slab.js';
import { folderFor } from '../support/raw-xenstore-client.js';
import { StandInDaemon } from '../support/stand-in-daemon.js';

/** `bytes`, cut into pieces of these lengths, over and over. */
function* cut(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length] ?? 1;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

t.test('a request is unfinished where the decoder says so, however the stream is cut', async (t) => {
  const payloads = fc.array(fc.oneof(fc.nat(40), fc.constantFrom(0, 4095, 4096)), { minLength: 1, maxLength: 6 });
  const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9000 })), {
    minLength: 1,
  });
  fc.assert(
    fc.property(payloads, lengths, fc.nat(40), (payloads, lengths, missing) => {
      const whole = Buffer.concat(
        payloads.map((length, requestId) =>
          encodeFrame({ type: 255, requestId, transactionId: 0, payload: '\u00ff'.repeat(length) }),
        ),
      );
      const daemon = new Daemon(Store.empty());
      const connection = daemon.connect(0);
      const decoder = new FrameDecoder();
      let ended = 0;
      for (const piece of cut(whole.subarray(0, Math.max(1, whole.length - missing)), lengths)) {
        daemon.receive(connection, piece);
        decoder.push(piece, () => ended++);
        if (daemon.unfinishedRequest(connection) !== (decoder.midFrame ? ended : -1)) return false;
      }
      return true;
    }),
  );
  t.pass();
});

t.test('a length beyond the longest counts as the longest, where it does not end the connection', async (t) => {
  for (const length of [4097, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    for (const lengths of [[16], [1], [5]]) {
      const daemon = new Daemon(Store.empty(OCAML_4_17));
      const connection = daemon.connect(0);
      const header = new Uint8Array(16);
      writeWord(header, 12, length);
      for (const piece of cut(header, lengths)) daemon.receive(connection, piece);
      daemon.receive(connection, new Uint8Array(4095));
      t.equal(daemon.unfinishedRequest(connection), 0);
      daemon.receive(connection, new Uint8Array(1));
      t.equal(daemon.unfinishedRequest(connection), -1);
    }
  }
});

t.test('a request that waits for something else is not unfinished', async (t) => {
  const ocaml = new Daemon(Store.empty(OCAML_4_17));
  const late = ocaml.connect(0);
  ocaml.receive(late, encodeFrame({ type: XsType.READ, requestId: 0, transactionId: 0, payload: '' }));
  t.equal(ocaml.unfinishedRequest(late), -1, 'oxenstored waits for more although the payload is empty');
  const daemon = new Daemon(Store.empty());
  const blocked = daemon.connect(0);
  daemon.block(blocked, true);
  daemon.receive(blocked, encodeFrame({ type: XsType.READ, requestId: 0, transactionId: 0, payload: '/\0' }));
  t.equal(daemon.unfinishedRequest(blocked), -1);
  t.equal(daemon.unfinishedRequest(77), -1, 'nor is one of a connection that is not there');
});

t.test('an inbox hands on everything once, in order, in pieces, and only when it is wanted', async (t) => {
  const received: number[] = [];
  let wanted = 3;
  let emptied = 0;
  const inbox = new Inbox(
    (piece) => {
      t.ok(piece.length <= PIECE_BYTES);
      received.push(...piece);
      wanted--;
      return wanted > 0;
    },
    () => emptied++,
  );
  const sent = Uint8Array.from({ length: 10 * PIECE_BYTES + 7 }, (_, i) => i % 251);
  for (const chunk of cut(sent, [7 * PIECE_BYTES, 100, PIECE_BYTES])) inbox.push(chunk);
  t.equal(received.length, 3 * PIECE_BYTES, 'as much as was wanted');
  t.ok(inbox.waiting);
  wanted = 2;
  inbox.resume();
  t.equal(received.length, 5 * PIECE_BYTES);
  wanted = 100;
  inbox.resume();
  t.equal(received.length, 7 * PIECE_BYTES + 100 + PIECE_BYTES, 'then the others have their turn');
  inbox.stop();
  await new Promise(setImmediate);
  t.equal(received.length, 8 * PIECE_BYTES + 100, 'nothing while it is stopped');
  t.equal(emptied, 0);
  inbox.resume();
  t.equal(emptied, 1);
  t.notOk(inbox.waiting);
  t.strictSame(Uint8Array.from(received), sent);
  inbox.clear();
  inbox.push(sent);
  await new Promise(setImmediate);
  t.equal(received.length, sent.length, 'nothing after the end');
});

t.test('sockets that cannot share a buffer are read too', async (t) => {
  const path = join(folderFor(t), 'socket');
  const server = createServer({ pauseOnConnect: true }).listen(path);
  await once(server, 'listening');
  const client = connect(path);
  const [accepted] = await once(server, 'connection');
  let bytes = 0;
  let last = 0;
  const total = 300_000;
  await new Promise<void>((resolve) => {
    const reader = new DataReader(accepted, (piece) => {
      if (piece.length > PIECE_BYTES) t.fail('too long a piece');
      bytes += piece.length;
      last = piece.at(-1) ?? 0;
      if (bytes === total) resolve();
      const goOn = bytes % 3 !== 0;
      if (!goOn) {
        reader.pause();
        setImmediate(() => reader.resume());
      }
      return goOn;
    });
    const sent = new Uint8Array(total);
    sent[total - 1] = 7;
    client.write(sent);
  });
  t.equal(last, 7);
  accepted.destroy();
  client.destroy();
  server.close();
});

t.test('what a socket keeps is not written over', async (t) => {
  const slab = new WriteSlab();
  const kept: Buffer[] = [];
  const lengths = [10, 60_000, 6000, 70_000, 65_536, 1];
  for (const [i, length] of lengths.entries()) {
    slab.copy(new Uint8Array(length).fill(100 + i));
    const copy = slab.copy(new Uint8Array(length).fill(i));
    slab.keep();
    kept.push(copy);
  }
  slab.copy(new Uint8Array(30_000).fill(99));
  for (const [i, length] of lengths.entries()) t.ok(kept[i]?.equals(Buffer.alloc(length, i)), `${length} bytes`);
});

t.test('the trace shows requests, replies, events and what is no frame', async (t) => {
  const lines: string[] = [];
  const engine = traced(new StandInDaemon(), (line) => lines.push(line));
  const id = engine.connect(3);
  const flush = (): void => engine.flush(() => undefined);
  const send = (type: number, payload: string, requestId = 0, transactionId = 0): void => {
    const bytes = encodeFrame({ type, requestId, transactionId, payload });
    engine.receive(id, bytes.subarray(0, 17));
    engine.receive(id, bytes.subarray(17));
    flush();
  };
  send(XsType.WATCH, '/\0tok\0');
  send(XsType.WRITE, '/a\0\n\\|\u00e4', 7, 9);
  send(XsType.READ, `${'p'.repeat(200)}\0`);
  send(99, 'x');
  engine.block(id, true);
  engine.block(id, false);
  const bad = new Uint8Array(20).fill(0xff);
  t.equal(engine.receive(id, bad), false);
  t.strictSame(lines, [
    '1 connected, domain 3',
    '1 -> WATCH /|tok|',
    '1 <- WATCH OK|',
    '1 -> WRITE req 7 tx 9 /a|\\x0a\\x5c\\x7c\\xe4',
    '1 <- WATCH_EVENT /a|tok|',
    '1 <- WRITE req 7 tx 9 OK|',
    `1 -> READ ${'p'.repeat(120)}... and 81 bytes`,
    '1 <- READ ',
    '1 -> 99 x',
    '1 <- 99 OK|',
    '1 does not read',
    '1 reads again',
    `1 -> not a frame: ${'\\xff'.repeat(20)}`,
    '1 closed',
  ]);
});

/** A client that takes everything. */
const MUTE = { awaitsTurn: true, send: nothing, queued: () => 0, pause: nothing, resume: nothing, close: nothing };

t.test('whoever keeps the event loop awake is told of each request', async (t) => {
  let handled = 0;
  const hub = new Hub(new Daemon(Store.empty(C_4_17)), LIMITS, { handled: () => handled++ });
  t.teardown(() => hub.closeAll());
  const client = hub.open(0, MUTE);
  const read = encodeFrame({ type: XsType.READ, requestId: 1, transactionId: 0, payload: '/\0' });
  for (let i = 0; i < 3; i++) hub.receive(client, read);
  t.equal(handled, 3);
});

/** A hub with a toolstack and a guest; `resumed` says that the guest is read from again. */
function hubWithGuest(t: Test) {
  const host = liveUpdateHost(() => C_4_17);
  const hub = new Hub(new Daemon(Store.empty({ ...C_4_17, domainsAppear: true }), host), LIMITS);
  // The timers of the hub do not keep a process alive.
  const alive = setInterval(nothing, 1000);
  t.teardown(() => {
    hub.closeAll();
    clearInterval(alive);
  });
  let resume = nothing;
  const resumed = new Promise<void>((resolve) => {
    resume = resolve;
  });
  const toolstack = hub.open(0, MUTE);
  const guest = hub.open(1, { ...MUTE, resume: () => resume() });
  const ask = (session: typeof guest, type: number, payload: string, transactionId = 0): boolean =>
    hub.receive(session, encodeFrame({ type, requestId: 1, transactionId, payload }));
  ask(toolstack, XsType.MKDIR, '/local/domain/1\0');
  ask(toolstack, XsType.SET_PERMS, '/local/domain/1\0n1\0');
  return { hub, toolstack, guest, ask, resumed };
}

t.test('a guest that has written too fast is not read from any more, until it has credit again', async (t) => {
  const { toolstack, guest, ask, resumed } = hubWithGuest(t);
  ask(toolstack, XsType.TRANSACTION_START, '\0');
  let taken = 0;
  while (taken < 1000 && ask(guest, XsType.WRITE, 'k\0v')) taken++;
  t.ok(taken >= 10 && taken < 20, `${taken} writes`);
  await resumed;
  t.ok(ask(toolstack, XsType.READ, '/local/domain/1/k\0'));
});

t.test('a timer goes only while a guest has credit to get back', async (t) => {
  const { hub, toolstack, guest, ask } = hubWithGuest(t);
  t.notOk(hub.ticking, 'a guest has come');
  for (let i = 0; i < 100; i++) ask(guest, XsType.WRITE, 'k\0v');
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(hub.ticking, 'writes cost nothing');
  ask(toolstack, XsType.TRANSACTION_START, '\0');
  for (const writes of [1, 20, 1]) {
    for (let i = 0; i < writes; i++) ask(guest, XsType.WRITE, 'k\0v');
    await new Promise((resolve) => setImmediate(resolve));
    t.ok(hub.ticking, 'they cost credit');
    while (hub.ticking) await new Promise((resolve) => setTimeout(resolve, 5));
    t.ok(ask(guest, XsType.WRITE, 'k\0v'), 'it has come back');
    while (hub.ticking) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (let i = 0; i < 20; i++) ask(guest, XsType.WRITE, 'k\0v');
  hub.close(guest);
  hub.closeAll();
  t.notOk(hub.ticking, 'the server has ended');
});

t.test('a guest that waits for the end of a live update is read from again, and is held up as before', async (t) => {
  const { hub, toolstack, guest, ask, resumed } = hubWithGuest(t);
  const update = (words: string): boolean => ask(toolstack, XsType.CONTROL, `live-update\0${words}\0`);
  update(`-f\0${process.execPath}`);
  t.ok(ask(guest, XsType.TRANSACTION_START, '\0'));
  t.notOk(ask(guest, XsType.TRANSACTION_START, '\0'), 'a second one');
  t.ok(hub.ticking);
  update('-a');
  await resumed;
  ask(guest, XsType.TRANSACTION_END, 'F\0', 1);
  ask(guest, XsType.TRANSACTION_END, 'F\0', 2);
  hub.flush();
  while (hub.ticking) await new Promise((resolve) => setTimeout(resolve, 5));

  ask(toolstack, XsType.TRANSACTION_START, '\0');
  update(`-f\0${process.execPath}`);
  update('-s\0-t\x0060');
  hub.flush();
  t.ok(hub.ticking, 'the update waits for the transaction, and no longer than it was told');
  ask(toolstack, XsType.TRANSACTION_END, 'F\0', 1);
  hub.flush();
  t.notOk(hub.ticking);
  ask(toolstack, XsType.TRANSACTION_START, '\0');
  let taken = 0;
  while (taken < 1000 && ask(guest, XsType.WRITE, 'k\0v')) taken++;
  t.ok(taken >= 10 && taken < 20, `${taken} writes`);
});

t.test('while the clock stands, no time passes', async (t) => {
  let heard: (milliseconds: number) => void = nothing;
  const clock = new Clock((milliseconds) => heard(milliseconds));
  const tick = (): Promise<number> =>
    new Promise((resolve) => {
      heard = resolve;
    });
  const alive = setInterval(nothing, 1000);
  let before = 0;
  for (let i = 0; i < 3; i++) {
    const begun = performance.now();
    clock.go();
    const told = await tick();
    t.ok(told > before && told - before <= performance.now() - begun, `${before}, then ${told}`);
    clock.stop();
    t.notOk(clock.goes);
    await new Promise((resolve) => setTimeout(resolve, 30));
    t.equal(clock.milliseconds, told);
    before = told;
  }
  clearInterval(alive);
});

t.test('of one piece a daemon executes so many requests, then it is the turn of others', async (t) => {
  const daemon = new Daemon(Store.empty(C_4_17));
  const connection = daemon.connect(0);
  const read = encodeFrame({ type: XsType.READ, requestId: 1, transactionId: 0, payload: '/\0' });
  const many = new Uint8Array(300 * read.length);
  for (let i = 0; i < 300; i++) many.set(read, i * read.length);
  const answered = (bytes: Uint8Array): number => {
    let replies = 0;
    t.ok(daemon.receive(connection, bytes));
    daemon.flush((_connection, output) => {
      replies += output.length / XS_HEADER_BYTES;
    });
    return replies;
  };
  t.equal(answered(many), 256);
  t.ok(daemon.hasMore(connection));
  t.equal(answered(new Uint8Array(0)), 44);
  t.notOk(daemon.hasMore(connection));
});

function nothing(): void {}
