/**
 * How the guest's xenbus driver lies in memory: all that it knows of its store connection.
 *
 *     page 0            state, request slots, watches, queue of events
 *     after these       the message being read, and a buffer for each slot, watch and event
 */
import { bool, layout, u8, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { XS_HEADER_BYTES } from '../../protocol/xs-wire.js';

/** Who holds the response lock (xs_response_mutex). */
export const Holder = { Nobody: 0, Reader: 1, Suspend: 2 } as const;

export const XsState = layout('xenbus', {
  /** Port of the store's event channel, as the builder wrote it into the start info. */
  port: u32,
  /** Number of the next request. */
  next_id: u32,
  /** Requests and transactions that are open (xs_state_users). */
  users: u32,
  /** A suspend waits or is under way: no request begins (xs_suspend_active). */
  suspending: bool,
  /** The thread does not sleep: an event or a new request has woken it, and it has not found itself without work since. */
  awake: bool,
  /** The other processors stand still around the hypercall (stop_machine), or the ring is being reconnected. */
  stopped: bool,
  /** A resume registers the watches again: nobody else may (xs_watch_rwsem). */
  watches_held: bool,
  response_holder: u8,
  /** Messages that made no sense: the stream is out of step. */
  nonsense: u32,
  /** Slot of the request that is being written, counted from 1; how much of it is published, and copied but not yet published. */
  writing: u32,
  written: u32,
  write_chunk: u32,
  /** How much of the present message is read and released, and copied but not yet released. */
  read: u32,
  read_chunk: u32,
  /** Producer index as it was before the last chunk was published, and consumer index before the last was released. */
  write_start: u32,
  read_start: u32,
  /** Events that wait to be handled. */
  events: u32,
  transmit: u32,
  receive: u32,
});

/** Queued -> Sent -> Answered -> Free. */
export const RequestState = { Free: 0, Queued: 1, Sent: 2, Answered: 3 } as const;

/** One request. Its buffer holds the frame until the reply comes, then the payload of the reply. */
export const XsRequest = layout('xs_request', {
  state: u8,
  type: u8,
  id: u32,
  transaction: u32,
  /** Bytes of the frame. */
  length: u32,
  reply_type: u32,
  reply_length: u32,
});

/** A registered watch; its buffer holds path and token, each with its nul: the payload of WATCH. */
export const XsWatch = layout('xs_watch', { used: bool, length: u32 });

/** A watch event that waits; its buffer holds the payload of the event. */
export const XsEvent = layout('xs_event', { length: u32 });

export interface XsShape {
  /** Bytes of each ring buffer. */
  readonly ringBytes: number;
  /** Longest payload that is sent or taken. */
  readonly payloadBytes: number;
  readonly requests: number;
  readonly watches: number;
  readonly events: number;
}

/** Addresses of everything, from the address of the first page. */
export class XsPlaces {
  readonly shape: XsShape;
  readonly state: number;
  /** Address of the message that is being read. */
  readonly message: number;
  /** Bytes from the first page on. */
  readonly size: number;
  readonly #records: { readonly requests: number; readonly watches: number; readonly events: number };
  readonly #buffers: { readonly requests: number; readonly watches: number; readonly events: number };
  readonly #frameBytes: number;

  constructor(shape: XsShape, base: number) {
    let free = base;
    const take = (size: number): number => {
      const address = free;
      free += (size + 3) & ~3;
      return address;
    };
    this.shape = shape;
    this.#frameBytes = (XS_HEADER_BYTES + shape.payloadBytes + 3) & ~3;
    this.state = take(XsState.size);
    this.#records = {
      requests: take(shape.requests * XsRequest.size),
      watches: take(shape.watches * XsWatch.size),
      events: take(shape.events * XsEvent.size),
    };
    this.message = take(this.#frameBytes);
    this.#buffers = {
      requests: take(shape.requests * this.#frameBytes),
      watches: take(shape.watches * this.#frameBytes),
      events: take(shape.events * this.#frameBytes),
    };
    this.size = free - base;
  }

  request(slot: number): number {
    return this.#records.requests + slot * XsRequest.size;
  }

  requestBuffer(slot: number): number {
    return this.#buffers.requests + slot * this.#frameBytes;
  }

  watch(index: number): number {
    return this.#records.watches + index * XsWatch.size;
  }

  watchBuffer(index: number): number {
    return this.#buffers.watches + index * this.#frameBytes;
  }

  event(index: number): number {
    return this.#records.events + index * XsEvent.size;
  }

  eventBuffer(index: number): number {
    return this.#buffers.events + index * this.#frameBytes;
  }
}

/** Pages that a driver of this shape takes. */
export function xsPages(shape: XsShape): number {
  return Math.ceil(new XsPlaces(shape, 0).size / PAGE_SIZE);
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
