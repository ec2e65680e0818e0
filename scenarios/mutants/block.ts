/** Faults seeded into shared rings, the block pair, and the identity of block devices. */
import { foundBy, type Mutant, mutant, survives } from './mutant.js';

const FRONT = 'frontend/blkfront/ring-queue.ts';
const BLKFRONT = 'frontend/blkfront/blkfront.ts';
const BACK = 'backend/blkback/blkback.ts';
const REQUESTS = 'backend/blkback/requests.ts';
const IDENTITY = 'backend/device-identity.ts';

const NEVER_WOKEN =
  'what came between the last look and the arming of the event is not notified, and nobody looks again before something ' +
  'else happens';

export const BLOCK_MUTANTS: readonly Mutant[] = [
  mutant(
    'front-does-not-look-again',
    'no second check for responses after arming',
    [FRONT, "recheck: (ring) => (ring.ring().recheck() ? 'take' : DONE),", 'recheck: () => DONE,'],
    foundBy('block two at once', 'no-hang', NEVER_WOKEN),
  ),
  mutant(
    'back-does-not-look-again',
    'no second check for requests after arming',
    [BACK, "recheck: (back) => (back.ring().recheck() ? 'look' : DONE),", 'recheck: () => DONE,'],
    foundBy('block restore/linux', 'no-hang', NEVER_WOKEN),
  ),
  mutant(
    'ring-notifies-one-too-late',
    'the event index itself does not count as passed',
    [
      'protocol/ring.ts',
      'return ringDistance(shape, move.event, move.after) < ringDistance(shape, move.before, move.after);',
      'return ringDistance(shape, move.event, move.after) + 1 < ringDistance(shape, move.before, move.after);',
    ],
    foundBy('block boot', 'no-hang', 'the event is never the one that is asked for, so nobody is ever notified'),
  ),
  mutant(
    'front-asks-for-the-response-after-next',
    'the event is armed one entry too far',
    [
      'protocol/ring-front.ts',
      'this.#shared.rsp_event = ringAdd(this.shape, this.#own.rsp_cons, 1);',
      'this.#shared.rsp_event = ringAdd(this.shape, this.#own.rsp_cons, 2);',
    ],
    foundBy('block restore/linux', 'no-hang', 'a single response raises no event'),
  ),
  mutant(
    'ring-has-one-entry-more',
    'a full ring is not full',
    [
      'protocol/ring-front.ts',
      'return this.shape.size - ringDistance(this.shape, this.#own.rsp_cons, this.#own.req_prod_pvt);',
      'return this.shape.size + 1 - ringDistance(this.shape, this.#own.rsp_cons, this.#own.req_prod_pvt);',
    ],
    survives(
      'ring',
      "Linux's blkfront has as many private copies as its ring has entries, and without a copy it sends nothing: that limit " +
        'comes first',
    ),
  ),
  mutant(
    'ring-answers-one-more',
    'the producer of responses is moved one entry too far',
    [
      'protocol/ring-back.ts',
      'this.#shared.rsp_prod = this.#own.rsp_prod_pvt;',
      'this.#shared.rsp_prod = ringAdd(this.shape, this.#own.rsp_prod_pvt, 1);',
    ],
    foundBy(
      'block restore/linux',
      'right-answer',
      'the frontend compares the index with the requests it has sent: more responses than requests',
    ),
  ),
  mutant(
    'ring-asks-for-more-than-it-has',
    'the producer of requests is moved a whole ring too far',
    [
      'protocol/ring-front.ts',
      'this.#shared.req_prod = this.#own.req_prod_pvt;',
      'this.#shared.req_prod = ringAdd(this.shape, this.#own.req_prod_pvt, this.shape.size);',
    ],
    foundBy(
      'block restore/linux',
      'right-answer',
      'the backend compares the index with its entries: more requests than the ring has entries',
    ),
  ),
  mutant(
    'back-answers-what-was-not-asked',
    'a response carries the number after that of its request',
    [
      'protocol/blkif.ts',
      'memory.read32(request + abi.request.offset.id_low));',
      'memory.read32(request + abi.request.offset.id_low) + 1);',
    ],
    foundBy(
      'block restore/linux',
      'right-answer',
      'the frontend looks the number up among the requests in flight: a response to a request that was never made',
    ),
  ),
  mutant(
    'front-ends-the-grant-at-once',
    'the grant of a page is ended when its request is published',
    [
      FRONT,
      'this.state.published_from = this.ring().publish();\n',
      'const { ref } = this.requests.copyAt(this.requests.at(this.state.current - 1).copy);\n' +
        'this.services.host.grants.endAccess(this.services.domain, ref);\n' +
        'this.state.published_from = this.ring().publish();\n',
    ],
    foundBy(
      'block restore/linux',
      'exactly-once',
      'the backend cannot map the page and answers with an error, on a disk that works',
    ),
  ),
  mutant(
    'front-does-not-send-again',
    'what was in flight is not sent again after the reconnect',
    [BLKFRONT, 'if (requests.requeued) this.recoverTask.start();\n', ''],
    foundBy('block restore/linux', 'no-hang', 'the request is in no ring, and its user waits for ever'),
  ),
  mutant(
    'back-closes-under-its-requests',
    'ring and channel are given back while a request is under way',
    [BACK, 'if (!state.closing || requests.busy) return;', 'if (!state.closing) return;'],
    foundBy(
      'block restore/linux',
      ['stray-memory', 'driver-fault'],
      'the response is stored into a page that is mapped no longer, or counted in a ring whose indices are gone',
    ),
  ),
  {
    name: 'back-answers-before-it-writes',
    what: 'the response is published before the request is done',
    edits: [
      {
        file: REQUESTS,
        old: '    execute: { when: (requests) => requests.mayExecute(number), run: (requests) => requests.execute(number) },\n',
        new: '',
      },
      {
        file: REQUESTS,
        old: '    respond: (requests) => requests.respond(number),',
        new: '    respond: (requests) => requests.respond(number),\n    execute: (requests) => requests.execute(number),',
      },
      { file: REQUESTS, old: "start(status === BlkifStatus.Okay ? 'execute' : 'respond')", new: "start('respond')" },
    ],
    found: foundBy('block restore/linux', 'exactly-once', 'the user is told of a write that is not on the disk yet'),
  },
  mutant(
    'back-flushes-nothing',
    'a flush is answered and not done',
    [
      REQUESTS,
      'if (operation === BlkifOperation.WriteBarrier || operation === BlkifOperation.FlushDiskcache)\n',
      'if (operation === BlkifOperation.WriteBarrier)\n',
    ],
    foundBy(
      'block restore/linux/flush',
      'exactly-once',
      'the flush is acknowledged, and the write before it is in the cache only',
    ),
  ),
  mutant(
    'back-skips-what-was-published',
    'a new process begins behind the last request and not behind the last response',
    ['protocol/ring-back.ts', 'const first = start ?? responses;', 'const first = start ?? requests;'],
    foundBy(
      'block killed between steps/linux/takes-over',
      ['no-hang', 'right-answer'],
      'what its predecessor had taken and not answered is answered by nobody',
    ),
  ),
  mutant(
    'identity-is-the-number-alone',
    'the disk sequence number is not compared',
    [IDENTITY, "if (claimed.diskseq !== null && claimed.diskseq !== found.diskseq) return differs('diskseq');\n", ''],
    foundBy(
      'device-identity/01 I',
      'right-device',
      'the number was given to another disk, and nothing else is compared',
    ),
  ),
  mutant(
    'identity-of-another-boot',
    'the boot id is not compared',
    [IDENTITY, "return differs('bootId');\n", 'void 0;\n'],
    foundBy(
      'device-identity/34b I',
      'right-device',
      'numbers and sequence numbers begin again, and may be those of another disk',
    ),
  ),
];
