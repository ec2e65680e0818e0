/**
 * The back end of a shared ring: takes requests off it and puts responses on (the BACK_ and RING_ macros of
 * xen/include/public/io/ring.h; `ring.ts` has the drawing, `ring-front.ts` says what the objects and steps are).
 *
 *     const count = back.sampleRequests();      // RING_OVERFLOW: stop the ring
 *     back.copyRequest(mine);                   // then look only at the copy
 *     back.consumeRequest();
 *     const slot = back.responseSlot();         // address; write the response there
 *     back.commitResponse();
 *     const before = back.publish();
 *     if (back.shouldNotify(before)) ...
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

const privateFields = { rsp_prod_pvt: u32, req_cons: u32 };

/** Private indices of the back end: 8 bytes. */
export const BackRingPrivate = layout('back_ring', privateFields);

export class BackRing {
  readonly shape: RingShape;
  readonly #memory: Memory;
  readonly #shared: ReturnType<typeof SharedRing.view>;
  readonly #own: View<typeof privateFields>;

  constructor(shape: RingShape, place: RingPlace) {
    this.shape = shape;
    this.#memory = place.memory;
    this.#shared = SharedRing.view(place.memory).at(place.sharedAddress);
    this.#own = BackRingPrivate.view(place.memory).at(place.privateAddress);
  }

  /** BACK_RING_INIT: nothing taken, nothing answered. */
  initialise(): void {
    this.#own.rsp_prod_pvt = 0;
    this.#own.req_cons = 0;
  }

  /**
   * BACK_RING_ATTACH to a ring in use: everything before `start` counts as answered, everything from it on is taken
   * again. When absent, `start` is the producer of responses found in the page.
   *
   * The page is not trusted: false, with no store made, when the indices found there cannot belong together.
   */
  attach(start?: number): boolean {
    const requests = this.#shared.req_prod;
    const responses = this.#shared.rsp_prod;
    const first = start ?? responses;
    const outstanding = ringDistance(this.shape, responses, requests);
    if (outstanding > this.shape.size) return false;
    if (ringDistance(this.shape, responses, first) > outstanding) return false;
    this.#own.rsp_prod_pvt = ringAdd(this.shape, first, 0);
    this.#own.req_cons = ringAdd(this.shape, first, 0);
    return true;
  }

  /** Index of the next request. */
  get requestConsumer(): number {
    return this.#own.req_cons;
  }

  /** Index of the next response. */
  get responseProducer(): number {
    return this.#own.rsp_prod_pvt;
  }

  /** XEN_RING_NR_UNCONSUMED_REQUESTS: capped by the entries that are not waiting for a response. */
  unconsumedRequests(): number {
    const published = ringDistance(this.shape, this.#own.req_cons, this.#shared.req_prod);
    const room = this.shape.size - ringDistance(this.shape, this.#own.rsp_prod_pvt, this.#own.req_cons);
    return Math.min(published, room);
  }

  /** RING_REQUEST_CONS_OVERFLOW: the request at `consumer` may not be taken before a response goes out. */
  mayNotConsume(consumer: number = this.#own.req_cons): boolean {
    return ringDistance(this.shape, this.#own.rsp_prod_pvt, consumer) >= this.shape.size;
  }

  /** RING_REQUEST_PROD_OVERFLOW: more requests than entries. */
  isRequestOverflow(producer: number = this.#shared.req_prod): boolean {
    return ringDistance(this.shape, this.#own.rsp_prod_pvt, producer) > this.shape.size;
  }

  /**
   * One load of req_prod: how many requests to take, or `RING_OVERFLOW`: take none and stop the ring. Stricter than
   * the macro by one case: a producer behind our consumer takes published requests back, which no honest end does.
   */
  sampleRequests(): number {
    const published = ringDistance(this.shape, this.#own.rsp_prod_pvt, this.#shared.req_prod);
    const taken = ringDistance(this.shape, this.#own.rsp_prod_pvt, this.#own.req_cons);
    return published > this.shape.size || published < taken ? RING_OVERFLOW : published - taken;
  }

  /** Address of the next request. Only for `copyRequest` and dumps: what is read twice here may differ. */
  requestSlot(): number {
    return entryAddress(this.shape, this.#shared.base, this.#own.req_cons);
  }

  /** RING_COPY_REQUEST: loads each word of the next request once and stores it at the private address `to`. */
  copyRequest(to: number): void {
    this.#memory.copy(this.requestSlot(), to, this.shape.entrySize);
  }

  /** Counts the next request as taken. */
  consumeRequest(): void {
    assert(!this.mayNotConsume(), 'back ring: every entry waits for a response');
    this.#own.req_cons = ringAdd(this.shape, this.#own.req_cons, 1);
  }

  /** Address of the entry for the next response. */
  responseSlot(): number {
    assert(this.#own.rsp_prod_pvt !== this.#own.req_cons, 'back ring: a response without a request');
    return entryAddress(this.shape, this.#shared.base, this.#own.rsp_prod_pvt);
  }

  /** Counts the response written to `responseSlot`. The frontend sees nothing of it before `publish`. */
  commitResponse(): void {
    assert(this.#own.rsp_prod_pvt !== this.#own.req_cons, 'back ring: a response without a request');
    this.#own.rsp_prod_pvt = ringAdd(this.shape, this.#own.rsp_prod_pvt, 1);
  }

  /** RING_PUSH_RESPONSES: makes every counted response visible. Returns the old producer, for `shouldNotify`. */
  publish(): number {
    const before = this.#shared.rsp_prod;
    this.#shared.rsp_prod = this.#own.rsp_prod_pvt;
    return before;
  }

  /** After `publish` returned `before`: whether the frontend asked to be told of any of these responses. */
  shouldNotify(before: number): boolean {
    return passedEvent(this.shape, { before, after: this.#own.rsp_prod_pvt, event: this.#shared.rsp_event });
  }

  /** Asks to be told of the next request. Not enough before sleeping: `recheck` must follow. */
  armEvent(): void {
    this.#shared.req_event = ringAdd(this.shape, this.#own.req_cons, 1);
  }

  /** RING_HAS_UNCONSUMED_REQUESTS. After `armEvent` it catches the request published before the event was armed. */
  recheck(): boolean {
    return this.unconsumedRequests() !== 0;
  }

  // Whole sequences, for drivers that run them as one step.

  /** RING_PUSH_RESPONSES_AND_CHECK_NOTIFY: whether the frontend is to be notified. */
  push(): boolean {
    return this.shouldNotify(this.publish());
  }

  /** RING_FINAL_CHECK_FOR_REQUESTS: whether there is still work. When false, the next request will notify. */
  finalCheck(): boolean {
    if (this.recheck()) return true;
    this.armEvent();
    return this.recheck();
  }
}
