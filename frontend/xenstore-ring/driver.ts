/**
 * The guest's end of the xenstore ring: what Linux's drivers/xen/xenbus/xenbus_comms.c and xenbus_xs.c do.
 *
 *     submit -> Queued -> (transmit: copy, publish, notify)* -> Sent
 *            -> (receive: copy, release, notify)* -> deliver -> Answered -> take
 *
 * All of it lies in the guest's memory, a message that is half written or half read too. A caller does not get its reply
 * at once, as from a `StoreAccess`: it submits, its task waits until `answered`, and takes. Linux does both transfers
 * in one thread; two tasks allow every order that one thread does, and more.
 */
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { Task, task } from '../../hypervisor/steps.js';
import { assert } from '../../protocol/assert.js';
import { readBytes, writeBytes } from '../../protocol/memory.js';
import { BAD_INDEX, XsByteQueue } from '../../protocol/xs-ring.js';
import { binaryString, encodeFrame, XS_HEADER_BYTES, XsType } from '../../protocol/xs-wire.js';
import { bytesOf, Holder, RequestState, XsPlaces, XsRequest, type XsShape, XsState } from './memory.js';
import type { XsRules } from './rules.js';
import { XsWatches } from './watches.js';

export interface XsRingPlace {
  /** Address of the page that is shared with the daemon. */
  readonly page: number;
  /** Address of the driver's own pages; `xsPages` says how many. */
  readonly base: number;
  readonly shape: XsShape;
  readonly rules: XsRules;
  /** Sends an event to the daemon through port `port`. */
  readonly notify: (port: number) => void;
}

/** The payload of a reply; `ERROR` or the type of the request. */
export interface XsAnswer {
  readonly type: number;
  readonly payload: string;
}

const transmit = task<XenstoreRing>('xb_write', {
  copy: { when: (ring) => ring.mayWrite(), run: (ring) => ring.copyIn() },
  publish: (ring) => ring.publish(),
  notify: (ring) => ring.notifyWritten(),
});

const receive = task<XenstoreRing>('xb_read', {
  copy: { when: (ring) => ring.mayRead(), run: (ring) => ring.copyOut() },
  release: (ring) => ring.release(),
  notify: (ring) => ring.notifyRead(),
  deliver: (ring) => ring.deliver(),
});

export class XenstoreRing {
  readonly place: XsRingPlace;
  readonly places: XsPlaces;
  readonly state: ReturnType<typeof XsState.view>;
  readonly transmitTask: Task<XenstoreRing>;
  readonly receiveTask: Task<XenstoreRing>;
  readonly watches: XsWatches;
  readonly requests: XsByteQueue;
  readonly replies: XsByteQueue;
  readonly #memory: MachineMemory;
  readonly #request;

  constructor(memory: MachineMemory, place: XsRingPlace) {
    this.#memory = memory;
    this.place = place;
    this.places = new XsPlaces(place.shape, place.base);
    this.state = XsState.view(memory).at(this.places.state);
    this.#request = XsRequest.view(memory);
    this.watches = new XsWatches(memory, this.places);
    this.requests = new XsByteQueue(memory, place.page, 'requests', place.shape.ringBytes);
    this.replies = new XsByteQueue(memory, place.page, 'replies', place.shape.ringBytes);
    this.transmitTask = new Task(memory, transmit, this, this.places.state + XsState.offset.transmit);
    this.receiveTask = new Task(memory, receive, this, this.places.state + XsState.offset.receive);
  }

  /** First boot, on port `port`. */
  start(port: number): void {
    this.state.port = port;
    this.transmitTask.start();
    this.receiveTask.start();
  }

  /** Whether a request may begin: a slot is free, and no suspend waits that is not held up by somebody else anyway. */
  accepts(): boolean {
    const { state } = this;
    return !(state.suspending && state.users === 0) && this.#find(RequestState.Free) >= 0;
  }

  /** Begins a request; `accepts` must hold. Returns its slot. Payloads are binary strings. */
  submit(type: number, payload: string, transaction = 0): number {
    const slot = this.#find(RequestState.Free);
    const { state } = this;
    assert(slot >= 0, 'xenstore ring: expected a free slot');
    assert(
      payload.length <= this.place.shape.payloadBytes,
      `xenstore ring: a payload of ${payload.length} bytes is too long`,
    );
    const id = state.next_id;
    const frame = encodeFrame({ type, requestId: id, transactionId: transaction, payload });
    writeBytes(this.#memory, this.places.requestBuffer(slot), frame);
    const request = this.#at(slot);
    request.type = type;
    request.id = id;
    request.transaction = transaction;
    request.length = frame.length;
    request.state = RequestState.Queued;
    state.next_id = id + 1;
    state.awake = true;
    // An open transaction counts as one more user until it ends.
    state.users += type === XsType.TRANSACTION_START ? 2 : 1;
    return slot;
  }

  answered(slot: number): boolean {
    return this.#at(slot).state === RequestState.Answered;
  }

  /** The reply to the request in `slot`, which becomes free. */
  take(slot: number): XsAnswer {
    const request = this.#at(slot);
    assert(request.state === RequestState.Answered, `xenstore ring: slot ${slot} has no reply`);
    const type = request.reply_type;
    const payload = binaryString(readBytes(this.#memory, this.places.requestBuffer(slot), request.reply_length));
    const failed = type === XsType.ERROR;
    const { state } = this;
    state.users -= 1;
    if (request.type === XsType.TRANSACTION_START && failed) state.users -= 1;
    if (request.type === XsType.TRANSACTION_END && !(failed && payload === 'ENOENT\0')) state.users -= 1;
    for (const field of ['state', 'type', 'id', 'transaction', 'length', 'reply_type', 'reply_length'] as const)
      request[field] = 0;
    this.#memory.clear(this.places.requestBuffer(slot), XS_HEADER_BYTES + this.place.shape.payloadBytes);
    return { type, payload };
  }

  /** Whether a watch may be registered now: a request may begin, and no resume is doing the same. */
  get acceptsWatch(): boolean {
    return !this.state.watches_held && this.accepts();
  }

  /** Notes a watch and asks the daemon for it. Returns the slot of the request. */
  registerWatch(path: string, token: string): number {
    const payload = `${path}\0${token}\0`;
    this.watches.add(payload);
    return this.submit(XsType.WATCH, payload);
  }

  get hasEvent(): boolean {
    return this.state.events > 0;
  }

  /** Takes the oldest event: `path|token|`. There must be one. */
  takeEvent(): string {
    return this.watches.takeEvent();
  }

  /** An event came. */
  interrupt(): void {
    this.#sleepOrGoOn();
  }

  // The writing half.

  mayWrite(): boolean {
    return this.state.awake && !this.state.stopped && this.#hasToWrite();
  }

  copyIn(): string | undefined {
    const { state } = this;
    if (state.writing === 0) {
      state.writing = this.#oldestQueued() + 1;
      state.written = 0;
    }
    const slot = state.writing - 1;
    const length = this.#at(slot).length - state.written;
    const count = this.requests.put(this.places.requestBuffer(slot) + state.written, length);
    if (count === BAD_INDEX) {
      this.requests.reset();
      state.writing = 0;
      this.#answer(slot, XsType.ERROR, 'EIO\0');
      return 'copy';
    }
    state.write_chunk = count;
    return undefined;
  }

  publish(): void {
    const { state } = this;
    state.write_start = this.requests.producer;
    state.written += state.write_chunk;
    this.requests.publish(state.write_chunk);
    state.write_chunk = 0;
    const request = this.#at(state.writing - 1);
    if (state.written < request.length) return;
    request.state = RequestState.Sent;
    state.writing = 0;
    state.written = 0;
  }

  /** The daemon sleeps only when it has taken everything: not when its index is still behind where this chunk begins. */
  notifyWritten(): string {
    const { state, place } = this;
    if (!place.rules.notifiesSparingly || state.write_start <= this.requests.consumer) place.notify(state.port);
    state.write_start = 0;
    this.#sleepOrGoOn();
    return 'copy';
  }

  // The reading half.

  mayRead(): boolean {
    const { state } = this;
    return state.awake && !state.stopped && state.response_holder !== Holder.Suspend && this.replies.waiting() !== 0;
  }

  copyOut(): string | undefined {
    const { state } = this;
    state.response_holder = Holder.Reader;
    const wanted = state.read < XS_HEADER_BYTES ? XS_HEADER_BYTES : XS_HEADER_BYTES + this.#messageLength();
    const count = this.replies.take(this.places.message + state.read, wanted - state.read);
    if (count === BAD_INDEX) {
      this.replies.reset();
      this.#endMessage(true);
      return 'copy';
    }
    state.read_chunk = count;
    return undefined;
  }

  release(): void {
    const { state } = this;
    state.read_start = this.replies.consumer;
    this.replies.release(state.read_chunk);
    state.read += state.read_chunk;
    state.read_chunk = 0;
  }

  /** The daemon waits for room only when the buffer was full. */
  notifyRead(): string {
    const { state, place } = this;
    const wasFull = (this.replies.producer - state.read_start) >>> 0 >= place.shape.ringBytes;
    if (!place.rules.notifiesSparingly || wasFull) place.notify(state.port);
    state.read_start = 0;
    this.#sleepOrGoOn();
    if (state.read < XS_HEADER_BYTES) return 'copy';
    if (this.#messageLength() > place.shape.payloadBytes) {
      this.#endMessage(true);
      return 'copy';
    }
    return state.read === XS_HEADER_BYTES + this.#messageLength() ? 'deliver' : 'copy';
  }

  /** A reply goes to its request, an event to the queue. A reply to nothing that was asked is nonsense. */
  deliver(): string {
    const { state, places } = this;
    const type = this.#memory.read32(places.message);
    const id = this.#memory.read32(places.message + 4);
    const payload = binaryString(
      readBytes(this.#memory, places.message + XS_HEADER_BYTES, state.read - XS_HEADER_BYTES),
    );
    if (type === XsType.WATCH_EVENT) {
      this.watches.eventCame(payload);
      this.#endMessage(false);
      return 'copy';
    }
    let slot = this.place.shape.requests - 1;
    while (slot >= 0 && !(this.#at(slot).state === RequestState.Sent && this.#at(slot).id === id)) slot--;
    if (slot >= 0) this.#answer(slot, type, payload);
    this.#endMessage(slot < 0);
    return 'copy';
  }

  /**
   * Forgets half a message in either direction and queues requests without a reply anew. The ring must be empty, by
   * INTRODUCE or by reconnection. A request inside a transaction fails: its id means nothing to the new daemon, or another.
   */
  startOver(): void {
    const { state } = this;
    this.#endMessage(false);
    for (const field of ['writing', 'written', 'write_chunk', 'write_start', 'read_chunk', 'read_start'] as const)
      state[field] = 0;
    for (let slot = 0; slot < this.place.shape.requests; slot++) {
      const request = this.#at(slot);
      if (request.state !== RequestState.Queued && request.state !== RequestState.Sent) continue;
      if (request.transaction !== 0) this.#answer(slot, XsType.ERROR, 'EAGAIN\0');
      else request.state = RequestState.Queued;
    }
    state.awake = true;
    this.transmitTask.start();
    this.receiveTask.start();
  }

  #hasToWrite(): boolean {
    if (this.state.writing === 0 && this.#oldestQueued() < 0) return false;
    // Bad indices are looked at, too: the request then fails.
    return this.requests.waiting() !== this.place.shape.ringBytes;
  }

  /** One look at both queues; without work the thread sleeps until the next event or request. */
  #sleepOrGoOn(): void {
    this.state.awake = this.#hasToWrite() || this.replies.waiting() !== 0;
  }

  #endMessage(nonsense: boolean): void {
    const { state } = this;
    if (nonsense) state.nonsense += 1;
    state.read = 0;
    this.#memory.clear(this.places.message, XS_HEADER_BYTES + this.place.shape.payloadBytes);
    if (state.response_holder === Holder.Reader) state.response_holder = Holder.Nobody;
  }

  #answer(slot: number, type: number, payload: string): void {
    const request = this.#at(slot);
    writeBytes(this.#memory, this.places.requestBuffer(slot), bytesOf(payload));
    request.reply_type = type;
    request.reply_length = payload.length;
    request.state = RequestState.Answered;
  }

  #messageLength(): number {
    return this.#memory.read32(this.places.message + 12);
  }

  #at(slot: number): ReturnType<typeof XsRequest.view> {
    return this.#request.at(this.places.request(slot));
  }

  #find(state: number): number {
    for (let slot = 0; slot < this.place.shape.requests; slot++) if (this.#at(slot).state === state) return slot;
    return -1;
  }

  #oldestQueued(): number {
    let oldest = -1;
    let age = 0;
    for (let slot = 0; slot < this.place.shape.requests; slot++) {
      const { state, id } = this.#at(slot);
      if (state !== RequestState.Queued) continue;
      const since = (this.state.next_id - id) >>> 0;
      if (since > age) {
        oldest = slot;
        age = since;
      }
    }
    return oldest;
  }
}
