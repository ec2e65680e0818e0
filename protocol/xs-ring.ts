/**
 * The page through which a guest talks to its xenstore daemon (xen/include/public/io/xs_wire.h, docs/misc/xenstore-ring.txt).
 *
 * Two queues of bytes, one in each direction. Their indices run freely modulo 2^32; byte x of a stream lies at x modulo
 * the size of the buffer, and a queue is full when producer - consumer is that size. Neither side may assume that
 * indices start at 0, nor trust the other's. Order on the producing side: bytes, then index, then event; on the
 * consuming side: copy out, then index, then event.
 *
 * The real buffers have 1024 bytes. An exploration takes fewer, so that messages are split within few steps; the
 * fields stay where they are.
 */
import { assert } from './assert.js';
import { bytes, layout, u32 } from './layout.js';
import type { Memory } from './memory.js';

/** Bytes of each buffer (XENSTORE_RING_SIZE). */
export const XS_RING_BYTES = 1024;

export const XenstoreInterface = layout('xenstore_domain_interface', {
  req: bytes(XS_RING_BYTES),
  rsp: bytes(XS_RING_BYTES),
  req_cons: u32,
  req_prod: u32,
  rsp_cons: u32,
  rsp_prod: u32,
  server_features: u32,
  connection: u32,
  error: u32,
  evtchn_port: u32,
});

/** Bits of `server_features`. The daemon sets them and never clears them. */
export const XsFeature = { Reconnection: 1, Error: 2, WatchDepth: 4, AllDomains: 8 } as const;

/** Values of `connection`. Only the guest (or its builder) asks, only the daemon answers. */
export const XsConnection = { Connected: 0, Reconnect: 1 } as const;

/** Values of `error`: why the daemon serves the ring no longer. */
export const XsRingError = { None: 0, Communication: 1, BadIndex: 2, Protocol: 3 } as const;

export type XsDirection = 'requests' | 'replies';

/** What `waiting` gives where the indices cannot be: the other side broke them. */
export const BAD_INDEX = -1;

/**
 * One of the two queues, from either end. Holds no state: each call reads the indices once, checks them, and works with
 * what it read, whatever the other side stores meanwhile.
 */
export class XsByteQueue {
  readonly #memory: Memory;
  readonly #size: number;
  readonly #data: number;
  readonly #consumer: number;
  readonly #producer: number;

  /** `page` is the address of the page, `size` that of the buffer in bytes, a power of two. */
  constructor(memory: Memory, page: number, direction: XsDirection, size: number = XS_RING_BYTES) {
    assert(
      size > 0 && size <= XS_RING_BYTES && (size & (size - 1)) === 0,
      `xs-ring: expected a size that is a power of two up to ${XS_RING_BYTES}, found ${size}`,
    );
    const { offset } = XenstoreInterface;
    const requests = direction === 'requests';
    this.#memory = memory;
    this.#size = size;
    this.#data = page + (requests ? offset.req : offset.rsp);
    this.#consumer = page + (requests ? offset.req_cons : offset.rsp_cons);
    this.#producer = page + (requests ? offset.req_prod : offset.rsp_prod);
  }

  get consumer(): number {
    return this.#memory.read32(this.#consumer);
  }

  get producer(): number {
    return this.#memory.read32(this.#producer);
  }

  /** Bytes that wait to be taken, or `BAD_INDEX`. */
  waiting(): number {
    return waitingBetween(this.consumer, this.producer, this.#size);
  }

  /** Whether a byte can be put in. With bad indices nothing can. */
  hasRoom(): boolean {
    const waiting = this.waiting();
    return waiting !== BAD_INDEX && waiting < this.#size;
  }

  /**
   * Copies up to `length` bytes from address `from` behind the last one; the other side does not see them yet. With
   * `wrap` one copy may go over the end of the buffer. Returns how many were copied, or `BAD_INDEX`.
   */
  put(from: number, length: number, wrap = false): number {
    const producer = this.producer;
    const waiting = waitingBetween(this.consumer, producer, this.#size);
    if (waiting === BAD_INDEX) return BAD_INDEX;
    const count = this.#chunk(producer, Math.min(length, this.#size - waiting), wrap);
    for (let i = 0; i < count; i++) this.#memory.write8(this.#at(producer + i), this.#memory.read8(from + i));
    return count;
  }

  /** Lets the other side see `count` more bytes, which were put in before. */
  publish(count: number): void {
    this.#memory.write32(this.#producer, this.producer + count);
  }

  /** Copies up to `length` bytes out to address `to`; their place stays taken. Returns how many, or `BAD_INDEX`. */
  take(to: number, length: number, wrap = false): number {
    const consumer = this.consumer;
    const waiting = waitingBetween(consumer, this.producer, this.#size);
    if (waiting === BAD_INDEX) return BAD_INDEX;
    const count = this.#chunk(consumer, Math.min(length, waiting), wrap);
    for (let i = 0; i < count; i++) this.#memory.write8(to + i, this.#memory.read8(this.#at(consumer + i)));
    return count;
  }

  /** Gives the place of `count` bytes, which were copied out before, back to the other side. */
  release(count: number): void {
    this.#memory.write32(this.#consumer, this.consumer + count);
  }

  /** Passes over everything that waits: consumer := producer. */
  drop(): void {
    this.#memory.write32(this.#consumer, this.producer);
  }

  /** Both indices to 0. */
  reset(): void {
    this.#memory.write32(this.#consumer, 0);
    this.#memory.write32(this.#producer, 0);
  }

  /** Fills the buffer with 0xff, which is no message type (XS_INVALID is 0xffff). */
  fillInvalid(): void {
    for (let i = 0; i < this.#size; i++) this.#memory.write8(this.#data + i, 0xff);
  }

  #at(index: number): number {
    return this.#data + (index & (this.#size - 1));
  }

  #chunk(index: number, length: number, wrap: boolean): number {
    return wrap ? length : Math.min(length, this.#size - (index & (this.#size - 1)));
  }
}

/** Bytes between two free-running indices, or `BAD_INDEX` when there are more than the buffer holds. */
export function waitingBetween(consumer: number, producer: number, size: number): number {
  const waiting = (producer - consumer) >>> 0;
  return waiting <= size ? waiting : BAD_INDEX;
}
