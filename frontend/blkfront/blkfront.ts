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
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { DONE, type Step, type StepResult, Task, task } from '../../hypervisor/steps.js';
import { type BlkifAbi, BlkifOperation } from '../../protocol/blkif.js';
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import type { AnyLayout } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { initialiseSharedRing, type RingShape } from '../../protocol/ring.js';
import { vbdPaths } from '../../protocol/vbd-paths.js';
import { DeviceNode, parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';
import { BlkfrontState, DRIVER_PFN, RequestState, RING_PAGES, RING_PFN } from './memory.js';
import { type BlockRequest, Requests } from './requests.js';
import { RingQueue } from './ring-queue.js';
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
  readonly memory: MachineMemory;
  readonly domain: Domain;
  readonly host: Host;
  readonly store: StoreAccess;
  readonly probe: BlockProbe;
  readonly rules: BlkfrontRules;
  /** Of the kernel it belongs to, and hence of its ring. */
  readonly abi: BlkifAbi;
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
  readonly queue: RingQueue;
  readonly recoverTask: Task<Blkfront>;

  constructor(services: BlkfrontServices, Queue: typeof RingQueue = RingQueue) {
    const { memory, domain, rules, shape } = services;
    this.services = services;
    this.name = rules.name;
    const page = domain.page(DRIVER_PFN);
    this.state = BlkfrontState.view(memory).at(page);
    this.requests = new Requests(memory, domain, shape.size, rules);
    this.queue = new Queue(services, this.state, this.requests);
    this.connectTask = new Task(memory, connect, this, page + BlkfrontState.offset.connect);
    this.recoverTask = new Task(memory, recover, this, page + BlkfrontState.offset.recover);
  }

  get port(): number {
    return this.state.port;
  }

  /** Whether the bus has told it of the device. */
  get known(): boolean {
    return this.state.xenbus_state !== XenbusState.Unknown;
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
    this.queue.send(request);
  }

  /** Whether a request can be put on the ring now. */
  mayQueue(): boolean {
    return this.state.connection === BlkfrontConnection.Connected && this.queue.hasRoom;
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
        // Otherwise the backend has not seen that it opens again: the same state, told of twice.
        else if (connection !== BlkfrontConnection.Reopening) this.#closing();
        return;
      case XenbusState.Closing:
        this.#closing();
        return;
      default:
        return;
    }
  }

  /** It has said that it closes, and waits for the backend to say the same. */
  get closing(): boolean {
    return this.state.xenbus_state === XenbusState.Closing;
  }

  /** The guest powers off: a connected device closes first, and the guest goes on when it has. */
  shutdown(): void {
    if (this.state.connection === BlkfrontConnection.Connected) this.switchState(XenbusState.Closing);
  }

  /** The device is taken away. */
  remove(): void {
    this.services.unwatchOtherend();
    this.#closing();
  }

  interrupt(): void {
    const { state } = this;
    if (state.connection === BlkfrontConnection.Connected && !state.broken && !this.queue.receiveTask.running)
      this.queue.receiveTask.start();
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
    const { memory, domain, host, abi } = services;
    state.connection = BlkfrontConnection.Publishing;
    if (state.ring_pfn !== 0) memory.clear(domain.page(state.ring_pfn), PAGE_SIZE);
    state.ring_pfn = state.ring_pfn === RING_PFN ? RING_PFN + RING_PAGES - 1 : RING_PFN;
    const page = domain.page(state.ring_pfn);
    memory.clear(page, PAGE_SIZE);
    initialiseSharedRing(memory, page);
    this.queue.ring().initialise();
    memory.clear(state.response, abi.response.size);
    state.broken = false;
    state.ring_ref = host.grants.grantAccess(domain, state.backend_domid, state.ring_pfn);
    state.port = host.events.allocateUnbound(domain, state.backend_domid);
  }

  /** A device that has been taken away in the meantime is left alone. */
  publishNodes(): typeof DONE | undefined {
    const { store, abi } = this.services;
    let gone = false;
    store.transaction(() => {
      gone = store.read(this.#own(DeviceNode.State)) === null;
      if (gone) return;
      store.write(this.#own(DeviceNode.RingRef), String(this.state.ring_ref));
      store.write(this.#own(DeviceNode.EventChannel), String(this.state.port));
      store.write(this.#own(BlkifNode.Protocol), abi.name);
      store.write(this.#own(BlkifNode.FeaturePersistent), '1');
    });
    return gone ? DONE : undefined;
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

  sendAgain(): string | typeof DONE {
    const { requests } = this;
    const request = requests.nextRequeued();
    if (request < 0) return DONE;
    requests.at(request).state = RequestState.Waiting;
    requests.at(request).copy = 0;
    this.queue.send(request);
    return requests.requeued ? 'send_again' : DONE;
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
    requests.forEachCopy((_, request) => this.queue.finish(request, false));
    for (let next = requests.nextRequeued(); next >= 0; next = requests.nextRequeued()) this.queue.finish(next, false);
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
      if (fate === 'reported-done') this.queue.finish(request, true);
      else if (fate === 'forgotten') requests.close(request);
    });
    requests.resetCopies(state);
  }

  #stop(): void {
    this.connectTask.stop();
    this.queue.receiveTask.stop();
    this.recoverTask.stop();
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
