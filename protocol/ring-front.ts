/**
 * The front end of a shared ring: puts requests on it and takes responses off (the FRONT_ and RING_ macros of
 * xen/include/public/io/ring.h; `ring.ts` has the drawing).
 *
 * The object is a window: what the end knows is two indices at the private address, and a second object over the same
 * addresses is as good as the first. Each method up to "whole sequences" is one step in the sense of the explorer: at
 * most one of its accesses is to a word that the other end writes or waits for. A driver that wants its steps
 * interleaved calls these; one that does not calls `push` and `finalCheck`.
 *
 *     const slot = front.requestSlot();      // address; write the request there
 *     front.commitRequest();                 // counted, not yet visible
 *     const before = front.publish();        // visible
 *     if (front.shouldNotify(before)) ...    // kick the event channel
 */
import { assert } from './assert.js';
import { layout, u32, type View } from './layout.js';
import type { Memory } from './memory.js';
import {
  entryAddress,
  passedEvent,
  RING_OVERFLOW,
  type RingPlace,
  type RingShape,
  ringAdd,
  ringDistance,
  SharedRing,
} from './ring.js';

const privateFields = { req_prod_pvt: u32, rsp_cons: u32 };

/** Private indices of the front end: 8 bytes. The number of entries is part of the shape, not of the state. */
export const FrontRingPrivate = layout('front_ring', privateFields);

export class FrontRing {
  readonly shape: RingShape;
  readonly #memory: Memory;
  readonly #shared: ReturnType<typeof SharedRing.view>;
  readonly #own: View<typeof privateFields>;

  constructor(shape: RingShape, place: RingPlace) {
    this.shape = shape;
    this.#memory = place.memory;
    this.#shared = SharedRing.view(place.memory).at(place.sharedAddress);
    this.#own = FrontRingPrivate.view(place.memory).at(place.privateAddress);
  }

  /** FRONT_RING_INIT: nothing requested, nothing seen. The shared part is `initialiseSharedRing`'s. */
  initialise(): void {
    this.#own.req_prod_pvt = 0;
    this.#own.rsp_cons = 0;
  }

  /**
   * FRONT_RING_ATTACH to a ring in use: requests go on after the last one published, responses from `start` on are
   * still to be seen (those not yet answered, when absent). The macro starts both at one index, which is the same
   * when nothing is outstanding and forgets published requests when something is.
   *
   * The page is not trusted: false, with no store made, when the indices found there cannot belong together.
   */
  attach(start?: number): boolean {
    const requests = this.#shared.req_prod;
    const responses = this.#shared.rsp_prod;
    const first = start ?? responses;
    const outstanding = ringDistance(this.shape, first, requests);
    if (outstanding > this.shape.size) return false;
    if (ringDistance(this.shape, first, responses) > outstanding) return false;
    this.#own.req_prod_pvt = ringAdd(this.shape, requests, 0);
    this.#own.rsp_cons = ringAdd(this.shape, first, 0);
    return true;
  }

  /** Index of the next request. */
  get requestProducer(): number {
    return this.#own.req_prod_pvt;
  }

  /** Index of the next response. */
  get responseConsumer(): number {
    return this.#own.rsp_cons;
  }

  /** RING_FREE_REQUESTS */
  freeRequests(): number {
    return this.shape.size - ringDistance(this.shape, this.#own.rsp_cons, this.#own.req_prod_pvt);
  }

  /** RING_FULL */
  isFull(): boolean {
    return this.freeRequests() === 0;
  }

  /** Address of the entry for the next request. The ring itself has no flow control: ask `isFull` first. */
  requestSlot(): number {
    assert(!this.isFull(), 'front ring: no free request');
    return entryAddress(this.shape, this.#shared.base, this.#own.req_prod_pvt);
  }

  /** Counts the request written to `requestSlot`. The backend sees nothing of it before `publish`. */
  commitRequest(): void {
    assert(!this.isFull(), 'front ring: no free request');
    this.#own.req_prod_pvt = ringAdd(this.shape, this.#own.req_prod_pvt, 1);
  }

  /** RING_PUSH_REQUESTS: makes every counted request visible. Returns the old producer, for `shouldNotify`. */
  publish(): number {
    const before = this.#shared.req_prod;
    this.#shared.req_prod = this.#own.req_prod_pvt;
    return before;
  }

  /** After `publish` returned `before`: whether the backend asked to be told of any of these requests. */
  shouldNotify(before: number): boolean {
    return passedEvent(this.shape, { before, after: this.#own.req_prod_pvt, event: this.#shared.req_event });
  }

  /** XEN_RING_NR_UNCONSUMED_RESPONSES. Not capped: a bad backend makes it exceed the size. */
  unconsumedResponses(): number {
    return ringDistance(this.shape, this.#own.rsp_cons, this.#shared.rsp_prod);
  }

  /** RING_RESPONSE_PROD_OVERFLOW: more responses than there can be requests. */
  isResponseOverflow(producer: number = this.#shared.rsp_prod): boolean {
    return ringDistance(this.shape, this.#own.rsp_cons, producer) > this.shape.size;
  }

  /**
   * One load of rsp_prod: how many responses to take, or `RING_OVERFLOW`: take none and give up the ring. Stricter
   * than the macro: responses to more requests than are outstanding are refused too, even when they fit.
   */
  sampleResponses(): number {
    const outstanding = ringDistance(this.shape, this.#own.rsp_cons, this.#own.req_prod_pvt);
    const count = this.unconsumedResponses();
    return count > outstanding ? RING_OVERFLOW : count;
  }

  /** Address of the next response. Only for `copyResponse` and dumps: what is read twice here may differ. */
  responseSlot(): number {
    return entryAddress(this.shape, this.#shared.base, this.#own.rsp_cons);
  }

  /** RING_COPY_RESPONSE: loads each word of the next response once and stores it at the private address `to`. */
  copyResponse(to: number): void {
    this.#memory.copy(this.responseSlot(), to, this.shape.entrySize);
  }

  /** Gives the entry of the next response back. */
  consumeResponse(): void {
    this.#own.rsp_cons = ringAdd(this.shape, this.#own.rsp_cons, 1);
  }

  /** Asks to be told of the next response. Not enough before sleeping: `recheck` must follow. */
  armEvent(): void {
    this.#shared.rsp_event = ringAdd(this.shape, this.#own.rsp_cons, 1);
  }

  /** RING_HAS_UNCONSUMED_RESPONSES. After `armEvent` it catches the response published before the event was armed. */
  recheck(): boolean {
    return this.unconsumedResponses() !== 0;
  }

  // Whole sequences, for drivers that run them as one step.

  /** RING_PUSH_REQUESTS_AND_CHECK_NOTIFY: whether the backend is to be notified. */
  push(): boolean {
    return this.shouldNotify(this.publish());
  }

  /** RING_FINAL_CHECK_FOR_RESPONSES: whether there is still work. When false, the next response will notify. */
  finalCheck(): boolean {
    if (this.recheck()) return true;
    this.armEvent();
    return this.recheck();
  }
}
