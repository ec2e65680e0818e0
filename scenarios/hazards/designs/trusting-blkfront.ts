/**
 * Frontends of a block device that believe their backend in one thing each: what the series on untrusted backends of 2021
 * took away from Linux's.
 */
import { Blkfront, type BlkfrontServices } from '../../../frontend/blkfront/blkfront.js';
import type { BlkfrontState } from '../../../frontend/blkfront/memory.js';
import { Requests } from '../../../frontend/blkfront/requests.js';
import { RingQueue } from '../../../frontend/blkfront/ring-queue.js';
import { segmentAddress } from '../../../protocol/blkif.js';
import { entryAddress } from '../../../protocol/ring.js';
import { FrontRing, FrontRingPrivate } from '../../../protocol/ring-front.js';

type State = ReturnType<(typeof BlkfrontState)['view']>;

class BelievingRing extends FrontRing {
  override sampleResponses(): number {
    return this.unconsumedResponses();
  }
}

/** Takes responses as long as the producer says that there are more. */
class BelievesTheProducer extends RingQueue {
  override ring(): FrontRing {
    const { memory, shape, domain } = this.services;
    const sharedAddress = domain.page(this.state.ring_pfn);
    return new BelievingRing(shape, { memory, sharedAddress, privateAddress: this.state.ring });
  }
}

/** Looks at the number of a response where it lies, and then copies the response; passes over one that is not in flight. */
class LooksInPlace extends RingQueue {
  override take(): ReturnType<RingQueue['take']> {
    const ring = this.ring();
    const { memory } = this.services;
    if (ring.sampleResponses() > 0 && !this.requests.inFlight(memory.read32(ring.responseSlot()))) {
      ring.consumeResponse();
      return 'take';
    }
    return super.take();
  }
}

/** A table that takes every number for that of a request in flight. */
class BelievingTable extends Requests {
  override inFlight(): boolean {
    return true;
  }
}

class BelievesTheNumber extends RingQueue {
  constructor(services: BlkfrontServices, state: State) {
    const { memory, domain, shape, rules } = services;
    super(services, state, new BelievingTable(memory, domain, shape.size, rules));
  }
}

/** A table that reads the grant of a request back from the ring. */
class ForgetfulTable extends Requests {
  readonly #services: BlkfrontServices;
  readonly #state: State;

  constructor(services: BlkfrontServices, state: State) {
    const { memory, domain, shape, rules } = services;
    super(memory, domain, shape.size, rules);
    this.#services = services;
    this.#state = state;
  }

  override inFlight(id: number): boolean {
    if (!super.inFlight(id)) return false;
    const { memory, domain, shape, abi } = this.#services;
    const next = memory.read32(this.#state.ring + FrontRingPrivate.offset.rsp_cons);
    const entry = entryAddress(shape, domain.page(this.#state.ring_pfn), next - 1);
    this.copyAt(id).ref = memory.read32(segmentAddress(abi, entry, 0));
    return true;
  }
}

class EndsWhatThePageSays extends RingQueue {
  constructor(services: BlkfrontServices, state: State) {
    super(services, state, new ForgetfulTable(services, state));
  }
}

type Create = (services: BlkfrontServices) => Blkfront;

const withQueue =
  (Queue: typeof RingQueue): Create =>
  (services) =>
    new Blkfront(services, Queue);

/** By the names of their rules. */
export const TRUSTING_BLKFRONTS = {
  'believes-the-producer': withQueue(BelievesTheProducer),
  'looks-in-place': withQueue(LooksInPlace),
  'believes-the-number': withQueue(BelievesTheNumber),
  'ends-what-the-page-says': withQueue(EndsWhatThePageSays),
} as const satisfies Readonly<Record<string, Create>>;

export type TrustingBlkfront = keyof typeof TRUSTING_BLKFRONTS;
