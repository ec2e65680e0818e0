/**
 * tpmback for the v2 page, and for its sequence extension.
 *
 * The handshake is that of the user-space vTPM back end recorded on Xen 4.17. A request is copied out of the ring
 * once, straight into the device's command buffer, so nothing the guest does afterwards changes what is executed.
 *
 * With the extension, the number of the request decides before anything else does:
 *
 *     request's number      then
 *     = last executed       the kept response is given again; nothing is executed
 *     = the next one        the command is executed; number and response are kept with the device's state
 *     anything else         the request is refused: an answer of TPM_RC_FAILURE under the request's number
 */
import { DONE, Task, type TaskDefinition, task } from '../../hypervisor/steps.js';
import { type AnyLayout, bool, bytes, layout, u8, u32 } from '../../protocol/layout.js';
import { nextSequence, SEQUENCE_TRAILER_OFFSET, SequenceNode, SequenceTrailer } from '../../protocol/tpmif-sequence.js';
import { checkLength, payloadOffset, TpmifSharedPage, TpmifState } from '../../protocol/tpmif-v2.js';
import { DeviceNode, XenbusState } from '../../protocol/xenbus.js';
import type { DeviceDirectory } from '../device-directory.js';
import { DeviceOpening } from '../device-opening/opening.js';
import { OpeningState } from '../device-opening/state.js';
import type { BackendServices, Tpmback } from './tpmback.js';
import { VtpmDirectory } from './vtpm-directory.js';

export const TpmbackV2State = layout('tpmback v2', {
  /** The device directory has been found. */
  known: bool,
  xenbus_state: u8,
  connected: bool,
  /** Both ends speak the extension. */
  sequenced: bool,
  /** The toolstack has asked to finish what is there and take nothing more. */
  draining: bool,
  quiesced: bool,
  /** Handle of the mapped ring page, and the event channel. */
  handle: u32,
  port: u32,
  /** For the onlookers: the request that is being served. */
  ordinal: u32,
  serve: u32,
  connect: u32,
  drain: u32,
  opening: bytes(OpeningState.size),
});

const serve = task<TpmbackV2>('serve', {
  fetch: { when: (back) => !back.services.device.busy, run: (back) => back.fetch() },
  execute: (back) => back.execute(),
  respond: { when: (back) => !back.services.device.busy, run: (back) => back.respond() },
  finish: (back) => back.finish(),
  notify: (back) => back.notify(),
});

const connect = task<TpmbackV2>('connect', {
  map_ring: (back) => back.mapRing(),
  bind_channel: (back) => back.bindChannel(),
  // The number of the last command is known only when none executes.
  tell_sequence: {
    when: (back) => !back.state.sequenced || !back.services.device.busy,
    run: (back) => back.tellSequence(),
  },
  ready: (back) => back.directory.write(DeviceNode.Ready, '1'),
  connected: (back) => back.connected(),
});

const drain = task<TpmbackV2>('drain', {
  quiesced: { when: (back) => back.drained(), run: (back) => back.quiesced() },
});

/** Node in the backend's directory by which the toolstack drains it, and the backend's answer. */
export const QUIESCE_NODE = 'quiesce';
export const QUIESCED_NODE = 'quiesced';

export class TpmbackV2 implements Tpmback {
  readonly name: string;
  readonly layout: AnyLayout = TpmbackV2State;
  readonly tasks: readonly Task<never>[];
  readonly state;
  readonly services: BackendServices;
  readonly directory: DeviceDirectory;
  /** How the volume with the vTPM's state is opened; null where there is none. */
  readonly opening: DeviceOpening | null;
  readonly #extension: boolean;
  readonly #page;
  readonly #trailer;
  readonly #serveTask: Task<never>;
  readonly #connectTask: Task<never>;
  readonly #drainTask: Task<never>;

  /** `extension`: whether the backend offers the sequence extension. */
  constructor(services: BackendServices, extension: boolean) {
    this.name = extension ? 'sequenced' : 'v2';
    this.services = services;
    this.#extension = extension;
    this.directory = new VtpmDirectory(services);
    this.opening = this.#openingOf(services);
    this.state = TpmbackV2State.view(services.memory).at(services.page);
    this.#page = TpmifSharedPage.view(services.memory);
    this.#trailer = SequenceTrailer.view(services.memory);
    const create = (definition: TaskDefinition<TpmbackV2>, field: 'serve' | 'connect' | 'drain'): Task<never> =>
      new Task<never>(
        services.memory,
        definition as TaskDefinition<never>,
        this as never,
        services.page + TpmbackV2State.offset[field],
      );
    this.#serveTask = create(serve, 'serve');
    this.#connectTask = create(connect, 'connect');
    this.#drainTask = create(drain, 'drain');
    this.tasks = [this.#serveTask, this.#connectTask, this.#drainTask];
  }

  get port(): number {
    return this.state.port;
  }

  get interruptible(): boolean {
    return !this.#serveTask.running && !this.#connectTask.running && !this.state.quiesced;
  }

  start(): void {
    this.directory.watchOwn([QUIESCE_NODE]);
  }

  watchesFired(named = false): void {
    const { state, directory, opening } = this;
    const own = directory.state();
    if (!state.known) {
      // A device that is being taken away before it was ever looked at is only closed.
      if (own === XenbusState.Closing) this.#switchState(XenbusState.Closed);
      else if (own !== XenbusState.Unknown && (own !== XenbusState.Closed || this.#online)) this.#probe(own);
      return;
    }
    if (own === XenbusState.Unknown) {
      this.#disconnect();
      directory.unwatchFrontend();
      opening?.unwatch();
      opening?.release();
      this.services.memory.clear(this.services.page, TpmbackV2State.size);
      return;
    }
    if (named && opening !== null && this.#online) {
      this.#openVolume(opening);
      // The state node may be another one now.
      this.watchesFired();
      return;
    }
    const front = directory.frontendState();
    // Closing may be our own word, after a refusal or for a frontend that closes.
    const closing = own === XenbusState.Closing && (state.xenbus_state !== XenbusState.Closing || !this.#online);
    if (closing || front === XenbusState.Closed || (front === XenbusState.Unknown && state.connected)) {
      this.#disconnect();
      this.#switchState(XenbusState.Closed);
      if (closing) opening?.forget();
    } else if (front === XenbusState.Closing) {
      this.#switchState(XenbusState.Closing);
    } else if (front === XenbusState.Initialising && state.xenbus_state === XenbusState.Closed && this.#online) {
      this.#switchState(XenbusState.InitWait);
    } else if (front === XenbusState.Initialised || front === XenbusState.Connected) {
      const may = state.xenbus_state === XenbusState.InitWait && opening?.state.verified !== false;
      if (may && !state.connected && !this.#connectTask.running) this.#connectTask.start();
    }
    this.#followDrain();
  }

  /** Whether the toolstack wants the device. */
  get #online(): boolean {
    return this.directory.read(DeviceNode.Online) === '1';
  }

  /** Where packets lie in the mapped ring page. */
  get packetAddress(): number {
    return this.#ring().base + payloadOffset();
  }

  interrupt(): void {
    // Anything but SUBMIT is a spurious event, or a cancel of a command that is done.
    const pageState = this.#ring().state;
    if (pageState === TpmifState.Submit) this.#serveTask.start();
    else if (pageState === TpmifState.Cancel) {
      this.#ring().state = TpmifState.Idle;
      this.notify();
    }
  }

  /** Where a predecessor has closed, closed it stays until a frontend opens: it may have refused what it was to open. */
  #probe(own: XenbusState): void {
    const { state, directory } = this;
    state.known = true;
    if (this.#extension) directory.write(SequenceNode.Feature, '1');
    this.opening?.announce();
    if (own === XenbusState.Closed) state.xenbus_state = XenbusState.Closed;
    else this.#switchState(XenbusState.InitWait);
    directory.write(DeviceNode.FeatureProtocolV2, '1');
    directory.watchFrontend();
    this.opening?.watch();
  }

  /** The volume is opened before the frontend is told that the vTPM is there; one that was refused, when it is named anew. */
  #openVolume(opening: DeviceOpening): void {
    const { refused } = opening.state;
    opening.look();
    if (refused && opening.state.verified && this.directory.frontendWaits()) this.#switchState(XenbusState.InitWait);
  }

  #openingOf({ volume, memory, page, store }: BackendServices): DeviceOpening | null {
    if (volume === undefined) return null;
    return new DeviceOpening({
      ...volume,
      memory,
      address: page + TpmbackV2State.offset.opening,
      store,
      path: (node) => this.directory.path(node),
      refuse: (errno, why) => {
        this.directory.writeError(errno, why);
        this.#switchState(XenbusState.Closing);
      },
    });
  }

  mapRing(): string | typeof DONE {
    const { state, services, directory } = this;
    if (directory.readFrontend(DeviceNode.FeatureProtocolV2) !== '1') return DONE;
    state.sequenced = this.#extension && directory.readFrontend(SequenceNode.Feature) === '1';
    const ref = directory.readFrontendNumber(DeviceNode.RingRef);
    const handle = services.host.grants.map(services.domain.domid, services.agent, services.frontendDomid(), ref);
    if (handle <= 0) return DONE;
    state.handle = handle;
    return 'bind_channel';
  }

  bindChannel(): string | typeof DONE {
    const { state, services, directory } = this;
    const remote = directory.readFrontendNumber(DeviceNode.EventChannel);
    const port = services.host.events.bindInterdomain(services.domain, services.frontendDomid(), remote);
    if (port <= 0) return DONE;
    state.port = port;
    return 'tell_sequence';
  }

  tellSequence(): void {
    if (this.state.sequenced)
      this.directory.write(SequenceNode.Executed, String(this.services.device.state.executed_sequence));
  }

  /** A predecessor may have died between a response and its notification: then the other end is told now. */
  connected(): void {
    this.state.connected = true;
    this.#switchState(XenbusState.Connected);
    if (this.#ring().state === TpmifState.Finish) this.notify();
  }

  /** Copies the request out of the page, each field once. */
  fetch(): string | typeof DONE {
    const { state, services } = this;
    const { memory, device } = services;
    if (state.handle === 0) return DONE;
    const page = this.#ring();
    if (page.state !== TpmifState.Submit) return DONE;
    const length = page.length;
    const locality = page.locality;
    const sequence = state.sequenced ? this.#ringTrailer().request_sequence : 0;
    state.ordinal = services.probe.fetched(services.slot);
    if (state.sequenced) {
      const executed = device.state.executed_sequence;
      if (sequence === executed) return 'respond';
      if (sequence !== nextSequence(executed, services.sequenceBits)) return this.#refuse(sequence);
    }
    if (!checkLength(length, 0, state.sequenced ? SequenceTrailer.size : 0)) return this.#refuse(sequence);
    memory.copy(page.base + payloadOffset(), device.commandAddress, length);
    device.state.length = length;
    device.state.locality = locality;
    device.state.sequence = sequence;
    return 'execute';
  }

  execute(): void {
    const { device } = this.services;
    const { length, locality, sequence } = device.state;
    device.start({ length, locality, sequence, numbered: this.state.sequenced, ordinal: this.state.ordinal });
  }

  respond(): string | typeof DONE {
    const { state, services } = this;
    const { memory, device } = services;
    if (state.handle === 0) return DONE;
    const page = this.#ring();
    const length = device.state.response_length;
    memory.copy(device.responseAddress, page.base + payloadOffset(), length);
    page.length = length;
    if (state.sequenced) this.#ringTrailer().response_sequence = device.state.executed_sequence;
    return 'finish';
  }

  finish(): typeof DONE | undefined {
    const { state, services } = this;
    if (state.handle === 0) return DONE;
    this.#ring().state = TpmifState.Finish;
    services.probe.published(services.slot, state.ordinal);
    return undefined;
  }

  notify(): void {
    const { services } = this;
    services.host.events.send(services.domain, this.state.port);
  }

  /** Nothing of what the guest has submitted is left. */
  drained(): boolean {
    return !this.#serveTask.running && (this.state.handle === 0 || this.#ring().state !== TpmifState.Submit);
  }

  quiesced(): void {
    this.state.quiesced = true;
    this.directory.write(QUIESCED_NODE, '1');
  }

  #followDrain(): void {
    const { state, directory } = this;
    const asked = directory.read(QUIESCE_NODE) !== null;
    if (asked === state.draining) return;
    state.draining = asked;
    if (asked) {
      this.#drainTask.start();
    } else {
      this.#drainTask.stop();
      state.quiesced = false;
    }
    // The event of a request may have been taken while nothing was to be fetched, or may be merged with this.
    if (state.connected && !this.#serveTask.running && this.#ring().state === TpmifState.Submit)
      this.#serveTask.start();
  }

  /** Answers TPM_RC_FAILURE without giving the device anything. */
  #refuse(sequence: number): string {
    const { memory } = this.services;
    const page = this.#ring();
    const at = page.base + payloadOffset();
    for (let i = 0; i < REFUSAL.length; i++) memory.write8(at + i, REFUSAL[i] as number);
    page.length = REFUSAL.length;
    if (this.state.sequenced) this.#ringTrailer().response_sequence = sequence;
    return 'finish';
  }

  #disconnect(): void {
    const { state, services } = this;
    this.#serveTask.stop();
    this.#connectTask.stop();
    if (state.port !== 0) services.host.events.close(services.domain, state.port);
    if (state.handle !== 0) services.host.grants.unmap(state.handle);
    state.port = 0;
    state.handle = 0;
    state.connected = false;
  }

  #switchState(xenbusState: XenbusState): void {
    if (this.state.xenbus_state === xenbusState) return;
    this.state.xenbus_state = xenbusState;
    this.directory.write(DeviceNode.State, String(xenbusState));
  }

  #ring(): ReturnType<typeof TpmifSharedPage.view> {
    return this.#page.at(this.services.host.grants.address(this.state.handle));
  }

  #ringTrailer(): ReturnType<typeof SequenceTrailer.view> {
    return this.#trailer.at(this.services.host.grants.address(this.state.handle) + SEQUENCE_TRAILER_OFFSET);
  }
}

/** A response of 10 bytes with the code TPM_RC_FAILURE (0x101). */
const REFUSAL = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x01];
