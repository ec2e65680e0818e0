/**
 * Both ends of a ring do what they can in any order: nothing is lost, nothing comes twice, nothing changes places.
 */
import fc from 'fast-check';
import t from 'tap';
import { type RingShape, ringShape } from '../protocol/ring.js';
import { BACK, type RingPair, request, respond, ringPair, see, take } from './support/ring-pair.js';

/** Moves of a fuzzer; one that is not possible now does nothing. */
const MOVES = ['request', 'publish requests', 'take', 'respond', 'publish responses', 'see'] as const;
type Move = (typeof MOVES)[number];

/** A plain account of what the ring should hold. */
class Account {
  requests = 0;
  taken: number[] = [];
  seen = 0;

  apply(move: Move, pair: RingPair): boolean {
    switch (move) {
      case 'request':
        if (!pair.front.isFull()) request(pair, this.requests++);
        return this.requests - this.seen <= pair.front.shape.size;
      case 'publish requests':
        pair.front.publish();
        return true;
      case 'take': {
        const count = pair.back.sampleRequests();
        if (count !== pair.back.unconsumedRequests()) return false;
        if (count > 0) this.taken.push(take(pair));
        return true;
      }
      case 'respond': {
        const id = this.taken.shift();
        if (id !== undefined) respond(pair, id);
        return true;
      }
      case 'publish responses':
        pair.back.publish();
        return true;
      case 'see':
        return pair.front.sampleResponses() === 0 || see(pair) === this.seen++;
    }
  }

  /** Lets both ends run dry, then compares. */
  settle(pair: RingPair): boolean {
    const round = ['publish requests', 'take', 'respond', 'publish responses', 'see'] as const;
    for (let i = 0; i < 2 * pair.front.shape.size; i++) {
      for (const move of round) if (!this.apply(move, pair)) return false;
    }
    return this.seen === this.requests && pair.front.freeRequests() === pair.front.shape.size;
  }
}

const SHAPES: readonly (readonly [name: string, shape: RingShape, start: number])[] = [
  ['one entry, indices of 1 bit', ringShape({ entrySize: 4, bits: 1, size: 1 }), 0],
  ['four entries, indices of 3 bits', ringShape({ entrySize: 8, bits: 3, size: 4 }), 0],
  ['four entries, indices of 5 bits', ringShape({ entrySize: 12, bits: 5, size: 4 }), 30],
  ['32 entries, indices of 32 bits about to wrap', ringShape({ entrySize: 112 }), 0xfffffff0],
];

for (const [name, shape, start] of SHAPES) {
  t.test(`no order of steps loses or doubles an entry: ${name}`, async () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...MOVES), { minLength: 10, maxLength: 300 }), (moves) => {
        const pair = ringPair(shape, start);
        const account = new Account();
        return moves.every((move) => account.apply(move, pair)) && account.settle(pair);
      }),
      { numRuns: 60 },
    );
  });
}

t.test('the account notices an entry that is lost, and one that comes twice', async (t) => {
  for (const fault of [1, -1]) {
    const pair = ringPair(ringShape({ entrySize: 8, bits: 3, size: 4 }));
    const account = new Account();
    for (let i = 0; i < 3; i++) account.apply('request', pair);
    pair.front.publish();
    account.apply('take', pair);
    // The backend forgets where it was, by one.
    pair.memory.write32(BACK + 4, (pair.back.requestConsumer + fault) & 7);
    t.notOk(account.settle(pair));
  }
});
