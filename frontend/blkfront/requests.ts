/**
 * The two tables of a blkfront: requests that users have open, each with a page of data, and private copies of what is
 * on the ring. The number of a private copy is the request's id there; free copies form a stack, as in Linux, so that
 * the numbers soon say nothing about the order of the requests.
 */
import type { Domain } from '../../hypervisor/domain.js';
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { assert } from '../../protocol/assert.js';
import { BlkifOperation } from '../../protocol/blkif.js';
import {
  type BlkfrontState,
  COPIES_OFFSET,
  DATA_PFN,
  DRIVER_PFN,
  OPEN_OFFSET,
  OpenRequest,
  PrivateCopy,
  REQUESTS_MAX,
  RequestState,
} from './memory.js';
import type { BlkfrontRules } from './rules.js';

type OpenView = ReturnType<typeof OpenRequest.view>;
type CopyView = ReturnType<typeof PrivateCopy.view>;
type StateView = ReturnType<(typeof BlkfrontState)['view']>;

/** What a user asks for. `value` is the first word of the data of a write; the rest is zero. */
export interface BlockRequest {
  readonly operation: BlkifOperation;
  readonly block: number;
  readonly value: number;
  /** The user's own number for it. */
  readonly number: number;
}

export class Requests {
  readonly #memory: MachineMemory;
  readonly #domain: Domain;
  readonly #copies: number;
  readonly #rules: BlkfrontRules;
  readonly #open: OpenView;
  readonly #copy: CopyView;

  /** `copies`: how many private copies there are, as many as the ring has entries. */
  constructor(memory: MachineMemory, domain: Domain, copies: number, rules: BlkfrontRules) {
    assert(copies <= REQUESTS_MAX, `blkfront: expected a ring of up to ${REQUESTS_MAX} entries, found ${copies}`);
    this.#memory = memory;
    this.#domain = domain;
    this.#copies = copies;
    this.#rules = rules;
    this.#open = OpenRequest.view(memory);
    this.#copy = PrivateCopy.view(memory);
  }

  /** The open request of this number. The view moves with the next call. */
  at(request: number): OpenView {
    return this.#open.at(this.#domain.page(DRIVER_PFN) + OPEN_OFFSET + request * OpenRequest.size);
  }

  /** The private copy of this number. The view moves with the next call. */
  copyAt(copy: number): CopyView {
    return this.#copy.at(this.#domain.page(DRIVER_PFN) + COPIES_OFFSET + copy * PrivateCopy.size);
  }

  /** Page of the data of a request. */
  dataPfn(request: number): number {
    return DATA_PFN + request;
  }

  data(request: number): number {
    return this.#domain.page(DATA_PFN + request);
  }

  /** Number of a request that is not open, or -1. */
  findFree(): number {
    return this.#find(RequestState.Free);
  }

  /** Opens a request. */
  open(request: number, asked: BlockRequest, order: number): void {
    const here = this.at(request);
    here.state = RequestState.Waiting;
    here.operation = asked.operation;
    here.number = asked.number;
    here.block = asked.block;
    here.order = order;
    here.copy = 0;
    if (asked.operation === BlkifOperation.Write) this.#memory.write32(this.data(request), asked.value);
  }

  close(request: number): void {
    this.#memory.clear(this.at(request).base, OpenRequest.size);
    this.#memory.clear(this.data(request), 4);
  }

  /** Puts every private copy on the stack, number 0 on top. */
  resetCopies(state: StateView): void {
    for (let copy = 0; copy < this.#copies; copy++) {
      const here = this.copyAt(copy);
      here.request = 0;
      here.ref = 0;
      here.next = copy + 1 < this.#copies ? copy + 2 : 0;
    }
    state.free = 1;
  }

  takeCopy(state: StateView, request: number, ref: number): number {
    const copy = state.free - 1;
    assert(copy >= 0, 'blkfront: no private copy is free');
    const here = this.copyAt(copy);
    state.free = here.next;
    here.request = request + 1;
    here.ref = ref;
    here.next = 0;
    return copy;
  }

  freeCopy(state: StateView, copy: number): void {
    const here = this.copyAt(copy);
    here.request = 0;
    here.ref = 0;
    here.next = state.free;
    state.free = copy + 1;
  }

  /** Whether `id` is that of a request in flight. */
  inFlight(id: number): boolean {
    return id < this.#copies && this.copyAt(id).request !== 0;
  }

  /** Calls `visit` for every private copy in use, by number. */
  forEachCopy(visit: (copy: number, request: number, ref: number) => void): void {
    for (let copy = 0; copy < this.#copies; copy++) {
      const { request, ref } = this.copyAt(copy);
      if (request !== 0) visit(copy, request - 1, ref);
    }
  }

  /** The request that is to be sent again next, or -1. */
  nextRequeued(): number {
    let best = -1;
    let bestRank = 0;
    for (let request = 0; request < REQUESTS_MAX; request++) {
      const here = this.at(request);
      if (here.state !== RequestState.Requeued) continue;
      const rank = this.#rank(here);
      if (best < 0 || rank < bestRank) {
        best = request;
        bestRank = rank;
      }
    }
    return best;
  }

  get requeued(): boolean {
    return this.#find(RequestState.Requeued) >= 0;
  }

  #rank({ operation, order, copy }: OpenView): number {
    const rules = this.#rules;
    const base = rules.order === 'copies' ? copy : rules.order === 'issued' ? order : -order;
    return rules.flushesFirst && operation === BlkifOperation.FlushDiskcache ? base - 0x10000 : base;
  }

  #find(state: number): number {
    for (let request = 0; request < REQUESTS_MAX; request++) if (this.at(request).state === state) return request;
    return -1;
  }
}
