/**
 * Serves rings: moves bytes between the pages of guests and a `Daemon`.
 *
 * Whoever owns the daemon calls `pump` when an event comes from a guest, and after anything else that may have made
 * output for guests. Each chunk taken or put is followed by a signal. A guest that breaks its ring is served no longer;
 * its domain stays known, so that its real end is still announced (XSA-325).
 *
 * Frames that do not fit wait here. When there are `outstandingMax` of them the ring is not read, and the daemon keeps
 * what else there is for the guest (`Daemon.block`), until the guest has read.
 */
import { assert } from '../protocol/assert.js';
import { type Memory, readBytes, writeBytes } from '../protocol/memory.js';
import { BAD_INDEX, XS_RING_BYTES, XsRingError } from '../protocol/xs-ring.js';
import { binaryString, readWord, XS_HEADER_BYTES, XS_PAYLOAD_BYTES_MAX } from '../protocol/xs-wire.js';
import { RingEnd, type RingPolicy } from './ring-end.js';

/** What is needed of `Daemon`. */
export interface RingDaemon {
  connect(domid: number, ring: boolean): number;
  disconnect(connection: number): void;
  receive(connection: number, bytes: Uint8Array): boolean;
  flush(write: (connection: number, bytes: Uint8Array) => void): void;
  block(connection: number, blocked: boolean): void;
  isConnected(connection: number): boolean;
}

export interface RingPlace {
  readonly domid: number;
  readonly memory: Memory;
  /** Address of the ring page. */
  readonly page: number;
  /** Address of `XS_RING_BYTES` bytes that are the daemon's own: chunks are copied by way of them. */
  readonly scratch: number;
  /** What the domain was given by SET_FEATURE; the daemon's default when absent. */
  readonly features?: number;
  /** Sends an event to the guest. */
  readonly signal: () => void;
}

/** Output of a connection: frames, the first of which may have begun to go out. */
export interface RingOutput {
  /** One character per byte. */
  readonly output: string;
  /** Bytes at the front of it that are the rest of a frame. */
  readonly partialReply: number;
}

/** Rounds of one `pump`. */
const TURNS_MAX = 256;

export class RingServer {
  readonly #daemon: RingDaemon;
  readonly #policy: RingPolicy;
  /** The rings that are served, by connection. */
  readonly #rings: Map<number, Ring> = new Map();
  /** Those that were given up, by domain: their connections are gone, and the numbers may be somebody else's. */
  readonly #givenUp: Map<number, Ring> = new Map();

  constructor(daemon: RingDaemon, policy: RingPolicy) {
    this.#daemon = daemon;
    this.#policy = policy;
  }

  /**
   * A domain was introduced: to be called after the daemon has executed the request. Of a known domain the ring begins
   * anew where the daemon does that; one that was given up stays so.
   */
  introduce(place: RingPlace): void {
    const known = this.#ringOf(place.domid) ?? this.#givenUp.get(place.domid);
    if (known === undefined) {
      const ring = new Ring(this.#daemon.connect(place.domid, true), place, this.#policy);
      ring.end.introduce(place.features);
      this.#rings.set(ring.connection, ring);
    } else {
      known.end.introduce(place.features);
      if (this.#policy.introduceResets) known.renew(known.connection);
    }
    place.signal();
  }

  /** The domain is released or gone: its page is not touched any more. To be called as soon as the daemon knows. */
  release(domid: number): void {
    const ring = this.#ringOf(domid);
    if (ring !== undefined) {
      this.#rings.delete(ring.connection);
      this.#daemon.disconnect(ring.connection);
    }
    this.#givenUp.delete(domid);
  }

  /** Whether the ring of `domid` is served. */
  serves(domid: number): boolean {
    return this.#ringOf(domid) !== undefined;
  }

  /** What of the output of a connection has not gone into its ring, for a daemon that goes on where this one stops. */
  unsent(connection: number): RingOutput | undefined {
    return this.#rings.get(connection)?.unsent();
  }

  /**
   * Goes on with the ring of an introduced domain where another daemon stopped. `input` is what the connection has
   * received of a request; `partialReply` are the bytes at the front of its first output that are the rest of a frame.
   */
  adopt(
    place: RingPlace,
    state: { readonly connection: number; readonly input: string; readonly partialReply: number },
  ): void {
    const ring = new Ring(state.connection, place, this.#policy);
    ring.goOn(state.input, state.partialReply);
    this.#rings.set(ring.connection, ring);
    place.signal();
  }

  /**
   * Moves what can be moved, one request of each ring in turn. Output for connections that are no rings goes to `others`.
   * Returns whether there is more to do: a guest that goes on while it is served must not keep its daemon for ever.
   */
  pump(others: (connection: number, bytes: Uint8Array) => void = () => {}): boolean {
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      let moved = false;
      this.#daemon.flush((connection, bytes) => {
        const ring = this.#rings.get(connection);
        if (ring === undefined) others(connection, bytes);
        else ring.hold(bytes);
        moved = true;
      });
      for (const ring of [...this.#rings.values()]) if (this.#serve(ring)) moved = true;
      if (!moved) return false;
    }
    return true;
  }

  /** Returns whether anything was moved. */
  #serve(ring: Ring): boolean {
    if (!this.#daemon.isConnected(ring.connection)) {
      // It ended with its domain, whose page is not ours any more.
      this.#rings.delete(ring.connection);
      return false;
    }
    if (ring.end.reconnectAsked) {
      ring.end.reconnect();
      this.#renew(ring);
      ring.place.signal();
      return true;
    }
    let moved = false;
    while (ring.pending.length > 0) {
      const count = ring.put();
      if (count === BAD_INDEX) return this.#giveUp(ring, XsRingError.BadIndex);
      if (count === 0) break;
      moved = true;
      ring.place.signal();
    }
    // What comes for a guest that does not read waits in the daemon, and its requests in the ring.
    const full = ring.pending.length >= this.#policy.outstandingMax;
    this.#daemon.block(ring.connection, full);
    if (full) return moved;
    const bytes = ring.take();
    if (bytes === null) return this.#giveUp(ring, XsRingError.BadIndex);
    if (bytes.length === 0) return moved;
    ring.place.signal();
    return this.#daemon.receive(ring.connection, bytes) || this.#giveUp(ring, XsRingError.Protocol);
  }

  /** Watches, transactions and queues of the connection go; the connection does not. */
  #renew(ring: Ring): void {
    this.#daemon.disconnect(ring.connection);
    this.#rings.delete(ring.connection);
    ring.renew(this.#daemon.connect(ring.place.domid, true));
    this.#rings.set(ring.connection, ring);
  }

  #giveUp(ring: Ring, error: number): true {
    // A connection that broke the protocol is disconnected already.
    if (error !== XsRingError.Protocol) this.#daemon.disconnect(ring.connection);
    ring.end.giveUp(error);
    this.#rings.delete(ring.connection);
    this.#givenUp.set(ring.place.domid, ring);
    return true;
  }

  #ringOf(domid: number): Ring | undefined {
    return [...this.#rings.values()].find(({ place }) => place.domid === domid);
  }
}

class Ring {
  connection: number;
  readonly place: RingPlace;
  readonly end: RingEnd;
  /** Frames that have not gone out whole, oldest first, and how much of the first has. */
  readonly pending: Uint8Array[] = [];
  #sent = 0;
  /** Bytes of the next output that are the rest of a frame another daemon has begun to send. */
  #partial = 0;
  /** The first of `pending` is such a rest. */
  #firstIsRest = false;
  /** The request that is being taken: its header, and how much of it all has come. */
  readonly #header = new Uint8Array(XS_HEADER_BYTES);
  #taken = 0;
  readonly #policy: RingPolicy;

  constructor(connection: number, place: RingPlace, policy: RingPolicy) {
    this.connection = connection;
    this.place = place;
    this.#policy = policy;
    this.end = new RingEnd(place.memory, place.page, policy);
  }

  renew(connection: number): void {
    this.connection = connection;
    this.pending.length = 0;
    this.#sent = 0;
    this.#partial = 0;
    this.#firstIsRest = false;
    this.#taken = 0;
  }

  unsent(): RingOutput {
    const [first = new Uint8Array(0), ...others] = this.pending;
    const rest = binaryString(first, this.#sent);
    return {
      output: rest + others.map((frame) => binaryString(frame)).join(''),
      partialReply: this.#sent > 0 || this.#firstIsRest ? rest.length : this.#partial,
    };
  }

  goOn(input: string, partialReply: number): void {
    this.#partial = partialReply;
    for (let i = 0; i < Math.min(input.length, XS_HEADER_BYTES); i++) this.#header[i] = input.charCodeAt(i);
    const whole = input.length >= XS_HEADER_BYTES && input.length === this.#frameBytes();
    this.#taken = whole ? 0 : input.length;
  }

  /** Takes over whole frames, after the rest of one that another daemon has begun. */
  hold(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const end = at + (this.#partial > 0 ? this.#partial : XS_HEADER_BYTES + readWord(bytes, at + 12));
      this.#firstIsRest ||= this.#partial > 0;
      this.#partial = 0;
      assert(end <= bytes.length, 'ring server: expected whole frames from the daemon');
      this.pending.push(bytes.slice(at, end));
      at = end;
    }
  }

  /** Puts a chunk of the oldest frame into the ring. Returns its length, or `BAD_INDEX`. */
  put(): number {
    const frame = this.pending[0] as Uint8Array;
    const { memory, scratch } = this.place;
    writeBytes(memory, scratch, frame.subarray(this.#sent, this.#sent + XS_RING_BYTES));
    const length = Math.min(frame.length - this.#sent, XS_RING_BYTES);
    const count = this.end.replies.put(scratch, length, this.#policy.copiesAcrossEnd);
    if (count <= 0) return count;
    this.end.replies.publish(count);
    this.#sent += count;
    if (this.#sent === frame.length) {
      this.pending.shift();
      this.#sent = 0;
      this.#firstIsRest = false;
    }
    return count;
  }

  /** The next piece of the request that is being taken, its header alone at first; null where the indices are bad. */
  take(): Uint8Array | null {
    const { memory, scratch } = this.place;
    const inHeader = this.#taken < XS_HEADER_BYTES;
    const wanted = (inHeader ? XS_HEADER_BYTES : this.#frameBytes()) - this.#taken;
    const length = Math.min(wanted, XS_RING_BYTES);
    const count = this.end.requests.take(scratch, length, this.#policy.copiesAcrossEnd);
    if (count === BAD_INDEX) return null;
    const bytes = readBytes(memory, scratch, count);
    if (count > 0) this.end.requests.release(count);
    if (inHeader) this.#header.set(bytes, this.#taken);
    this.#taken += count;
    if (this.#taken >= XS_HEADER_BYTES && this.#taken === this.#frameBytes()) this.#taken = 0;
    return bytes;
  }

  #frameBytes(): number {
    return XS_HEADER_BYTES + Math.min(readWord(this.#header, 12), XS_PAYLOAD_BYTES_MAX);
  }
}
