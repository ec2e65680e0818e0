/**
 * The tpmback of 2006, for the v1 ring.
 *
 * The ring has no index and no state, so the backend takes entry 0 for a new request whenever an event comes in,
 * whoever sent it and why. The bytes are read twice: the header when the event comes, the packet when the vTPM is
 * ready for it. A packet that takes too long is answered with TPM_FAIL while the vTPM goes on executing it.
 */
import { DONE, Task, type TaskDefinition, task } from '../../hypervisor/steps.js';
import { hasFired, setTimer, stopTimer } from '../../hypervisor/timers.js';
import { type AnyLayout, bool, layout, u8, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { TpmifTxRequest64 } from '../../protocol/tpmif-v1.js';
import { DeviceNode, XenbusState } from '../../protocol/xenbus.js';
import type { DeviceDirectory } from '../device-directory.js';
import type { BackendServices, Tpmback } from './tpmback.js';
import { VtpmDirectory } from './vtpm-directory.js';

/** A packet is answered with TPM_FAIL after this time for each frontend of the host. */
export const PROCESSING_MILLISECONDS = 60_000;
/** Frontends of the host, for that time. */
export const FRONTENDS = 6;

export const TpmbackV1State = layout('tpmback v1', {
  known: bool,
  xenbus_state: u8,
  connected: bool,
  handle: u32,
  data_handle: u32,
  port: u32,
  /** Events that have come in since the packet in hand. */
  queued: u32,
  size: u32,
  ordinal: u32,
  serve: u32,
  connect: u32,
  timer: u32,
});

const serve = task<TpmbackV1>('serve', {
  receive: (back) => back.receive(),
  read: { when: (back) => !back.services.device.busy, run: (back) => back.read() },
  execute: (back) => back.execute(),
  respond: { when: (back) => !back.services.device.busy || back.late(), run: (back) => back.respond() },
  notify: (back) => back.notify(),
  drop: { when: (back) => !back.services.device.busy, run: (back) => back.nextPacket() },
});

const connect = task<TpmbackV1>('connect', {
  map_ring: (back) => back.mapRing(),
  bind_channel: (back) => back.bindChannel(),
  ready: (back) => back.directory.write(DeviceNode.Ready, '1'),
  connected: (back) => back.connected(),
});

export class TpmbackV1 implements Tpmback {
  readonly name = 'v1';
  readonly layout: AnyLayout = TpmbackV1State;
  readonly tasks: readonly Task<never>[];
  readonly state;
  readonly services: BackendServices;
  readonly directory: DeviceDirectory;
  readonly #entry;
  readonly #serveTask: Task<never>;
  readonly #connectTask: Task<never>;

  constructor(services: BackendServices) {
    this.services = services;
    this.directory = new VtpmDirectory(services);
    this.state = TpmbackV1State.view(services.memory).at(services.page);
    this.#entry = TpmifTxRequest64.view(services.memory);
    const create = (definition: TaskDefinition<TpmbackV1>, field: 'serve' | 'connect'): Task<never> =>
      new Task<never>(
        services.memory,
        definition as TaskDefinition<never>,
        this as never,
        services.page + TpmbackV1State.offset[field],
      );
    this.#serveTask = create(serve, 'serve');
    this.#connectTask = create(connect, 'connect');
    this.tasks = [this.#serveTask, this.#connectTask];
  }

  get port(): number {
    return this.state.port;
  }

  get interruptible(): boolean {
    return !this.#connectTask.running;
  }

  get timerAddress(): number {
    return this.services.page + TpmbackV1State.offset.timer;
  }

  start(): void {
    this.directory.watchOwn();
  }

  watchesFired(): void {
    const { state, directory } = this;
    const own = directory.state();
    if (!state.known) {
      if (own === XenbusState.Closing) this.#switchState(XenbusState.Closed);
      if (own === XenbusState.Unknown || own === XenbusState.Closing || own === XenbusState.Closed) return;
      state.known = true;
      this.#switchState(XenbusState.InitWait);
      directory.watchFrontend();
      return;
    }
    if (own === XenbusState.Unknown) {
      this.#disconnect();
      directory.unwatchFrontend();
      this.services.memory.clear(this.services.page, TpmbackV1State.size);
      return;
    }
    const front = directory.frontendState();
    const closing = own === XenbusState.Closing && state.xenbus_state !== XenbusState.Closing;
    if (closing || front === XenbusState.Closed || (front === XenbusState.Unknown && state.connected)) {
      this.#disconnect();
      this.#switchState(XenbusState.Closed);
    } else if (front === XenbusState.Closing) {
      this.#switchState(XenbusState.Closing);
    } else if (front === XenbusState.Connected && !state.connected && state.xenbus_state === XenbusState.InitWait) {
      if (!this.#connectTask.running) this.#connectTask.start();
    }
  }

  interrupt(): void {
    if (this.#serveTask.running) this.state.queued = 1;
    else this.#serveTask.start();
  }

  mapRing(): string | typeof DONE {
    const { services, directory } = this;
    const ref = directory.readFrontendNumber(DeviceNode.RingRef);
    const handle = services.host.grants.map(services.domain.domid, services.agent, services.frontendDomid(), ref);
    if (handle <= 0) return DONE;
    this.state.handle = handle;
    return 'bind_channel';
  }

  bindChannel(): string | typeof DONE {
    const { services, directory } = this;
    const remote = directory.readFrontendNumber(DeviceNode.EventChannel);
    const port = services.host.events.bindInterdomain(services.domain, services.frontendDomid(), remote);
    if (port <= 0) return DONE;
    this.state.port = port;
    return 'ready';
  }

  connected(): void {
    this.state.connected = true;
    this.#switchState(XenbusState.Connected);
  }

  /** Entry 0 and the first bytes of the packet. */
  receive(): string | typeof DONE {
    const { state, services } = this;
    const entry = this.#ring();
    const size = entry.size;
    if (size === 0) return DONE;
    const handle = services.host.grants.map(services.domain.domid, services.agent, services.frontendDomid(), entry.ref);
    if (handle <= 0) return DONE;
    state.data_handle = handle;
    state.size = size;
    state.ordinal = services.probe.fetched(services.slot);
    const length = bigEndian32(this.#dataPage() + 2, services.memory);
    if (size < 10 || length !== size || size > PAGE_SIZE || !state.connected) return this.#fail();
    return 'read';
  }

  /** The packet as it is now, not as it was when its header was checked. */
  read(): string | typeof DONE {
    const { state, services } = this;
    if (state.data_handle === 0) return DONE;
    services.memory.copy(this.#dataPage(), services.device.commandAddress, state.size);
    return 'execute';
  }

  execute(): void {
    const { state, services } = this;
    setTimer(services.memory, this.timerAddress, PROCESSING_MILLISECONDS * FRONTENDS);
    services.device.start({ length: state.size, locality: 0, sequence: 0, ordinal: state.ordinal });
  }

  late(): boolean {
    return hasFired(this.services.memory, this.timerAddress);
  }

  respond(): string | typeof DONE {
    const { state, services } = this;
    const { memory, device } = services;
    stopTimer(memory, this.timerAddress);
    if (state.data_handle === 0) return DONE;
    // Too late: TPM_FAIL, and the response that is still to come is dropped (step `drop` waits for it).
    if (device.busy) return this.#fail();
    const length = device.state.response_length;
    memory.copy(device.responseAddress, this.#dataPage(), length);
    this.#endPacket(length);
    services.probe.published(services.slot, state.ordinal);
    return 'notify';
  }

  notify(): string {
    this.services.host.events.send(this.services.domain, this.state.port);
    return 'drop';
  }

  nextPacket(): string | typeof DONE {
    const { state } = this;
    if (state.queued === 0) return DONE;
    state.queued = 0;
    return 'receive';
  }

  /** An answer of 10 bytes: the request's tag plus 3, and TPM_FAIL. */
  #fail(): string {
    const { memory } = this.services;
    const data = this.#dataPage();
    const tag = memory.read8(data) * 256 + memory.read8(data + 1) + 3;
    const answer = [tag >>> 8, tag & 0xff, 0, 0, 0, 10, 0, 0, 0, 9];
    for (let i = 0; i < answer.length; i++) memory.write8(data + i, answer[i] as number);
    this.#endPacket(answer.length);
    return 'notify';
  }

  #endPacket(length: number): void {
    const { state, services } = this;
    this.#ring().size = length;
    services.host.grants.unmap(state.data_handle);
    state.data_handle = 0;
  }

  /** Packets in hand are dropped without a message. */
  #disconnect(): void {
    const { state, services } = this;
    this.#serveTask.stop();
    this.#connectTask.stop();
    stopTimer(services.memory, this.timerAddress);
    if (state.port !== 0) services.host.events.close(services.domain, state.port);
    if (state.data_handle !== 0) services.host.grants.unmap(state.data_handle);
    if (state.handle !== 0) services.host.grants.unmap(state.handle);
    state.port = 0;
    state.data_handle = 0;
    state.handle = 0;
    state.queued = 0;
    state.connected = false;
  }

  #switchState(xenbusState: XenbusState): void {
    if (this.state.xenbus_state === xenbusState) return;
    this.state.xenbus_state = xenbusState;
    this.directory.write(DeviceNode.State, String(xenbusState));
  }

  #ring(): ReturnType<typeof TpmifTxRequest64.view> {
    return this.#entry.at(this.services.host.grants.address(this.state.handle));
  }

  #dataPage(): number {
    return this.services.host.grants.address(this.state.data_handle);
  }
}

function bigEndian32(address: number, memory: { read8(address: number): number }): number {
  return (
    ((memory.read8(address) * 256 + memory.read8(address + 1)) * 256 + memory.read8(address + 2)) * 256 +
    memory.read8(address + 3)
  );
}
