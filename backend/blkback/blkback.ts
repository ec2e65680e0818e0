/**
 * blkback: the driver domain's end of a virtual disk, after Linux's xen-blkback as recorded on Xen 4.17.
 *
 * Two things have to be there before it says Connected, in either order: the ring, when the frontend has written 3 or 4,
 * and the device, when `physical-device` has been written and what it names was opened and checked. Until then the
 * frontend learns nothing of the device.
 *
 * A backend that is started anew on the nodes of a dead one finds the frontend in state 4. It may go on in the ring and
 * take again what was published and not answered. But a response lies where its request lay: of one that was half
 * written when the other died, neither is left. So a careful backend leaves that ring alone until it is offered anew.
 */
import type { BlockProbe } from '../../hypervisor/block-probe.js';
import type { Domain } from '../../hypervisor/domain.js';
import type { Host } from '../../hypervisor/host.js';
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { DONE, Task, task } from '../../hypervisor/steps.js';
import { BLKIF_ABIS, blkifAbiOf } from '../../protocol/blkif.js';
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import type { AnyLayout } from '../../protocol/layout.js';
import { RING_OVERFLOW, type RingShape, ringShape } from '../../protocol/ring.js';
import { BackRing } from '../../protocol/ring-back.js';
import { vbdPaths } from '../../protocol/vbd-paths.js';
import { DeviceNode, XenbusState } from '../../protocol/xenbus.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';
import { DeviceDirectory } from '../device-directory.js';
import type { DeviceTable } from '../device-opening/device-table.js';
import { DeviceOpening } from '../device-opening/opening.js';
import type { BlockDevice } from './block-device.js';
import { BlkbackState, MAX_INDIRECT_SEGMENTS } from './memory.js';
import { TakenRequests } from './requests.js';
import type { BlkbackRules } from './rules.js';

/** What a driver domain gives a backend process. */
export interface BlkbackServices {
  readonly slot: number;
  readonly memory: MachineMemory;
  /** Domain 0. */
  readonly domain: Domain;
  readonly host: Host;
  readonly store: StoreAccess;
  /** The block devices of the driver domain's kernel, and what is behind the one that is opened. */
  readonly devices: DeviceTable;
  readonly device: BlockDevice;
  readonly probe: BlockProbe;
  readonly rules: BlkbackRules;
  /** Entries of a ring. */
  readonly ringSize: number;
  /** Address of the `BLKBACK_PAGES` pages that hold the process's state. */
  readonly page: number;
  /** The bit of the agent the process runs as. */
  readonly agent: number;
  readonly frontendDomid: () => number;
}

const EBUSY = 16;
const EINVAL = 22;
const EIO = 5;

const serve = task<Blkback>('serve', {
  look: (back) => back.look(),
  take: { when: (back) => back.mayTake(), run: (back) => back.take() },
  arm: (back) => back.ring().armEvent(),
  recheck: (back) => (back.ring().recheck() ? 'look' : DONE),
});

const connect = task<Blkback>('connect', {
  map_ring: (back) => back.mapRing(),
  bind_channel: (back) => back.bindChannel(),
});

export class Blkback {
  readonly name: string;
  readonly layout: AnyLayout = BlkbackState;
  readonly services: BlkbackServices;
  readonly state: ReturnType<typeof BlkbackState.view>;
  readonly directory: DeviceDirectory;
  readonly requests: TakenRequests;
  readonly opening: DeviceOpening;
  readonly serveTask: Task<Blkback>;
  readonly connectTask: Task<Blkback>;
  /** One window for each page that can hold a ring, in each ABI. */
  readonly #rings: readonly Map<number, BackRing>[] = BLKIF_ABIS.map(() => new Map());
  readonly #shapes: readonly RingShape[];

  constructor(services: BlkbackServices, Requests: typeof TakenRequests = TakenRequests) {
    const { memory, page, rules, store, domain, frontendDomid } = services;
    this.name = rules.name;
    this.services = services;
    this.state = BlkbackState.view(memory).at(page);
    this.#shapes = BLKIF_ABIS.map(({ entrySize }) => ringShape({ entrySize, size: services.ringSize }));
    this.directory = new DeviceDirectory(store, domain.domid, () => vbdPaths(domain.domid, frontendDomid()));
    this.opening = new DeviceOpening({
      memory,
      address: page + BlkbackState.offset.opening,
      rules: rules.opening,
      devices: services.devices,
      store,
      path: (node) => this.directory.path(node),
      refuse: (errno, why) => this.#fatal(errno, why),
    });
    this.requests = new Requests(memory, {
      services,
      abi: () => this.state.abi,
      writable: () => this.opening.state.writable,
      ring: () => this.ring(),
      port: () => this.state.port,
      onDone: () => this.#finishClosing(),
    });
    this.serveTask = new Task(memory, serve, this, page + BlkbackState.offset.serve);
    this.connectTask = new Task(memory, connect, this, page + BlkbackState.offset.connect);
  }

  get port(): number {
    return this.state.port;
  }

  /** Whether an event can be taken now, or must wait until the ring has been looked through. */
  get interruptible(): boolean {
    return !this.serveTask.running && !this.connectTask.running;
  }

  /** Nothing of what the guest has published is left to be done. */
  get idle(): boolean {
    const { state } = this;
    if (this.serveTask.running || this.connectTask.running || this.requests.busy) return false;
    return state.handle === 0 || this.ring().unconsumedRequests() === 0;
  }

  /** The process starts. */
  start(): void {
    this.directory.watchOwn();
  }

  /**
   * Some of its watches have fired; all of them have been taken from the queue. `named`: that of `physical-device` was
   * among them.
   */
  watchesFired(named: boolean): void {
    const { state, directory } = this;
    const own = directory.state();
    if (!state.known) {
      // A device that is being taken away before it was ever looked at is only closed.
      if (own === XenbusState.Closing) this.#switchState(XenbusState.Closed);
      else if (own !== XenbusState.Unknown && (own !== XenbusState.Closed || this.#online)) this.#probe(own);
      return;
    }
    if (state.removing) return;
    this.#frontendChanged();
    if (named && state.known && !state.removing) this.#openDevice();
  }

  interrupt(): void {
    const { state } = this;
    if (state.connected && !state.closing && !state.broken) this.serveTask.start();
  }

  /** The driver is taken off the device under a running frontend: no state is written. */
  unbind(): void {
    this.#remove();
  }

  mapRing(): string | typeof DONE {
    const { state, services, directory } = this;
    const protocol = directory.readFrontend(BlkifNode.Protocol);
    const abi = blkifAbiOf(protocol, services.rules.absentProtocol);
    if (abi === null) {
      const spoken = BLKIF_ABIS.map(({ name }) => name).join(' or ');
      return this.#fatal(EINVAL, `protocol: expected ${spoken}, found ${protocol}`);
    }
    // What it offers is Linux's; a ring of several pages is refused in words.
    const order = directory.readFrontend(BlkifNode.RingPageOrder) ?? '0';
    if (order !== '0') return this.#fatal(EINVAL, `ring-page-order: expected 0, a ring of one page, found ${order}`);
    const ref = directory.readFrontendNumber(DeviceNode.RingRef);
    const handle = services.host.grants.map(services.domain.domid, services.agent, services.frontendDomid(), ref);
    if (handle <= 0) return this.#fatal(EINVAL, `mapping ring-ref ${ref}`);
    state.handle = handle;
    state.abi = BLKIF_ABIS.indexOf(abi);
    return 'bind_channel';
  }

  /** Everything published and not answered is taken: after the death of a predecessor there may be some. */
  bindChannel(): typeof DONE {
    const { state, services, directory } = this;
    const remote = directory.readFrontendNumber(DeviceNode.EventChannel);
    if (!this.ring().attach()) return this.#fatal(EIO, 'the indices of the ring do not belong together');
    const port = services.host.events.bindInterdomain(services.domain, services.frontendDomid(), remote);
    if (port <= 0) return this.#fatal(EINVAL, `binding event-channel ${remote}`);
    state.port = port;
    this.#updateStatus();
    return DONE;
  }

  look(): string | typeof DONE {
    const { state, services } = this;
    const count = this.ring().sampleRequests();
    if (count === RING_OVERFLOW) {
      state.broken = true;
      services.probe.nonsense(services.slot, 'blkback: more requests than the ring has entries');
      return DONE;
    }
    return count === 0 ? 'arm' : 'take';
  }

  mayTake(): boolean {
    return this.requests.findFree() >= 0;
  }

  take(): string {
    this.requests.take(this.requests.findFree());
    return 'look';
  }

  ring(): BackRing {
    const { memory, host } = this.services;
    const { handle, abi } = this.state;
    const sharedAddress = host.grants.address(handle);
    const rings = this.#rings[abi] as Map<number, BackRing>;
    let ring = rings.get(sharedAddress);
    if (ring === undefined) {
      const shape = this.#shapes[abi] as RingShape;
      ring = new BackRing(shape, { memory, sharedAddress, privateAddress: this.state.ring });
      rings.set(sharedAddress, ring);
    }
    return ring;
  }

  /** Where a predecessor has closed for a frontend that will open again, closed it stays until then. */
  #probe(own: XenbusState): void {
    const { state, directory } = this;
    state.known = true;
    directory.write(BlkifNode.FeatureMaxIndirectSegments, String(MAX_INDIRECT_SEGMENTS));
    directory.write(BlkifNode.MultiQueueMaxQueues, '1');
    this.opening.watch();
    directory.write(BlkifNode.MaxRingPageOrder, '4');
    this.opening.announce();
    if (own === XenbusState.Closed) state.xenbus_state = XenbusState.Closed;
    else this.#switchState(XenbusState.InitWait);
    directory.watchFrontend();
  }

  /**
   * The device is opened once, whatever the frontend is doing; what is written to its nodes afterwards changes nothing.
   * One that was refused is looked at again when its nodes are written again, and a frontend that has not begun may
   * begin after all.
   */
  #openDevice(): void {
    const { state, opening, directory } = this;
    const { refused } = opening.state;
    if (!this.#online) return;
    opening.look();
    if (!opening.state.verified) return;
    if (refused && state.xenbus_state === XenbusState.Closing && directory.frontendWaits())
      this.#switchState(XenbusState.InitWait);
    this.#updateStatus();
  }

  #frontendChanged(): void {
    const { state, directory } = this;
    switch (directory.frontendState()) {
      case XenbusState.Initialising:
        if (state.xenbus_state === XenbusState.Closed) this.#switchState(XenbusState.InitWait);
        return;
      case XenbusState.Connected:
        // It connects after us, so its ring is one that a predecessor has used.
        if (this.services.rules.usedRing === 'waits') return;
        this.#connectRing();
        return;
      case XenbusState.Initialised:
        this.#connectRing();
        return;
      case XenbusState.Closing:
        this.#switchState(XenbusState.Closing);
        return;
      case XenbusState.Closed:
        this.#disconnect();
        if (!this.#online) this.#remove();
        return;
      case XenbusState.Unknown:
        this.#remove();
        return;
      default:
        return;
    }
  }

  /** Whether the toolstack wants the device. */
  get #online(): boolean {
    return this.directory.read(DeviceNode.Online) === '1';
  }

  #connectRing(): void {
    const { state } = this;
    if (state.xenbus_state !== XenbusState.InitWait || this.connectTask.running) return;
    if (state.closing) this.#fatal(EBUSY, 'pending I/O');
    else if (state.handle === 0) this.connectTask.start();
  }

  /** Ring and device are there: the frontend is told of the device. */
  #updateStatus(): void {
    const { state, services, directory, opening } = this;
    if (!opening.state.verified || state.handle === 0 || state.port === 0 || state.connected) return;
    const { device } = services;
    state.connected = true;
    directory.store.transaction(() => {
      directory.write(BlkifNode.FeatureFlushCache, '1');
      directory.write(BlkifNode.DiscardGranularity, '4096');
      directory.write(BlkifNode.DiscardAlignment, '0');
      directory.write(BlkifNode.DiscardSecure, '0');
      directory.write(BlkifNode.FeatureDiscard, '1');
      directory.write(BlkifNode.FeatureBarrier, '1');
      directory.write(BlkifNode.FeaturePersistent, '1');
      directory.write(BlkifNode.Sectors, String(device.sectors));
      directory.write(BlkifNode.Info, opening.state.writable ? '0' : '4');
      directory.write(BlkifNode.SectorSize, String(device.sectorSize));
      directory.write(BlkifNode.PhysicalSectorSize, String(device.sectorSize));
    });
    this.#switchState(XenbusState.Connected);
    if (services.rules.notifiesOnConnect) services.host.events.send(services.domain, state.port);
    this.serveTask.start();
  }

  /** Nothing more is taken; the state becomes Closed at once, or after what is under way. */
  #disconnect(): void {
    const { state, services } = this;
    if (state.xenbus_state === XenbusState.Closed) return;
    this.#stop();
    if (services.rules.closesBusy) this.#switchState(XenbusState.Closed);
    this.#finishClosing();
  }

  /** The device goes: its watches first, then the ring and the device. */
  #remove(): void {
    const { state, directory } = this;
    state.removing = true;
    directory.unwatchFrontend();
    this.opening.unwatch();
    this.#stop();
    if (this.services.rules.closesBusy) this.#writeLastState();
    this.#finishClosing();
  }

  #stop(): void {
    this.state.closing = true;
    this.state.connected = false;
    this.serveTask.stop();
    this.connectTask.stop();
  }

  /** Gives ring and channel back when nothing is under way any more. */
  #finishClosing(): void {
    const { state, services, requests } = this;
    if (!state.closing || requests.busy) return;
    const { memory, host, domain, page, rules } = services;
    if (state.port !== 0) host.events.close(domain, state.port);
    if (state.handle !== 0) host.grants.unmap(state.handle);
    state.port = 0;
    state.handle = 0;
    state.abi = 0;
    memory.clear(state.ring, 8);
    state.closing = false;
    if (!state.removing) {
      if (!rules.closesBusy) this.#switchState(XenbusState.Closed);
      return;
    }
    if (!rules.closesBusy) this.#writeLastState();
    this.opening.release();
    memory.clear(page, BlkbackState.size);
  }

  /** A device that the toolstack takes away is closed when its driver has let go; one that is unbound stays as it is. */
  #writeLastState(): void {
    if (this.directory.state() === XenbusState.Closing) this.directory.writeState(XenbusState.Closed);
  }

  #fatal(errno: number, why: string): typeof DONE {
    this.directory.writeError(errno, why);
    this.#switchState(XenbusState.Closing);
    return DONE;
  }

  #switchState(xenbusState: XenbusState): void {
    if (this.state.xenbus_state === xenbusState) return;
    this.state.xenbus_state = xenbusState;
    this.directory.writeState(xenbusState);
  }
}
