/**
 * What the tpmfronts on the v2 page have in common: the handshake node by node, one command at a time through the
 * page, and the interrupt. They differ in what they do about a suspend, which is all that the files beside this hold.
 *
 *     connection   Detached -> Publishing -> Initialised -> Connected -> Closed
 *     a command    accepts -> fill -> publish -> notify -> (interrupt) -> complete
 */
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { Task, type TaskDefinition, task } from '../../hypervisor/steps.js';
import type { AnyLayout } from '../../protocol/layout.js';
import { bool, type FieldKind, type Fields, layout, u8, u32, type View } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { checkLength, payloadOffset, TpmifSharedPage, TpmifState } from '../../protocol/tpmif-v2.js';
import { vtpmPaths } from '../../protocol/vtpm-paths.js';
import { DeviceNode, parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import { DRIVER_PFN, RING_PAGES, RING_PFN } from '../guest-memory.js';
import { type DriverTimer, type GuestServices, storeStep, type Tpmfront } from './tpmfront.js';

export const Connection = { Detached: 0, Publishing: 1, Initialised: 2, Connected: 3, Closed: 4 } as const;

/** The fields that each v2 tpmfront's state begins with. */
export const V2_FIELDS = {
  connection: u8,
  /** The state this end wrote last; the bus does not write it twice. */
  xenbus_state: u8,
  /** A command has been taken and its user waits. */
  busy: bool,
  /** The command has been published on the present ring. */
  submitted: bool,
  /** No command is taken although the device is connected. */
  held: bool,
  backend_domid: u32,
  ring_pfn: u32,
  ring_ref: u32,
  port: u32,
  /** Number in the pool of the command taken last. */
  command: u32,
  transmit: u32,
  connect: u32,
  suspend: u32,
  resume: u32,
} as const satisfies Fields;

export type V2Fields = typeof V2_FIELDS;

type SharedPage = ReturnType<typeof TpmifSharedPage.view>;

/** Errors of Linux that users see. */
export const ETIME = 62;
export const ECANCELED = 125;
export const EINVAL = 22;
export const EIO = 5;

const transmit = task<V2Tpmfront>(
  'transmit',
  {
    fill: (front) => front.fill(),
    publish: (front) => front.publish(),
    notify: (front) => front.notify(),
  },
  { exclusive: true },
);

/** The handshake up to state 3; `otherendChanged` goes on from there. */
const connect = task<V2Tpmfront>('connect', {
  read_otherend: storeStep((front) => front.readOtherend()),
  allocate_ring: (front) => front.allocateRing(),
  publish_nodes: storeStep((front) => front.publishNodes()),
  initialised: storeStep((front) => front.switchState(XenbusState.Initialised)),
  watch_otherend: storeStep((front) => front.watchOtherend()),
});

export abstract class V2Tpmfront<Extra extends { readonly [name: string]: FieldKind<unknown> } = Record<never, never>>
  implements Tpmfront
{
  abstract readonly name: string;
  readonly layout: AnyLayout;
  readonly tasks: readonly Task<never>[];
  readonly timers: readonly DriverTimer[] = [];
  readonly state: View<V2Fields> & View<Extra>;
  protected readonly services: GuestServices;
  protected readonly memory: MachineMemory;
  readonly #page: SharedPage;
  protected readonly transmitTask: Task<never>;
  protected readonly connectTask: Task<never>;

  protected constructor(
    services: GuestServices,
    name: string,
    extra: Extra,
    connectDefinition: TaskDefinition<never> = connect as TaskDefinition<never>,
  ) {
    const fields = layout(`tpmfront ${name}`, { ...V2_FIELDS, ...extra });
    this.services = services;
    this.memory = services.memory;
    this.layout = fields;
    this.state = fields.view(services.memory).at(services.domain.page(DRIVER_PFN)) as unknown as View<V2Fields> &
      View<Extra>;
    this.#page = TpmifSharedPage.view(services.memory);
    this.transmitTask = this.createTask(transmit as TaskDefinition<never>, 'transmit');
    this.connectTask = this.createTask(connectDefinition, 'connect');
    this.tasks = [this.transmitTask, this.connectTask];
  }

  get port(): number {
    return this.state.port;
  }

  get storeOpen(): boolean {
    return this.services.storeOpen();
  }

  accepts(): boolean {
    const { state } = this;
    return state.connection === Connection.Connected && !state.busy && !state.held;
  }

  submit(command: number): void {
    this.state.busy = true;
    this.state.submitted = false;
    this.state.command = command;
    this.transmitTask.start();
  }

  probe(): void {
    this.connectTask.start();
  }

  otherendChanged(): void {
    switch (parseXenbusState(this.services.store.read(this.otherend(DeviceNode.State)))) {
      case XenbusState.Initialised:
      case XenbusState.Connected:
        this.backendConnected();
        return;
      case XenbusState.Closing:
      case XenbusState.Closed:
        this.backendClosed();
        return;
      default:
        return;
    }
  }

  interrupt(): void {
    if (!this.state.busy || !this.state.submitted) return;
    const page = this.ring();
    // Read once: the backend may store another state at any time.
    const pageState = page.state;
    if (pageState === TpmifState.Finish) this.takeResponse();
    else if (pageState === TpmifState.Idle) this.giveUp(ECANCELED);
  }

  suspend(): void {}
  /** A handshake under way is finished first: the bus holds the device's lock while it probes. */
  suspended(): boolean {
    return !this.connectTask.running;
  }
  suspendCancelled(): void {}
  resume(): void {
    this.reconnect();
  }
  resumed(): boolean {
    return true;
  }

  /** Drops the old ring and offers a new one. */
  protected reconnect(): void {
    this.state.connection = Connection.Detached;
    this.state.xenbus_state = XenbusState.Initialising;
    this.services.unwatchOtherend();
    this.transmitTask.stop();
    this.freeRing();
    this.state.submitted = false;
    this.state.port = 0;
    this.connectTask.start();
  }

  /** The old page goes back to the kernel, zeroed. */
  protected freeRing(): void {
    if (this.state.ring_pfn !== 0) this.memory.clear(this.services.domain.page(this.state.ring_pfn), PAGE_SIZE);
  }

  readOtherend(): void {
    const { state, services } = this;
    state.connection = Connection.Publishing;
    state.xenbus_state = XenbusState.Initialising;
    state.backend_domid = Number(services.store.read(this.own(DeviceNode.BackendId)) ?? 0);
  }

  /** The other page than the last one, zeroed, granted, and a port. */
  allocateRing(): void {
    const { state } = this;
    state.ring_pfn = state.ring_pfn === RING_PFN ? RING_PFN + RING_PAGES - 1 : RING_PFN;
    this.memory.clear(this.services.domain.page(state.ring_pfn), PAGE_SIZE);
    state.submitted = false;
    this.offerRing();
  }

  protected offerRing(): void {
    const { state, services } = this;
    state.ring_ref = services.host.grants.grantAccess(services.domain, state.backend_domid, state.ring_pfn);
    state.port = services.host.events.allocateUnbound(services.domain, state.backend_domid);
  }

  publishNodes(): void {
    const { store } = this.services;
    store.transaction(() => {
      store.write(this.own(DeviceNode.RingRef), String(this.state.ring_ref));
      store.write(this.own(DeviceNode.EventChannel), String(this.state.port));
      store.write(this.own(DeviceNode.FeatureProtocolV2), '1');
      this.publishMore();
    });
  }

  /** More nodes for the same transaction. */
  protected publishMore(): void {}

  /** Writes the state node unless it holds that already. A device whose node is gone is not brought back. */
  switchState(xenbusState: XenbusState): void {
    const { state, services } = this;
    if (state.xenbus_state === xenbusState) return;
    const node = this.own(DeviceNode.State);
    if (services.store.read(node) === null) return;
    services.store.write(node, String(xenbusState));
    state.xenbus_state = xenbusState;
    if (xenbusState === XenbusState.Initialised) state.connection = Connection.Initialised;
  }

  watchOtherend(): void {
    this.services.watchOtherend(this.state.backend_domid, this.services.domain.domid);
  }

  protected backendConnected(): void {
    const { state } = this;
    if (state.connection !== Connection.Initialised) return;
    const feature = this.services.store.read(this.otherend(DeviceNode.FeatureProtocolV2));
    if (feature === null || feature === '0') return;
    if (!this.admits()) return;
    this.switchState(XenbusState.Connected);
    state.connection = Connection.Connected;
    this.connected();
  }

  /** Whether the driver takes this backend's device for its own. */
  protected admits(): boolean {
    return true;
  }

  /** Both ends are connected over a new ring. */
  protected connected(): void {}

  protected backendClosed(): void {
    if (this.state.connection === Connection.Closed) return;
    this.state.connection = Connection.Closed;
    this.switchState(XenbusState.Closed);
  }

  fill(): void {
    const { words, length, locality } = this.services.commands.at(this.state.command);
    const page = this.ring();
    if (!checkLength(length, 0, this.reserved)) {
      this.transmitTask.stop();
      this.giveUp(EINVAL);
      return;
    }
    this.memory.writeWords(page.base + payloadOffset(), words, length);
    page.length = length;
    page.locality = locality;
  }

  publish(): void {
    this.ring().state = TpmifState.Submit;
    this.state.submitted = true;
  }

  notify(): void {
    this.services.host.events.send(this.services.domain, this.state.port);
  }

  /** Bytes at the end of the page that are no packet. */
  protected get reserved(): number {
    return 0;
  }

  /** Gives the response in the page to the user. */
  protected takeResponse(): void {
    const page = this.ring();
    // The length comes from the other side: read once, checked, and used from here on.
    const length = page.length;
    if (!checkLength(length, 0, this.reserved)) {
      this.giveUp(EIO);
      return;
    }
    this.state.busy = false;
    this.services.complete(page.base + payloadOffset(), length);
  }

  protected giveUp(errno: number): void {
    this.state.busy = false;
    this.services.fail(errno);
  }

  protected ring(): SharedPage {
    return this.#page.at(this.services.domain.page(this.state.ring_pfn));
  }

  protected otherend(node: string): string {
    return vtpmPaths(this.state.backend_domid, this.services.domain.domid).back(node);
  }

  /** A node of this end's directory. */
  protected own(node: string): string {
    return vtpmPaths(this.state.backend_domid, this.services.domain.domid).ownFront(node);
  }

  protected createTask(definition: TaskDefinition<never>, field: keyof V2Fields & string): Task<never> {
    const place = this.layout.fields.find(({ name }) => name === field);
    return new Task<never>(
      this.memory,
      definition,
      this as never,
      this.services.domain.page(DRIVER_PFN) + (place?.offset ?? 0),
    );
  }
}
