/**
 * A xenstored that serves one ring, for exploration: what it has read of a request and what it has not yet written of
 * its output lie in its memory, the store in a cell. It sleeps until an event comes or a watch fires.
 *
 *     look -> put, publish, signal | take, release, signal | handle | next_event | wait
 */
import type { Domain } from '../../hypervisor/domain.js';
import type { Host } from '../../hypervisor/host.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { Task, task } from '../../hypervisor/steps.js';
import { assert } from '../../protocol/assert.js';
import { bool, bytes, layout, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE, readBytes, writeBytes } from '../../protocol/memory.js';
import { BAD_INDEX, XsRingError } from '../../protocol/xs-ring.js';
import { binaryString, XS_HEADER_BYTES, XS_PAYLOAD_BYTES_MAX } from '../../protocol/xs-wire.js';
import { connect, disconnect, execute, nextEvent, type Store, takeEvent } from '../../xenstore-sim/index.js';
import { RingEnd, type RingPolicy } from '../../xenstore-sim/ring-end.js';
import { Output, writeReply } from '../../xenstore-sim/wire/output.js';
import { parseRequest } from '../../xenstore-sim/wire/parse-request.js';
import type { StoreValue, StoreValues } from '../store-value.js';

const OUTPUT_BYTES = 1024;
/** The longest request; oxenstored waits for all of it. */
const INPUT_BYTES = XS_HEADER_BYTES + XS_PAYLOAD_BYTES_MAX;

export const RingDaemonState = layout('xenstored', {
  serve: u32,
  /** Address of the page it serves, 0 for none; its own port; number of the guest. */
  page: u32,
  port: u32,
  domid: u32,
  /** The guest broke the ring: it is served no longer. */
  ignored: bool,
  in_used: u32,
  in_chunk: u32,
  out_length: u32,
  out_sent: u32,
  out_chunk: u32,
  input: bytes(INPUT_BYTES),
  output: bytes(OUTPUT_BYTES),
});

/** Pages that a daemon takes. */
export const RING_DAEMON_PAGES: number = Math.ceil(RingDaemonState.size / PAGE_SIZE);

export interface RingDaemonPlace {
  readonly name: string;
  readonly agent: number;
  readonly host: Host;
  /** Domain 0 of its host. */
  readonly domain: Domain;
  readonly values: StoreValues;
  /** Address of its pages. */
  readonly address: number;
  readonly policy: RingPolicy;
  readonly ringBytes: number;
}

/** Number of the guest's connection; the toolstack's is 1. */
const GUEST_CONNECTION = 2;

const serve = task<RingDaemon>('serve', {
  wait: { when: (daemon) => daemon.woken(), run: (daemon) => daemon.wake() },
  look: (daemon) => daemon.look(),
  put: (daemon) => daemon.put(),
  publish: (daemon) => daemon.publish(),
  signal_put: (daemon) => daemon.signal(),
  take: (daemon) => daemon.take(),
  release: (daemon) => daemon.releaseInput(),
  signal_take: (daemon) => daemon.signal(),
  handle: (daemon) => daemon.handle(),
  next_event: (daemon) => daemon.nextEvent(),
  reconnect: (daemon) => daemon.reconnect(),
});

export class RingDaemon {
  readonly place: RingDaemonPlace;
  readonly task: Task<RingDaemon>;
  readonly state: ReturnType<typeof RingDaemonState.view>;
  readonly #memory: JournaledMemory;
  /** One end for each page it may come to serve: addresses are known beforehand. */
  readonly #ends: Map<number, RingEnd> = new Map();

  constructor(memory: JournaledMemory, place: RingDaemonPlace) {
    this.#memory = memory;
    this.place = place;
    this.state = RingDaemonState.view(memory).at(place.address);
    this.task = new Task(memory, serve, this, place.address);
  }

  get store(): Store {
    return this.#value.store;
  }

  /** INTRODUCE of a new domain, whose page is at `page` and whose channel is `remotePort`. */
  introduce(domid: number, page: number, remotePort: number): void {
    const { state, place } = this;
    assert(state.page === 0, `${place.name}: it serves a ring already`);
    const frame = page / PAGE_SIZE;
    this.#memory.protect(frame, this.#memory.agentsOf(frame) | place.agent);
    const port = place.host.events.bindInterdomain(place.domain, domid, remotePort);
    assert(port > 0, `${place.name}: the store's event channel does not bind`);
    state.page = page;
    state.port = port;
    state.domid = domid;
    state.ignored = false;
    this.#end.introduce();
    this.#set(connect(this.store, { domid, id: GUEST_CONNECTION }).store);
    this.signal();
    this.task.start();
  }

  /** The guest is gone. */
  release(): void {
    if (!this.state.ignored) this.#set(disconnect(this.store, GUEST_CONNECTION));
    this.#dropBuffers();
    for (const field of ['page', 'port', 'domid'] as const) this.state[field] = 0;
    this.state.ignored = false;
    this.task.stop();
  }

  woken(): boolean {
    const { state, place } = this;
    if (place.host.events.deliverable(place.domain, state.port)) return true;
    return !state.ignored && state.out_length === 0 && nextEvent(this.store, GUEST_CONNECTION) !== undefined;
  }

  wake(): void {
    this.place.host.events.acknowledge(this.place.domain, this.state.port);
  }

  look(): string {
    const { state } = this;
    if (state.ignored) return 'wait';
    const end = this.#end;
    if (end.reconnectAsked) return 'reconnect';
    const { ringBytes } = this.place;
    // Bad indices are looked at, too: they are noticed when the ring is touched.
    if (state.out_length > 0 && end.replies.waiting() !== ringBytes) return 'put';
    if (state.out_length === 0) {
      if (this.#inputIsWhole()) return 'handle';
      if (nextEvent(this.store, GUEST_CONNECTION) !== undefined) return 'next_event';
    }
    return !this.#inputIsWhole() && end.requests.waiting() !== 0 ? 'take' : 'wait';
  }

  put(): string | undefined {
    const { state, place } = this;
    const from = place.address + RingDaemonState.offset.output + state.out_sent;
    const count = this.#end.replies.put(from, state.out_length - state.out_sent, place.policy.copiesAcrossEnd);
    if (count === BAD_INDEX) return this.#giveUp(XsRingError.BadIndex);
    state.out_chunk = count;
    return undefined;
  }

  publish(): void {
    const { state } = this;
    this.#end.replies.publish(state.out_chunk);
    state.out_sent += state.out_chunk;
    state.out_chunk = 0;
    if (state.out_sent < state.out_length) return;
    this.#memory.clear(state.output, state.out_length);
    state.out_length = 0;
    state.out_sent = 0;
  }

  signal(): string {
    this.place.host.events.send(this.place.domain, this.state.port);
    return 'look';
  }

  take(): string | undefined {
    const { state, place } = this;
    const wanted = state.in_used < XS_HEADER_BYTES ? XS_HEADER_BYTES : this.#frameBytes();
    const count = this.#end.requests.take(
      state.input + state.in_used,
      wanted - state.in_used,
      place.policy.copiesAcrossEnd,
    );
    if (count === BAD_INDEX) return this.#giveUp(XsRingError.BadIndex);
    state.in_chunk = count;
    return undefined;
  }

  releaseInput(): string | undefined {
    const { state, place } = this;
    this.#end.requests.release(state.in_chunk);
    state.in_used += state.in_chunk;
    state.in_chunk = 0;
    if (state.in_used < XS_HEADER_BYTES || !place.policy.refusesLongPayloads) return undefined;
    return this.#payloadBytes() > XS_PAYLOAD_BYTES_MAX ? this.#giveUp(XsRingError.Protocol) : undefined;
  }

  /** Executes the request. The caller's own events go out before the reply, or after it, as the daemon does it. */
  handle(): string {
    const { state } = this;
    const bytes = readBytes(this.#memory, state.input, state.in_used);
    const requestId = this.#memory.read32(state.input + 4);
    const transactionId = this.#memory.read32(state.input + 8);
    const type = this.#memory.read32(state.input);
    this.#memory.clear(state.input, state.in_used);
    state.in_used = 0;
    const { policy } = this.store;
    const request = parseRequest(policy, type, binaryString(bytes, XS_HEADER_BYTES));
    const known = request.type === 'malformed' ? request.of : request.type;
    const { store, reply } = execute(this.store, GUEST_CONNECTION, request, { transactionId });
    this.#set(store);
    if (known === 'unknown' || !policy.repliesFirst.has(known)) {
      while (nextEvent(this.store, GUEST_CONNECTION) !== undefined) this.nextEvent();
    }
    const output = new Output();
    writeReply(output, { type, requestId, transactionId }, known, reply, true);
    this.#append(output);
    return 'look';
  }

  nextEvent(): string {
    const event = nextEvent(this.store, GUEST_CONNECTION);
    if (event !== undefined) {
      this.#set(takeEvent(this.store, GUEST_CONNECTION));
      const output = new Output();
      output.event(event);
      this.#append(output);
    }
    return 'look';
  }

  reconnect(): string {
    this.#dropBuffers();
    const { domid } = this.state;
    this.#set(connect(disconnect(this.store, GUEST_CONNECTION), { domid, id: GUEST_CONNECTION }).store);
    this.#end.reconnect();
    return this.signal();
  }

  /** Watches and transactions go, the domain stays known. */
  #giveUp(error: number): string {
    this.#dropBuffers();
    this.#set(disconnect(this.store, GUEST_CONNECTION));
    this.state.ignored = true;
    this.#end.giveUp(error);
    return 'wait';
  }

  #dropBuffers(): void {
    const { state } = this;
    for (const field of ['in_used', 'in_chunk', 'out_length', 'out_sent', 'out_chunk'] as const) state[field] = 0;
    this.#memory.clear(state.input, INPUT_BYTES);
    this.#memory.clear(state.output, OUTPUT_BYTES);
  }

  #append({ bytes, length }: Output): void {
    const { state, place } = this;
    assert(state.out_length + length <= OUTPUT_BYTES, `${place.name}: more output than its memory holds`);
    writeBytes(this.#memory, state.output + state.out_length, bytes);
    state.out_length += length;
  }

  #inputIsWhole(): boolean {
    return this.state.in_used >= XS_HEADER_BYTES && this.state.in_used === this.#frameBytes();
  }

  #payloadBytes(): number {
    return this.#memory.read32(this.state.input + 12);
  }

  #frameBytes(): number {
    return XS_HEADER_BYTES + Math.min(this.#payloadBytes(), XS_PAYLOAD_BYTES_MAX);
  }

  get #end(): RingEnd {
    const { page } = this.state;
    let end = this.#ends.get(page);
    if (end === undefined) {
      end = new RingEnd(this.#memory, page, this.place.policy, this.place.ringBytes);
      this.#ends.set(page, end);
    }
    return end;
  }

  get #value(): StoreValue {
    return this.#memory.cell(this.place.host.storeCell) as StoreValue;
  }

  #set(store: Store): void {
    this.#memory.assignCell(this.place.host.storeCell, this.place.values.of(store));
  }
}
