/**
 * Shared rings (xen/include/public/io/ring.h): the part both ends have in common. The ends themselves are in
 * `ring-front.ts` and `ring-back.ts`.
 *
 *     shared page:  req_prod 0 | req_event 4 | rsp_prod 8 | rsp_event 12 | pvt 16 | pad | entries from 64 on
 *
 *              rsp_cons       rsp_prod        req_cons       req_prod
 *     ----------+--------------+---------------+--------------+-----------> index, wraps at 2^bits
 *      free     | answered,    | taken,        | published,   |  free
 *      again    | not seen yet | no answer yet | not taken yet|
 *               '-------- at most `size` entries in all ------'
 *
 * Indices run freely and are masked only to find an entry. All differences are taken modulo 2^bits, so an index may
 * be smaller than the one before it. `bits` is 32 in Xen; a few bits bring the wrap-around within reach of a test.
 *
 * Trust: the shared page may be written by the other end at any time, with anything. Every method loads a shared index
 * once; nothing here asserts anything about what it finds. Private indices lie in memory of the end that owns them.
 */
import { assert } from './assert.js';
import { bytes, layout, u32 } from './layout.js';
import { type Memory, PAGE_SIZE } from './memory.js';

/** The header of the shared page: 64 bytes. `pvt` belongs to the protocol on top. */
export const SharedRing = layout('sring', {
  req_prod: u32,
  req_event: u32,
  rsp_prod: u32,
  rsp_event: u32,
  pvt: u32,
  pad: bytes(44),
});

/** Byte of the shared page at which the entries start: 64. */
export const RING_ENTRIES_OFFSET: number = SharedRing.size;

/** What `sampleRequests` and `sampleResponses` give for a producer that cannot be right. */
export const RING_OVERFLOW = -1;

/** The dimensions of a ring. */
export interface RingShape {
  /** Bytes of an entry, the larger of request and response; a multiple of 4. */
  readonly entrySize: number;
  /** Number of entries, a power of two. */
  readonly size: number;
  /** Bits of an index. */
  readonly bits: number;
  /** The same as a bit mask for `&`; -1 for 32 bits. */
  readonly mask: number;
}

export interface RingOptions {
  readonly entrySize: number;
  /** Bits of an index; 32 when absent. 2^bits must be at least twice the size. */
  readonly bits?: number;
  /** Fewer entries than fit, a power of two; for narrow indices. */
  readonly size?: number;
  /** Bytes of shared memory; a page when absent. */
  readonly space?: number;
}

/** Where an end finds its ring: byte addresses of the shared page and of the private indices. */
export interface RingPlace {
  readonly memory: Memory;
  readonly sharedAddress: number;
  readonly privateAddress: number;
}

/** Largest power of two of entries of `entrySize` bytes that fits behind the header in `space` bytes. */
export function ringSizeMax(entrySize: number, space: number = PAGE_SIZE): number {
  const fit = Math.floor((space - RING_ENTRIES_OFFSET) / entrySize);
  assert(fit >= 1, `ring: an entry of ${entrySize} bytes does not fit in ${space} bytes`);
  return 2 ** (31 - Math.clz32(fit));
}

export function ringShape({ entrySize, bits = 32, size, space = PAGE_SIZE }: RingOptions): RingShape {
  assert(entrySize > 0 && entrySize % 4 === 0, `ring: expected entries of whole words, found ${entrySize} bytes`);
  assert(Number.isInteger(bits) && bits >= 1 && bits <= 32, `ring: expected indices of 1 to 32 bits, found ${bits}`);
  const fit = ringSizeMax(entrySize, space);
  const entries = size ?? fit;
  assert(entries >= 1 && entries <= fit, `ring: expected 1 to ${fit} entries, found ${entries}`);
  assert((entries & (entries - 1)) === 0, `ring: expected a power of two of entries, found ${entries}`);
  // With less, a full ring with one request too many could not be told from a ring with room.
  assert(2 ** bits >= 2 * entries, `ring: ${bits} bits cannot index ${entries} entries without ambiguity`);
  return { entrySize, size: entries, bits, mask: bits === 32 ? -1 : 2 ** bits - 1 };
}

/** `index + count`, wrapped. */
export function ringAdd(shape: RingShape, index: number, count: number): number {
  return ((index + count) & shape.mask) >>> 0;
}

/** `to - from`, wrapped: how far `to` is ahead. */
export function ringDistance(shape: RingShape, from: number, to: number): number {
  return ((to - from) & shape.mask) >>> 0;
}

/** Address of the entry that `index` selects. */
export function entryAddress(shape: RingShape, sharedAddress: number, index: number): number {
  return sharedAddress + RING_ENTRIES_OFFSET + (index & (shape.size - 1)) * shape.entrySize;
}

/**
 * Notification hold-off: whether the move of a producer from `before` to `after` passed `event`, that is, whether
 * `event` lies in (before, after]. The consumer sets `event` to the index at which it wants to be woken.
 */
export function passedEvent(shape: RingShape, move: { before: number; after: number; event: number }): boolean {
  return ringDistance(shape, move.event, move.after) < ringDistance(shape, move.before, move.after);
}

/** SHARED_RING_INIT, by the frontend only: no entries, and both ends want to hear of the first. Clears the header. */
export function initialiseSharedRing(memory: Memory, sharedAddress: number): void {
  memory.clear(sharedAddress, RING_ENTRIES_OFFSET);
  const shared = SharedRing.view(memory).at(sharedAddress);
  shared.req_event = 1;
  shared.rsp_event = 1;
}
