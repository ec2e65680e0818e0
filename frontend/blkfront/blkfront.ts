/**
 * blkfront: the guest's end of a virtual disk, after Linux's xen-blkfront as recorded on Xen 4.17.
 *
 *     connection   Detached -> Publishing -> Initialised -> Connected -> Closed
 *     a request    submit -> fill -> publish -> notify -> (interrupt) -> take -> answered
 *     resume       requests in flight are requeued; ring given up; handshake; requests sent again
 *
 * What is sent again, and in which order, is for the rules (`rules.ts`). Not modelled: more than one queue, grants that
 * stay mapped, indirect requests, more than one segment.
 */
import type { BlockProbe } from '../../hypervisor/block-probe.js';
import type { Domain } from '../../hypervisor/domain.js';
import type { Host } from '../../hypervisor/host.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { DONE, type Step, type StepResult, Task, type TaskDefinition, task } from '../../hypervisor/steps.js';
import {
  BLKIF_SECTORS_PER_PAGE,
  BLKIF_X86_64,
  BlkifOperation,
  BlkifSegment,
  BlkifStatus,
  blkifStatusOf,
  segmentAddress,
} from '../../protocol/blkif.js';
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import type { AnyLayout } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { initialiseSharedRing, RING_OVERFLOW, type RingShape } from '../../protocol/ring.js';
import { FrontRing } from '../../protocol/ring-front.js';
import { vbdPaths } from '../../protocol/vbd-paths.js';
import { DeviceNode, parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';
import { BlkfrontState, DRIVER_PFN, RequestState, RING_PAGES, RING_PFN } from './memory.js';
import { type BlockRequest, Requests } from './requests.js';
import type { BlkfrontRules } from './rules.js';

export const BlkfrontConnection = {
  Detached: 0,
  Publishing: 1,
  Initialised: 2,
  Connected: 3,
  Closed: 4,
  /** It has closed for a backend that came back, and waits for that to close too; then for it to open again. */
  Restarting: 5,
  Reopening: 6,
} as const;

/** What a guest's kernel gives its blkfront. */
export interface BlkfrontServices {
  readonly slot: number;
  readonly memory: JournaledMemory;
  readonly domain: Domain;
  readonly host: Host;
  readonly store: StoreAccess;
  readonly probe: BlockProbe;
  readonly rules: BlkfrontRules;
  readonly shape: RingShape;
  /** Whether requests to the store can be made. */
  storeOpen(): boolean;
  /** The user's operation `number` is done; `value` is the first word of the block that was read. */
  answered(number: number, value: number): void;
  failed(number: number): void;
  watchOtherend(backendDomid: number, frontendDomid: number): void;
  unwatchOtherend(): void;
  otherendWatched(): boolean;
}

function storeStep(run: (front: Blkfront) => StepResult): Step<Blkfront> {
  return { when: (front) => front.services.storeOpen(), run };
}

/** The handshake up to state 3; `otherendChanged` goes on from there. */
const connect = task<Blkfront>('connect', {
  setup_ring: (front) => front.setupRing(),
  publish_nodes: storeStep((front) => front.publishNodes()),
  initialised: storeStep((front) => front.initialised()),
  watch_otherend: storeStep((front) => front.watchOtherend()),
});

/** One request onto the ring, under the lock of the ring. */
const queue = task<Blkfront>(
  'queue',
  {
    fill: (front) => front.fill(),
    publish: (front) => front.publish(),
    notify: (front) => front.notify(),
  },
  { exclusive: true },
);

/** Responses off the ring, under the same lock. */
const receive = task<Blkfront>(
  'receive',
  {
    take: (front) => front.take(),
    arm: (front) => front.ring().armEvent(),
    recheck: (front) => (front.ring().recheck() ? 'take' : DONE),
  },
  { exclusive: true },
);

const recover = task<Blkfront>('recover', {
  send_again: { when: (front) => front.mayQueue(), run: (front) => front.sendAgain() },
});

export class Blkfront {
  readonly name: string;
  readonly layout: AnyLayout = BlkfrontState;
  readonly services: BlkfrontServices;
  readonly state;
  readonly requests: Requests;
  readonly connectTask: Task<Blkfront>;
  readonly queueTask: Task<Blkfront>;
  readonly receiveTask: Task<Blkfront>;
  readonly recoverTask: Task<Blkfront>;
  readonly #request;
  readonly #response;
  readonly #segment;
  /** One window for each page that can hold the ring. */
  readonly #rings: Map<number, FrontRing> = new Map();

  constructor(services: BlkfrontServices) {
    const { memory, domain, rules, shape } = services;
    this.services = services;
    this.name = rules.name;
    const page = domain.page(DRIVER_PFN);
    this.state = BlkfrontState.view(memory).at(page);
    this.requests = new Requests(memory, domain, shape.size, rules);
    this.#request = BLKIF_X86_64.request.view(memory);
    this.#response = BLKIF_X86_64.response.view(memory);
    this.#segment = BlkifSegment.view(memory);
    const create = (definition: TaskDefinition<Blkfront>, field: 'connect' | 'queue' | 'receive' | 'recover') =>
      new Task(memory, definition, this, page + BlkfrontState.offset[field]);
    this.connectTask = create(connect, 'connect');
    this.queueTask = create(queue, 'queue');
    this.receiveTask = create(receive, 'receive');
    this.recoverTask = create(recover, 'recover');
  }

  get port(): number {
    return this.state.port;
  }

  /** Whether `submit` may be called now. */
  accepts(): boolean {
    if (!this.services.rules.newFirst && this.requests.requeued) return false;
    return this.mayQueue() && this.requests.findFree() >= 0;
  }

  submit(asked: BlockRequest): void {
    const { state, requests } = this;
    const request = requests.findFree();
    requests.open(request, asked, state.taken);
    state.taken += 1;
    state.current = request + 1;
    this.queueTask.start();
  }

  /** Whether a request can be put on the ring now. */
  mayQueue(): boolean {
    const { state } = this;
    if (state.connection !== BlkfrontConnection.Connected || state.broken || this.queueTask.running) return false;
    return state.free !== 0 && !this.ring().isFull();
  }

  /** The toolstack has made the device. */
  probe(): void {
    const { state, services } = this;
    state.xenbus_state = XenbusState.Initialising;
    this.requests.resetCopies(state);
    this.#readOtherend();
    services.watchOtherend(state.backend_domid, services.domain.domid);
  }

  /** The state node of the backend has changed, or the watch fired for some other reason. */
  otherendChanged(): void {
    const { state, services } = this;
    const { connection } = state;
    switch (parseXenbusState(services.store.read(this.#otherend(DeviceNode.State)))) {
      case XenbusState.InitWait:
        if (connection === BlkfrontConnection.Detached || connection === BlkfrontConnection.Reopening) {
          if (!this.connectTask.running) this.connectTask.start();
        } else if (connection === BlkfrontConnection.Connected && services.rules.restart === 'new-ring') {
          state.connection = BlkfrontConnection.Restarting;
          this.switchState(XenbusState.Closed);
        }
        return;
      case XenbusState.Connected:
        if (connection === BlkfrontConnection.Initialised) this.#connected();
        return;
      case XenbusState.Closed:
        if (connection === BlkfrontConnection.Restarting) this.#reopen();
        else this.#closing();
        return;
      case XenbusState.Closing:
        this.#closing();
        return;
      default:
        return;
    }
  }

  interrupt(): void {
    const { state } = this;
    if (state.connection === BlkfrontConnection.Connected && !state.broken && !this.receiveTask.running)
      this.receiveTask.start();
  }

  /** The domain goes on in a new domain. Where a suspend is cancelled nothing is to be done, and nothing is called. */
  resume(): void {
    const { state, services } = this;
    services.unwatchOtherend();
    this.#requeue(false);
    state.port = 0;
    state.ring_ref = 0;
    state.xenbus_state = XenbusState.Initialising;
    this.#readOtherend();
    this.connectTask.start();
  }

  resumed(): boolean {
    return !this.connectTask.running;
  }

  /** A new page for the ring, zeroed, granted, and a port. */
  setupRing(): void {
    const { state, services } = this;
    const { memory, domain, host } = services;
    state.connection = BlkfrontConnection.Publishing;
    if (state.ring_pfn !== 0) memory.clear(domain.page(state.ring_pfn), PAGE_SIZE);
    state.ring_pfn = state.ring_pfn === RING_PFN ? RING_PFN + RING_PAGES - 1 : RING_PFN;
    const page = domain.page(state.ring_pfn);
    memory.clear(page, PAGE_SIZE);
    initialiseSharedRing(memory, page);
    this.ring().initialise();
    memory.clear(state.response, BLKIF_X86_64.response.size);
    state.broken = false;
    state.ring_ref = host.grants.grantAccess(domain, state.backend_domid, state.ring_pfn);
    state.port = host.events.allocateUnbound(domain, state.backend_domid);
  }

  publishNodes(): void {
    const { store } = this.services;
    store.transaction(() => {
      store.write(this.#own(DeviceNode.RingRef), String(this.state.ring_ref));
      store.write(this.#own(DeviceNode.EventChannel), String(this.state.port));
      store.write(this.#own(BlkifNode.Protocol), BLKIF_X86_64.name);
      store.write(this.#own(BlkifNode.FeaturePersistent), '1');
    });
  }

  initialised(): void {
    this.state.connection = BlkfrontConnection.Initialised;
    this.switchState(XenbusState.Initialised);
  }

  /** Only after a resume: at boot it is set before there is anything to publish. */
  watchOtherend(): void {
    const { state, services } = this;
    if (!services.otherendWatched()) services.watchOtherend(state.backend_domid, services.domain.domid);
  }

  /** Writes the state node unless it holds that already. A device whose node is gone is not brought back. */
  switchState(xenbusState: XenbusState): void {
    const { state, services } = this;
    if (state.xenbus_state === xenbusState) return;
    const node = this.#own(DeviceNode.State);
    services.store.transaction(() => {
      if (services.store.read(node) !== null) services.store.write(node, String(xenbusState));
    });
    state.xenbus_state = xenbusState;
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
      const segment = this.#segment.at(segmentAddress(BLKIF_X86_64, entry.base, 0));
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
    services.memory.copy(ring.responseSlot(), state.response, BLKIF_X86_64.response.size);
    ring.consumeResponse();
    const response = this.#response.at(state.response);
    const { id_low: id, operation } = response;
    if (response.id_high !== 0 || !requests.inFlight(id)) return this.#break(`a response to request ${id}`);
    const request = requests.copyAt(id).request - 1;
    if (operation !== requests.at(request).operation) return this.#break(`a response of operation ${operation}`);
    const okay = blkifStatusOf(response.status) === BlkifStatus.Okay;
    services.memory.clear(state.response, BLKIF_X86_64.response.size);
    const { ref } = requests.copyAt(id);
    if (ref !== 0 && !services.host.grants.endAccess(services.domain, ref)) return this.#break('a grant still in use');
    requests.freeCopy(state, id);
    this.#finish(request, okay);
    return 'take';
  }

  sendAgain(): string | typeof DONE {
    const { state, requests } = this;
    const request = requests.nextRequeued();
    if (request < 0) return DONE;
    requests.at(request).state = RequestState.Waiting;
    requests.at(request).copy = 0;
    state.current = request + 1;
    this.queueTask.start();
    return requests.requeued ? 'send_again' : DONE;
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

  /** The backend is connected: what it says of the disk is read, and what waits is sent. */
  #connected(): void {
    const { state, services, requests } = this;
    if (services.store.read(this.#otherend(BlkifNode.Sectors)) === null) return;
    state.connection = BlkfrontConnection.Connected;
    this.switchState(XenbusState.Connected);
    if (requests.requeued) this.recoverTask.start();
  }

  /** The backend does not want the device any more: what is open fails. */
  #closing(): void {
    const { state, requests } = this;
    if (state.connection === BlkfrontConnection.Closed) return;
    this.#stop();
    state.connection = BlkfrontConnection.Closed;
    requests.forEachCopy((_, request) => this.#finish(request, false));
    for (let next = requests.nextRequeued(); next >= 0; next = requests.nextRequeued()) this.#finish(next, false);
    requests.resetCopies(state);
    this.switchState(XenbusState.Closed);
  }

  /** The backend has closed: the old ring is nobody's, and the next one can be offered when it waits again. */
  #reopen(): void {
    const { state, services } = this;
    const { host, domain } = services;
    this.#requeue(true);
    host.grants.endAccess(domain, state.ring_ref);
    host.events.close(domain, state.port);
    state.port = 0;
    state.connection = BlkfrontConnection.Reopening;
    this.switchState(XenbusState.Initialising);
  }

  /** Takes every request in flight off the ring, whatever the ring says of it. `grants`: they are still there to end. */
  #requeue(grants: boolean): void {
    const { state, services, requests } = this;
    const { rules } = services;
    this.#stop();
    state.connection = BlkfrontConnection.Detached;
    requests.forEachCopy((copy, request, ref) => {
      if (grants && ref !== 0) services.host.grants.endAccess(services.domain, ref);
      const open = requests.at(request);
      const flush = open.operation === BlkifOperation.FlushDiskcache;
      const fate = flush ? rules.flushes : rules.requests;
      open.copy = copy;
      open.state = RequestState.Requeued;
      if (fate === 'reported-done') this.#finish(request, true);
      else if (fate === 'forgotten') requests.close(request);
    });
    requests.resetCopies(state);
  }

  #stop(): void {
    this.connectTask.stop();
    this.receiveTask.stop();
    this.recoverTask.stop();
  }

  #finish(request: number, okay: boolean): void {
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

  #readOtherend(): void {
    this.state.backend_domid = Number(this.services.store.read(this.#own(DeviceNode.BackendId)) ?? 0);
  }

  #otherend(node: string): string {
    return vbdPaths(this.state.backend_domid, this.services.domain.domid).back(node);
  }

  #own(node: string): string {
    return vbdPaths(this.state.backend_domid, this.services.domain.domid).ownFront(node);
  }
}
