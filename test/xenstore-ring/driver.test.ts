/** The guest's end alone, with a test at the daemon's end that sends whatever it likes. */
import fc from 'fast-check';
import t from 'tap';
import { XenstoreRing } from '../../frontend/xenstore-ring/driver.js';
import { type XsShape, xsPages } from '../../frontend/xenstore-ring/memory.js';
import { LINUX } from '../../frontend/xenstore-ring/rules.js';
import { PAGE_SIZE, readBytes, writeBytes } from '../../protocol/memory.js';
import { XenstoreInterface, XsByteQueue } from '../../protocol/xs-ring.js';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { openMemory } from '../support/open-memory.js';

/** A real ring: 1024 bytes, and payloads of up to 4096. */
const SHAPE: XsShape = { ringBytes: 1024, payloadBytes: 4096, requests: 2, watches: 2, events: 8 };
const PAGE = PAGE_SIZE;
const COPY = 2 * PAGE_SIZE;
const BASE = 4 * PAGE_SIZE;

class Bench {
  readonly memory = openMemory(4 + xsPages(SHAPE));
  readonly ring: XenstoreRing;
  notified = 0;
  readonly #requests = new XsByteQueue(this.memory, PAGE, 'requests');
  readonly #replies = new XsByteQueue(this.memory, PAGE, 'replies');
  readonly #decoder = new FrameDecoder();

  constructor() {
    this.ring = new XenstoreRing(this.memory, {
      page: PAGE,
      base: BASE,
      shape: SHAPE,
      rules: LINUX,
      notify: () => {
        this.notified++;
      },
    });
    this.ring.start(3);
  }

  /** Lets the guest do what it can. */
  run(): void {
    const { transmitTask, receiveTask } = this.ring;
    while (transmitTask.ready() || receiveTask.ready()) {
      if (transmitTask.ready()) transmitTask.step();
      if (receiveTask.ready()) receiveTask.step();
    }
  }

  /** The requests that have come whole. */
  received(): readonly XsFrame[] {
    const frames: XsFrame[] = [];
    for (let count = 1; count > 0; ) {
      this.run();
      count = this.#requests.take(COPY, 1024, true);
      if (count > 0) this.#requests.release(count);
      if (count > 0) this.#decoder.push(readBytes(this.memory, COPY, count), (frame) => frames.push(frame));
      this.ring.interrupt();
    }
    return frames;
  }

  send(frame: XsFrame): void {
    this.sendBytes(encodeFrame(frame));
  }

  sendBytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, 1024);
      writeBytes(this.memory, COPY, bytes.subarray(at, at + length));
      const count = this.#replies.put(COPY, length, true);
      if (count <= 0) return;
      this.#replies.publish(count);
      at += count;
      this.ring.interrupt();
      this.run();
    }
  }
}

t.test('requests and replies of every length go through, though the ring is shorter', async (t) => {
  const bench = new Bench();
  for (const length of [0, 1, 1007, 1008, 1009, 2000, 4096]) {
    const payload = 'x'.repeat(length);
    const slot = bench.ring.submit(XsType.WRITE, payload, 5);
    const [request] = bench.received();
    t.equal(request?.payload, payload);
    t.equal(request?.transactionId, 5);
    const reply = 'y'.repeat(4096 - length);
    bench.send({ type: XsType.WRITE, requestId: request?.requestId ?? -1, transactionId: 5, payload: reply });
    t.ok(bench.ring.answered(slot));
    t.strictSame(bench.ring.take(slot), { type: XsType.WRITE, payload: reply });
  }
  t.equal(bench.ring.state.users, 0);
  t.equal(bench.ring.state.nonsense, 0);
});

t.test('replies go to their requests in whatever order they come', async (t) => {
  const bench = new Bench();
  const first = bench.ring.submit(XsType.READ, 'a\0');
  const second = bench.ring.submit(XsType.READ, 'b\0');
  t.notOk(bench.ring.accepts(), 'no slot is left');
  const [one, other] = bench.received();
  t.strictSame([one?.payload, other?.payload], ['a\0', 'b\0']);
  bench.send({ type: XsType.READ, requestId: other?.requestId ?? -1, transactionId: 0, payload: 'B' });
  t.notOk(bench.ring.answered(first));
  t.ok(bench.ring.answered(second));
  bench.send({ type: XsType.ERROR, requestId: one?.requestId ?? -1, transactionId: 0, payload: 'ENOENT\0' });
  t.strictSame(bench.ring.take(first), { type: XsType.ERROR, payload: 'ENOENT\0' });
  t.strictSame(bench.ring.take(second), { type: XsType.READ, payload: 'B' });
});

t.test('events come between replies, in order, and only for watches that are registered', async (t) => {
  const bench = new Bench();
  const slot = bench.ring.registerWatch('w', 't1');
  const [request] = bench.received();
  t.equal(request?.payload, 'w\0t1\0');
  bench.send({ type: XsType.WATCH_EVENT, requestId: 0, transactionId: 0, payload: 'w\0t1\0' });
  bench.send({ type: XsType.WATCH, requestId: request?.requestId ?? -1, transactionId: 0, payload: 'OK\0' });
  bench.send({ type: XsType.WATCH_EVENT, requestId: 0, transactionId: 0, payload: 'w/x\0t2\0' });
  bench.send({ type: XsType.WATCH_EVENT, requestId: 0, transactionId: 0, payload: 'w/y\0t1\0' });
  t.ok(bench.ring.answered(slot));
  t.equal(bench.ring.takeEvent(), 'w\0t1\0');
  t.equal(bench.ring.takeEvent(), 'w/y\0t1\0');
  t.notOk(bench.ring.hasEvent);
  t.equal(bench.ring.state.nonsense, 0);
});

t.test('an open transaction counts until it has ended, also when its end is refused with EAGAIN', async (t) => {
  const bench = new Bench();
  const { ring } = bench;
  const call = (type: number, answer: { type: number; payload: string }): void => {
    const slot = ring.submit(type, '\0');
    const [request] = bench.received();
    bench.send({ ...answer, requestId: request?.requestId ?? -1, transactionId: 0 });
    ring.take(slot);
  };
  call(XsType.TRANSACTION_START, { type: XsType.TRANSACTION_START, payload: '1\0' });
  t.equal(ring.state.users, 1);
  call(XsType.READ, { type: XsType.READ, payload: '' });
  t.equal(ring.state.users, 1);
  call(XsType.TRANSACTION_END, { type: XsType.ERROR, payload: 'EAGAIN\0' });
  t.equal(ring.state.users, 0);
  call(XsType.TRANSACTION_START, { type: XsType.ERROR, payload: 'ENOSPC\0' });
  t.equal(ring.state.users, 0);
});

t.test('a guest that starts over sends again what has no reply, and fails what belongs to a transaction', async (t) => {
  const bench = new Bench();
  const { ring } = bench;
  const plain = ring.submit(XsType.READ, 'a\0');
  const inside = ring.submit(XsType.READ, 'b\0', 7);
  t.equal(bench.received().length, 2);
  bench.sendBytes(encodeFrame({ type: XsType.READ, requestId: 0, transactionId: 0, payload: 'A' }).subarray(0, 11));
  ring.replies.reset();
  ring.requests.reset();
  ring.startOver();
  t.strictSame(ring.take(inside), { type: XsType.ERROR, payload: 'EAGAIN\0' });
  const again = bench.received();
  t.strictSame(
    again.map(({ payload }) => payload),
    ['a\0'],
  );
  bench.send({ type: XsType.READ, requestId: again[0]?.requestId ?? -1, transactionId: 0, payload: 'A' });
  t.strictSame(ring.take(plain), { type: XsType.READ, payload: 'A' });
});

t.test('bad indices fail the request that is being written, with EIO, and put the queue in order', async (t) => {
  const bench = new Bench();
  const page = XenstoreInterface.view(bench.memory).at(PAGE);
  page.req_cons = 5000;
  const slot = bench.ring.submit(XsType.READ, 'a\0');
  bench.run();
  t.strictSame(bench.ring.take(slot), { type: XsType.ERROR, payload: 'EIO\0' });
  t.strictSame([page.req_cons, page.req_prod], [0, 0]);
  page.rsp_prod = 5000;
  bench.ring.interrupt();
  bench.run();
  t.strictSame([page.rsp_cons, page.rsp_prod], [0, 0]);
  t.equal(bench.ring.state.nonsense, 1);
});

t.test('a reply to nothing and a message that is too long are nonsense, and are survived', async (t) => {
  const bench = new Bench();
  bench.send({ type: XsType.READ, requestId: 4711, transactionId: 0, payload: 'x' });
  t.equal(bench.ring.state.nonsense, 1);
  const header = encodeFrame({ type: XsType.READ, requestId: 1, transactionId: 0, payload: '' });
  header.set([0xff, 0xff, 0xff, 0xff], 12);
  bench.sendBytes(header);
  t.equal(bench.ring.state.nonsense, 2);
  const slot = bench.ring.submit(XsType.READ, 'a\0');
  const [request] = bench.received();
  bench.send({ type: XsType.READ, requestId: request?.requestId ?? -1, transactionId: 0, payload: 'A' });
  t.strictSame(bench.ring.take(slot), { type: XsType.READ, payload: 'A' });
});

t.test('no bytes and no indices from the daemon make the guest throw', async () => {
  const move = fc.oneof(
    fc.record({ bytes: fc.uint8Array({ maxLength: 600 }) }),
    fc.record({ at: fc.constantFrom(2048, 2052, 2056, 2060), word: fc.nat({ max: 0xffffffff }) }),
  );
  fc.assert(
    fc.property(fc.array(move, { maxLength: 12 }), (moves) => {
      const bench = new Bench();
      bench.ring.registerWatch('w', 't');
      bench.ring.submit(XsType.READ, 'a\0');
      for (const step of moves) {
        if ('bytes' in step) bench.sendBytes(step.bytes);
        else bench.memory.write32(PAGE + step.at, step.word);
        bench.ring.interrupt();
        bench.run();
        while (bench.ring.hasEvent) bench.ring.takeEvent();
      }
      return true;
    }),
    { numRuns: 200 },
  );
});
