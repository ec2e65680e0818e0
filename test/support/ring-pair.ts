import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { initialiseSharedRing, type RingShape, SharedRing } from '../../protocol/ring.js';
import { BackRing } from '../../protocol/ring-back.js';
import { FrontRing } from '../../protocol/ring-front.js';
import { openMemory } from './open-memory.js';

/** Addresses: the shared page, the private page of each end (indices first, then room for copies of entries). */
export const SHARED: number = PAGE_SIZE;
export const FRONT: number = 2 * PAGE_SIZE;
export const BACK: number = 3 * PAGE_SIZE;
export const FRONT_COPY: number = FRONT + 64;
export const BACK_COPY: number = BACK + 64;

export interface RingPair {
  readonly memory: JournaledMemory;
  readonly shared: ReturnType<typeof SharedRing.view>;
  readonly front: FrontRing;
  readonly back: BackRing;
}

/** A ring whose two ends lie in one memory. With `start`, as if that many requests had come and gone. */
export function ringPair(shape: RingShape, start = 0): RingPair {
  const memory = openMemory(3);
  const shared = SharedRing.view(memory).at(SHARED);
  initialiseSharedRing(memory, SHARED);
  const front = new FrontRing(shape, { memory, sharedAddress: SHARED, privateAddress: FRONT });
  const back = new BackRing(shape, { memory, sharedAddress: SHARED, privateAddress: BACK });
  front.initialise();
  back.initialise();
  if (start > 0) {
    shared.req_prod = start;
    shared.rsp_prod = start;
    front.attach();
    back.attach();
    front.armEvent();
    back.armEvent();
  }
  return { memory, shared, front, back };
}

/** Writes and counts a request whose first word is `id`. */
export function request({ memory, front }: RingPair, id: number): void {
  memory.write32(front.requestSlot(), id);
  front.commitRequest();
}

/** Copies the next request out; returns its first word. */
export function take({ memory, back }: RingPair): number {
  back.copyRequest(BACK_COPY);
  back.consumeRequest();
  return memory.read32(BACK_COPY);
}

/** Writes and counts a response whose first word is `id`. */
export function respond({ memory, back }: RingPair, id: number): void {
  memory.write32(back.responseSlot(), id);
  back.commitResponse();
}

/** Copies the next response out; returns its first word. */
export function see({ memory, front }: RingPair): number {
  front.copyResponse(FRONT_COPY);
  front.consumeResponse();
  return memory.read32(FRONT_COPY);
}
