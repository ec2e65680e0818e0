import t from 'tap';
import { PAGE_SIZE, readBytes } from '../protocol/memory.js';
import {
  entryAddress,
  initialiseSharedRing,
  passedEvent,
  RING_ENTRIES_OFFSET,
  RING_OVERFLOW,
  ringAdd,
  ringDistance,
  ringShape,
  ringSizeMax,
  SharedRing,
} from '../protocol/ring.js';
import { BackRing, BackRingPrivate } from '../protocol/ring-back.js';
import { FrontRing, FrontRingPrivate } from '../protocol/ring-front.js';
import { BACK, BACK_COPY, FRONT, request, respond, ringPair, SHARED, see, take } from './support/ring-pair.js';

/** As blkif: requests of 112 bytes. */
const WIDE = ringShape({ entrySize: 112 });
/** Four entries, indices of 3 bits. */
const NARROW = ringShape({ entrySize: 8, bits: 3, size: 4 });

t.test('the shared page lies as ring.h compiles, byte for byte', async (t) => {
  t.strictSame(SharedRing.offset, { req_prod: 0, req_event: 4, rsp_prod: 8, rsp_event: 12, pvt: 16, pad: 20 });
  t.equal(SharedRing.size, 64);
  t.equal(RING_ENTRIES_OFFSET, 64);
  t.strictSame(FrontRingPrivate.offset, { req_prod_pvt: 0, rsp_cons: 4 });
  t.strictSame(BackRingPrivate.offset, { rsp_prod_pvt: 0, req_cons: 4 });
  const { memory } = ringPair(WIDE);
  const expected = new Uint8Array(64);
  expected[4] = 1;
  expected[12] = 1;
  t.strictSame(readBytes(memory, SHARED, 64), expected, 'both events start at 1, all else at 0');
});

t.test('initialising clears what another protocol left in the header', async (t) => {
  const { memory } = ringPair(WIDE);
  const fresh = readBytes(memory, SHARED, 64);
  for (let i = 0; i < 64; i++) memory.write8(SHARED + i, 0xaa);
  initialiseSharedRing(memory, SHARED);
  t.strictSame(readBytes(memory, SHARED, 64), fresh);
});

t.test('a ring has the largest power of two of entries that fits', async (t) => {
  t.equal(WIDE.size, 32, '(4096 - 64) / 112 = 36');
  t.equal(ringSizeMax(12), 256, '(4096 - 64) / 12 = 336');
  t.equal(ringSizeMax(8), 256, '(4096 - 64) / 8 = 504');
  t.equal(ringSizeMax(63), 64, 'exactly 64 fit');
  t.equal(ringSizeMax(64), 32, '63 fit');
  t.equal(ringSizeMax(PAGE_SIZE - 64), 1);
  t.equal(ringSizeMax(112, 2 * PAGE_SIZE), 64, '(8192 - 64) / 112 = 72');
});

t.test('dimensions that cannot work are refused', async (t) => {
  const refused = [
    { entrySize: 0 },
    { entrySize: 6 },
    { entrySize: PAGE_SIZE },
    { entrySize: 8, bits: 0 },
    { entrySize: 8, bits: 33 },
    { entrySize: 8, size: 3 },
    { entrySize: 8, size: 0 },
    { entrySize: 8, size: 512 },
    { entrySize: 8, bits: 3, size: 8 },
    { entrySize: 8, bits: 3 },
  ];
  for (const options of refused) {
    t.throws(() => ringShape(options), { name: 'AssertionError' }, JSON.stringify(options));
  }
  t.equal(ringShape({ entrySize: 8, bits: 3, size: 4 }).size, 4, '2^3 = 2 x 4 is enough');
});

t.test('entries are found by the low bits of the index', async (t) => {
  t.equal(entryAddress(WIDE, SHARED, 0), SHARED + 64);
  t.equal(entryAddress(WIDE, SHARED, 31), SHARED + 64 + 31 * 112);
  t.equal(entryAddress(WIDE, SHARED, 32), SHARED + 64);
  t.equal(entryAddress(WIDE, SHARED, 0xffffffff), SHARED + 64 + 31 * 112);
});

t.test('sums and differences wrap at the width of an index', async (t) => {
  t.equal(ringAdd(WIDE, 0xffffffff, 1), 0);
  t.equal(ringAdd(WIDE, 0x7fffffff, 1), 0x80000000);
  t.equal(ringDistance(WIDE, 0xffffffff, 1), 2);
  t.equal(ringDistance(WIDE, 1, 0xffffffff), 0xfffffffe);
  t.equal(ringAdd(NARROW, 7, 1), 0);
  t.equal(ringDistance(NARROW, 6, 1), 3);
  t.equal(ringDistance(NARROW, 1, 6), 5);
});

t.test('a notification is due exactly when the event lies in (before, after]', async (t) => {
  t.ok(passedEvent(WIDE, { before: 0, after: 1, event: 1 }), '0 < 1');
  t.notOk(passedEvent(WIDE, { before: 3, after: 5, event: 1 }), '4 < 2 does not hold');
  t.ok(passedEvent(WIDE, { before: 0xffffffff, after: 1, event: 0 }), '1 < 2');
  t.notOk(passedEvent(WIDE, { before: 4, after: 4, event: 4 }), 'nothing was published');
  for (let before = 0; before < 8; before++) {
    for (let moved = 0; moved <= 4; moved++) {
      const passed = new Set(Array.from({ length: moved }, (_, i) => (before + 1 + i) % 8));
      for (let event = 0; event < 8; event++) {
        const due = passedEvent(NARROW, { before, after: (before + moved) % 8, event });
        if (due !== passed.has(event)) t.fail(`before ${before}, moved ${moved}, event ${event}`);
      }
    }
  }
});

t.test('front: free requests and unconsumed responses', async (t) => {
  const pair = ringPair(WIDE);
  const { front, shared } = pair;
  t.equal(front.freeRequests(), 32);
  for (let i = 0; i < 31; i++) request(pair, i);
  t.equal(front.freeRequests(), 1);
  t.notOk(front.isFull());
  request(pair, 31);
  t.equal(front.freeRequests(), 0);
  t.ok(front.isFull());
  t.throws(() => front.requestSlot(), { name: 'AssertionError' });
  t.throws(() => front.commitRequest(), { name: 'AssertionError' });
  shared.rsp_prod = 2;
  t.equal(front.unconsumedResponses(), 2);
  front.consumeResponse();
  t.equal(front.unconsumedResponses(), 1);
  t.equal(front.freeRequests(), 1);
  shared.rsp_prod = 0;
  t.equal(front.unconsumedResponses(), 0xffffffff, 'uncapped');
});

t.test('back: unconsumed requests are capped by the entries without a response', async (t) => {
  const { back, memory, shared } = ringPair(WIDE);
  const own = BackRingPrivate.view(memory).at(BACK);
  // min(req_prod - req_cons, 32 - (req_cons - rsp_prod_pvt))
  for (const [req_prod, req_cons, rsp_prod_pvt, expected] of [
    [0, 0, 0, 0],
    [5, 2, 0, 3],
    [40, 30, 0, 2],
    [32, 0, 0, 32],
    [64, 32, 0, 0],
    [1, 0xfffffffe, 0xfffffffe, 3],
    [0xffff0000, 0, 0, 32],
  ] as const) {
    shared.req_prod = req_prod;
    own.req_cons = req_cons;
    own.rsp_prod_pvt = rsp_prod_pvt;
    t.equal(back.unconsumedRequests(), expected, `${req_prod} ${req_cons} ${rsp_prod_pvt}`);
    t.equal(back.recheck(), expected > 0);
  }
});

t.test('back: no request may be taken while every entry waits for a response', async (t) => {
  const pair = ringPair(NARROW);
  for (let i = 0; i < 4; i++) request(pair, i);
  pair.front.publish();
  for (let i = 0; i < 4; i++) {
    t.notOk(pair.back.mayNotConsume());
    t.equal(take(pair), i);
  }
  t.ok(pair.back.mayNotConsume());
  t.strictSame(
    [3, 4, 5].map((consumer) => pair.back.mayNotConsume(consumer)),
    [false, true, true],
  );
  t.throws(() => pair.back.consumeRequest(), { name: 'AssertionError' });
  for (let i = 0; i < 4; i++) respond(pair, i);
  t.throws(() => pair.back.responseSlot(), { name: 'AssertionError' }, 'a response needs a request');
  t.throws(() => pair.back.commitResponse(), { name: 'AssertionError' });
});

t.test('a request producer too far ahead is reported and nothing is processed', async (t) => {
  const { back, shared } = ringPair(WIDE);
  for (const [producer, overflow] of [
    [0, false],
    [32, false], // full is not too full
    [33, true],
    [0x80000000, true],
    [0xffffffff, true],
  ] as const) {
    shared.req_prod = producer;
    t.equal(back.isRequestOverflow(), overflow, `${producer}`);
    t.equal(back.sampleRequests(), overflow ? RING_OVERFLOW : producer);
  }
  t.equal(back.requestConsumer, 0);
});

t.test('a request producer that moves back is reported, not asserted', async (t) => {
  const pair = ringPair(NARROW);
  for (let i = 0; i < 4; i++) request(pair, i);
  pair.front.publish();
  for (let i = 0; i < 4; i++) take(pair);
  t.equal(pair.back.sampleRequests(), 0);
  for (const producer of [0, 3]) {
    pair.shared.req_prod = producer;
    t.equal(pair.back.sampleRequests(), RING_OVERFLOW, `${producer}`);
  }
});

t.test('a response producer too far ahead is reported and nothing is processed', async (t) => {
  const pair = ringPair(WIDE);
  const { front, shared } = pair;
  for (let i = 0; i < 32; i++) request(pair, i);
  front.publish();
  for (const [producer, overflow] of [
    [0, false],
    [32, false],
    [33, true],
    [0x80000000, true],
    [0xffffffff, true],
  ] as const) {
    shared.rsp_prod = producer;
    t.equal(front.isResponseOverflow(), overflow, `${producer}`);
    t.equal(front.sampleResponses(), overflow ? RING_OVERFLOW : producer);
  }
  t.equal(front.responseConsumer, 0);
});

t.test('responses to requests that were never made are reported', async (t) => {
  const pair = ringPair(WIDE);
  request(pair, 1);
  pair.front.publish();
  pair.shared.rsp_prod = 2;
  t.notOk(pair.front.isResponseOverflow(), 'the macro lets it pass');
  t.equal(pair.front.sampleResponses(), RING_OVERFLOW);
});

t.test('a full ring is processed, not taken for an empty one', async (t) => {
  for (const start of [0, 6]) {
    const pair = ringPair(NARROW, start);
    for (let i = 0; i < 4; i++) request(pair, 10 + i);
    t.ok(pair.front.push());
    t.equal(pair.back.sampleRequests(), 4);
    t.strictSame([take(pair), take(pair), take(pair), take(pair)], [10, 11, 12, 13]);
    for (let i = 0; i < 4; i++) respond(pair, 20 + i);
    t.ok(pair.back.push());
    t.equal(pair.front.sampleResponses(), 4);
    t.strictSame([see(pair), see(pair), see(pair), see(pair)], [20, 21, 22, 23]);
    t.equal(pair.front.freeRequests(), 4);
  }
});

t.test('indices of 3 bits wrap within ten requests', async (t) => {
  const pair = ringPair(NARROW);
  const producers: number[] = [];
  for (let id = 0; id < 10; id++) {
    request(pair, id);
    t.ok(pair.front.push(), 'the backend sleeps, so it is told');
    producers.push(pair.shared.req_prod);
    t.equal(pair.back.sampleRequests(), 1);
    t.equal(take(pair), id);
    t.notOk(pair.back.finalCheck());
    respond(pair, id + 100);
    t.ok(pair.back.push());
    t.equal(pair.front.sampleResponses(), 1);
    t.equal(see(pair), id + 100);
    t.notOk(pair.front.finalCheck());
  }
  t.strictSame(producers, [1, 2, 3, 4, 5, 6, 7, 0, 1, 2]);
});

t.test('the final check asks to be told of the very next entry', async (t) => {
  const pair = ringPair(NARROW);
  t.notOk(pair.back.finalCheck());
  t.equal(pair.shared.req_event, 1);
  request(pair, 1);
  t.ok(pair.front.push(), 'the first one notifies');
  request(pair, 2);
  t.notOk(pair.front.push(), 'the second does not: the backend is awake');
  take(pair);
  pair.shared.req_event = 7;
  t.ok(pair.back.finalCheck(), 'there is work');
  t.equal(pair.shared.req_event, 7, 'then the event stays as it is');
  take(pair);
  t.notOk(pair.back.finalCheck());
  t.equal(pair.shared.req_event, 3);
});

t.test('a published entry is copied once and the copy does not change', async (t) => {
  const pair = ringPair(NARROW);
  request(pair, 1);
  pair.front.publish();
  const loads: number[] = [];
  pair.memory.observer = {
    load: (address) => address >= SHARED + 64 && address < SHARED + PAGE_SIZE && loads.push(address),
    store: () => {},
  };
  take(pair);
  pair.memory.observer = null;
  t.strictSame(loads, [SHARED + 64, SHARED + 68], 'each word of the entry once');
  pair.memory.write32(SHARED + 64, 99);
  t.equal(pair.memory.read32(BACK_COPY), 1);
});

t.test('a producer is loaded once for its check and its use', async (t) => {
  const pair = ringPair(NARROW);
  request(pair, 1);
  pair.front.publish();
  let loads = 0;
  pair.memory.observer = {
    load: (address) => {
      if (address === SHARED || address === SHARED + 8) loads++;
    },
    store: () => {},
  };
  pair.back.sampleRequests();
  t.equal(loads, 1);
  pair.front.sampleResponses();
  t.equal(loads, 2);
});

t.test('an end is its memory: another object over the same addresses goes on', async (t) => {
  const pair = ringPair(NARROW);
  request(pair, 5);
  const { memory } = pair;
  const front = new FrontRing(NARROW, { memory, sharedAddress: SHARED, privateAddress: FRONT });
  front.publish();
  const back = new BackRing(NARROW, { memory, sharedAddress: SHARED, privateAddress: BACK });
  t.equal(take({ ...pair, back }), 5);
  t.strictSame([front.requestProducer, pair.back.requestConsumer, pair.back.responseProducer], [1, 1, 0]);
});

t.test('back: attaching takes unanswered requests again', async (t) => {
  const pair = ringPair(NARROW, 6);
  for (const id of [1, 2, 3]) request(pair, id);
  pair.front.publish();
  take(pair);
  take(pair);
  respond(pair, 1);
  pair.back.publish();
  t.ok(pair.back.attach(), 'the backend was restarted');
  t.equal(pair.back.sampleRequests(), 2);
  t.strictSame([take(pair), take(pair)], [2, 3]);
  t.ok(pair.back.attach(0), 'or knows that it has executed one more');
  t.equal(take(pair), 3);
});

t.test('front: attaching goes on after the last request published', async (t) => {
  const pair = ringPair(NARROW, 6);
  for (const id of [1, 2, 3]) request(pair, id);
  pair.front.publish();
  take(pair);
  respond(pair, 11);
  pair.back.publish();
  t.ok(pair.front.attach(), 'what was answered before counts as seen');
  t.equal(pair.front.freeRequests(), 2);
  t.equal(pair.front.sampleResponses(), 0);
  t.ok(pair.front.attach(6), 'or not');
  t.equal(pair.front.freeRequests(), 1);
  t.equal(see(pair), 11);
});

t.test('attaching refuses indices that cannot belong together, and stores nothing', async (t) => {
  const pair = ringPair(WIDE);
  const { memory, shared, front, back } = pair;
  const refused = (end: FrontRing | BackRing, found: readonly [number, number], start?: number): void => {
    [shared.req_prod, shared.rsp_prod] = found;
    const { journalLength } = memory;
    t.notOk(end.attach(start), `requests ${found[0]}, responses ${found[1]}, start ${start}`);
    t.equal(memory.journalLength, journalLength);
  };
  for (const end of [front, back]) {
    refused(end, [33, 0]); // more outstanding than entries
    refused(end, [0, 1]); // more answers than requests
    refused(end, [0, 0xdeadbeef]);
  }
  refused(back, [5, 2], 1); // takes again what was answered
  refused(back, [5, 2], 6); // skips what was never asked
  refused(front, [5, 2], 3); // has seen answers that are not there
  refused(front, [40, 30], 7); // 33 requests outstanding
  [shared.req_prod, shared.rsp_prod] = [32, 0];
  t.ok(front.attach());
  t.ok(back.attach());
  t.equal(back.sampleRequests(), 32);
});
