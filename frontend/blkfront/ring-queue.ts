/**
 * The ring of a blkfront: requests onto it and responses off it, each under the lock of the ring, in which nothing else
 * of the guest runs.
 *
 *     fill -> publish -> notify        take, take ... -> arm -> recheck
 */
import { DONE, Task, task } from '../../hypervisor/steps.js';
import {
  BLKIF_SECTORS_PER_PAGE,
  BlkifOperation,
  BlkifSegment,
  BlkifStatus,
  blkifStatusOf,
  segmentAddress,
} from '../../protocol/blkif.js';
import { RING_OVERFLOW } from '../../protocol/ring.js';
import { FrontRing } from '../../protocol/ring-front.js';
import type { BlkfrontServices } from './blkfront.js';
import { BlkfrontState, RequestState } from './memory.js';
import type { Requests } from './requests.js';

type State = ReturnType<(typeof BlkfrontState)['view']>;

/** One request onto the ring, under the lock of the ring. */
const send = task<RingQueue>(
  'send',
  {
    fill: (ring) => ring.fill(),
    publish: (ring) => ring.publish(),
    notify: (ring) => ring.notify(),
  },
  { exclusive: true },
);

/** Responses off the ring, under the same lock. */
const receive = task<RingQueue>(
  'receive',
  {
    take: (ring) => ring.take(),
    arm: (ring) => ring.ring().armEvent(),
    recheck: (ring) => (ring.ring().recheck() ? 'take' : DONE),
  },
  { exclusive: true },
);

export class RingQueue {
  readonly services: BlkfrontServices;
  readonly state: State;
  readonly requests: Requests;
  readonly sendTask: Task<RingQueue>;
  readonly receiveTask: Task<RingQueue>;
  readonly #request;
  readonly #response;
  readonly #segment;
  /** One window for each page that can hold the ring. */
  readonly #rings: Map<number, FrontRing> = new Map();

  constructor(services: BlkfrontServices, state: State, requests: Requests) {
    const { memory, abi } = services;
    this.services = services;
    this.state = state;
    this.requests = requests;
    this.#request = abi.request.view(memory);
    this.#response = abi.response.view(memory);
    this.#segment = BlkifSegment.view(memory);
    this.sendTask = new Task(memory, send, this, state.base + BlkfrontState.offset.send);
    this.receiveTask = new Task(memory, receive, this, state.base + BlkfrontState.offset.receive);
  }

  /** Puts open request `request` on the ring; there must be room. */
  send(request: number): void {
    this.state.current = request + 1;
    this.sendTask.start();
  }

  /** Whether there is room for a request, and none is being put on the ring. */
  get hasRoom(): boolean {
    const { state } = this;
    return !state.broken && !this.sendTask.running && state.free !== 0 && !this.ring().isFull();
  }

  fill(): void {
    const { state, services, requests } = this;
    const request = state.current - 1;
    const { operation, block } = requests.at(request);
    const flush = operation === BlkifOperation.FlushDiskcache;
    const ref = flush
      ? 0
      : services.host.grants.grantAccess(services.domain, state.backend_domid, requests.dataPfn(request));
    const copy = requests.takeCopy(state, request, ref);
    requests.at(request).state = RequestState.InFlight;
    const ring = this.ring();
    const entry = this.#request.at(ring.requestSlot());
    services.memory.clear(entry.base, services.shape.entrySize);
    entry.operation = operation;
    entry.id_low = copy;
    if (!flush) {
      entry.nr_segments = 1;
      entry.sector_number = block * BLKIF_SECTORS_PER_PAGE;
      const segment = this.#segment.at(segmentAddress(services.abi, entry.base, 0));
      segment.gref = ref;
      segment.last_sect = BLKIF_SECTORS_PER_PAGE - 1;
    }
    ring.commitRequest();
  }

  publish(): void {
    this.state.published_from = this.ring().publish();
    this.state.current = 0;
  }

  notify(): void {
    const { services, state } = this;
    if (this.ring().shouldNotify(state.published_from)) services.host.events.send(services.domain, state.port);
    state.published_from = 0;
  }

  /** Takes one response, if there is one. */
  take(): string | typeof DONE {
    const { state, services, requests } = this;
    const ring = this.ring();
    const count = ring.sampleResponses();
    if (count === RING_OVERFLOW) return this.#break('more responses than requests');
    if (count === 0) return 'arm';
    services.memory.copy(ring.responseSlot(), state.response, services.abi.response.size);
    ring.consumeResponse();
    const response = this.#response.at(state.response);
    const { id_low: id, operation } = response;
    if (response.id_high !== 0 || !requests.inFlight(id)) return this.#break(`a response to request ${id}`);
    const request = requests.copyAt(id).request - 1;
    if (operation !== requests.at(request).operation) return this.#break(`a response of operation ${operation}`);
    const okay = blkifStatusOf(response.status) === BlkifStatus.Okay;
    services.memory.clear(state.response, services.abi.response.size);
    const { ref } = requests.copyAt(id);
    if (ref !== 0 && !services.host.grants.endAccess(services.domain, ref)) return this.#break('a grant still in use');
    requests.freeCopy(state, id);
    this.finish(request, okay);
    return 'take';
  }

  ring(): FrontRing {
    const { memory, shape, domain } = this.services;
    const sharedAddress = domain.page(this.state.ring_pfn);
    let ring = this.#rings.get(sharedAddress);
    if (ring === undefined) {
      ring = new FrontRing(shape, { memory, sharedAddress, privateAddress: this.state.ring });
      this.#rings.set(sharedAddress, ring);
    }
    return ring;
  }

  finish(request: number, okay: boolean): void {
    const { services, requests } = this;
    const { number } = requests.at(request);
    const value = services.memory.read32(requests.data(request));
    requests.close(request);
    if (okay) services.answered(number, value);
    else services.failed(number);
  }

  #break(found: string): typeof DONE {
    this.state.broken = true;
    this.services.probe.nonsense(this.services.slot, `blkfront: ${found}`);
    return DONE;
  }
}
