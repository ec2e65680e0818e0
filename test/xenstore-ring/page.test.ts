import fc from 'fast-check';
import t from 'tap';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE, readBytes, writeBytes } from '../../protocol/memory.js';
import {
  BAD_INDEX,
  waitingBetween,
  XenstoreInterface,
  XS_RING_BYTES,
  XsByteQueue,
  XsConnection,
  type XsDirection,
  XsFeature,
  XsRingError,
} from '../../protocol/xs-ring.js';
import { openMemory } from '../support/open-memory.js';

const PAGE = PAGE_SIZE;
const FROM = 2 * PAGE_SIZE;
const TO = 3 * PAGE_SIZE;

function queueAt(
  direction: XsDirection,
  index: number,
  size?: number,
): { memory: JournaledMemory; queue: XsByteQueue } {
  const memory = openMemory(3);
  const page = XenstoreInterface.view(memory).at(PAGE);
  for (const field of ['req_cons', 'req_prod', 'rsp_cons', 'rsp_prod'] as const) page[field] = index;
  return { memory, queue: new XsByteQueue(memory, PAGE, direction, size) };
}

t.test('the fields lie where struct xenstore_domain_interface has them', async (t) => {
  t.strictSame(XenstoreInterface.offset, {
    req: 0,
    rsp: 1024,
    req_cons: 2048,
    req_prod: 2052,
    rsp_cons: 2056,
    rsp_prod: 2060,
    server_features: 2064,
    connection: 2068,
    error: 2072,
    evtchn_port: 2076,
  });
  t.equal(XenstoreInterface.size, 2080);
  t.equal(XS_RING_BYTES, 1024);
  t.strictSame(XsFeature, { Reconnection: 1, Error: 2, WatchDepth: 4, AllDomains: 8 });
  t.strictSame(XsConnection, { Connected: 0, Reconnect: 1 });
  t.strictSame(XsRingError, { None: 0, Communication: 1, BadIndex: 2, Protocol: 3 });
});

t.test('byte x of a stream lies at x modulo 1024 of its buffer, and nothing else of the page is touched', async (t) => {
  for (const [direction, data, producer] of [
    ['requests', 0, 2052],
    ['replies', 1024, 2060],
  ] as const) {
    const { memory, queue } = queueAt(direction, 1020);
    const before = readBytes(memory, PAGE, PAGE_SIZE);
    writeBytes(memory, FROM, Uint8Array.of(1, 2, 3, 4, 5, 6));
    t.equal(queue.put(FROM, 6), 4, 'up to the end of the buffer');
    queue.publish(4);
    t.equal(queue.put(FROM + 4, 2), 2, 'on from its beginning');
    queue.publish(2);
    before.set([1, 2, 3, 4], data + 1020);
    before.set([5, 6], data);
    before.set([0x02, 0x04], producer);
    t.strictSame(readBytes(memory, PAGE, PAGE_SIZE), before);
  }
});

t.test(
  'the other side sees bytes when they are published, and gets the place of those that are released',
  async (t) => {
    const { memory, queue } = queueAt('requests', 7, 8);
    writeBytes(memory, FROM, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
    t.equal(queue.put(FROM, 9, true), 8, 'as many as there is room for');
    t.equal(queue.waiting(), 0);
    queue.publish(8);
    t.equal(queue.waiting(), 8);
    t.notOk(queue.hasRoom());
    t.equal(queue.put(FROM, 1), 0, 'full');
    t.equal(queue.take(TO, 3, true), 3);
    t.notOk(queue.hasRoom(), 'copied out, but still taken');
    queue.release(3);
    t.ok(queue.hasRoom());
    t.strictSame(readBytes(memory, TO, 3), Uint8Array.of(1, 2, 3));
    queue.drop();
    t.equal(queue.waiting(), 0);
  },
);

t.test('a ring is full to the last byte at 1024 and broken at 1025 (XSA-38)', async (t) => {
  t.equal(waitingBetween(0, 1024, 1024), 1024);
  t.equal(waitingBetween(0, 1025, 1024), BAD_INDEX);
  t.equal(waitingBetween(1, 0, 1024), BAD_INDEX);
  t.equal(waitingBetween(0xffffffff, 1023, 1024), 1024);
  t.equal(waitingBetween(0xffffffff, 1024, 1024), BAD_INDEX);
  t.equal(waitingBetween(0x80000000, 0x80000000, 1024), 0);

  const { memory, queue } = queueAt('requests', 3);
  const page = XenstoreInterface.view(memory).at(PAGE);
  page.req_prod = 3 + 1025;
  const before = readBytes(memory, PAGE, PAGE_SIZE);
  t.equal(queue.take(TO, 1024, true), BAD_INDEX);
  t.equal(queue.put(FROM, 1024, true), BAD_INDEX);
  t.equal(queue.waiting(), BAD_INDEX);
  t.notOk(queue.hasRoom());
  t.strictSame(readBytes(memory, PAGE, PAGE_SIZE), before);
  t.strictSame(readBytes(memory, TO, PAGE_SIZE), new Uint8Array(PAGE_SIZE));
});

t.test('a size that is no power of two, or larger than the buffer, is a mistake', async (t) => {
  for (const size of [0, 3, 2048]) t.throws(() => queueAt('requests', 0, size), /power of two/);
});

t.test('whatever is put in comes out once and in order, from any index, over 2^32 too', async () => {
  const move = fc.record({
    put: fc.boolean(),
    length: fc.integer({ min: 0, max: 40 }),
    wrap: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.constantFrom<XsDirection>('requests', 'replies'),
      fc.constantFrom(1, 2, 16, 1024),
      fc.oneof(fc.nat({ max: 2000 }), fc.integer({ min: 0xfffffff0, max: 0xffffffff })),
      fc.array(move, { minLength: 1, maxLength: 80 }),
      (direction, size, index, moves) => {
        const { memory, queue } = queueAt(direction, index, size);
        let sent = 0;
        let received = 0;
        for (const { put, length, wrap } of moves) {
          if (put) {
            for (let i = 0; i < length; i++) memory.write8(FROM + i, sent + i);
            const count = queue.put(FROM, length, wrap);
            if (count < 0 || count > Math.min(length, size - (sent - received))) return false;
            if (wrap && count !== Math.min(length, size - (sent - received))) return false;
            queue.publish(count);
            sent += count;
          } else {
            const count = queue.take(TO, length, wrap);
            if (count < 0 || count > Math.min(length, sent - received)) return false;
            if (length > 0 && sent > received && count === 0) return false;
            for (let i = 0; i < count; i++) if (memory.read8(TO + i) !== ((received + i) & 0xff)) return false;
            queue.release(count);
            received += count;
          }
          if (queue.waiting() !== sent - received) return false;
        }
        return queue.consumer === (index + received) % 2 ** 32 && queue.producer === (index + sent) % 2 ** 32;
      },
    ),
    { numRuns: 500 },
  );
});

t.test('no pair of indices makes a queue touch anything but its buffer', async () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 0xffffffff }),
      fc.nat({ max: 0xffffffff }),
      fc.nat({ max: 1100 }),
      fc.boolean(),
      fc.constantFrom(16, 1024),
      (consumer, producer, near, wrap, size) => {
        for (const prod of [producer, consumer + near]) {
          const { memory, queue } = queueAt('requests', 0, size);
          memory.write32(PAGE + XenstoreInterface.offset.req_cons, consumer);
          memory.write32(PAGE + XenstoreInterface.offset.req_prod, prod);
          const touched: number[] = [];
          memory.observer = {
            load: (address) => touched.push(address),
            store: (address) => touched.push(address),
          };
          queue.take(TO, 2 * size, wrap);
          queue.put(FROM, 2 * size, wrap);
          const allowed = (at: number): boolean =>
            (at >= PAGE && at < PAGE + size) ||
            at === PAGE + XenstoreInterface.offset.req_cons ||
            at === PAGE + XenstoreInterface.offset.req_prod ||
            (at >= FROM && at < FROM + size) ||
            (at >= TO && at < TO + size);
          if (!touched.every(allowed)) return false;
        }
        return true;
      },
    ),
    { numRuns: 300 },
  );
});
