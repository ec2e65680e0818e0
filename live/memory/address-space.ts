/**
 * The address space of one process of a host: the host's frames at the addresses that all of them know, and of these
 * only what has been opened.
 *
 * Between processes a frame that is not open is not mapped at all. Between threads of one process all of them are
 * there, and only the check of `SharedMemory` keeps a driver off.
 */
import { assert } from '../../protocol/assert.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import type { Wait } from './halt-poll.js';
import type { Native } from './native.js';
import { type MachinePlan, SEGMENT_NAMES, type SegmentName } from './segments.js';

/** What a process may do with a frame. */
export const Rights = { None: 0, Load: 1, Store: 3 } as const;
export type Rights = (typeof Rights)[keyof typeof Rights];

/** Descriptors of the segments that this process was given. */
export type SegmentDescriptors = { readonly [N in SegmentName]?: number };

export interface AddressSpace {
  readonly plan: MachinePlan;
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** What may be done with each frame, by its number. */
  readonly rights: Uint8Array;
  /** Opens `pages` frames from `frame` on, all of one segment, or closes them with `Rights.None`. */
  open(frame: number, pages: number, rights: Rights): void;
  /** How to wait here: a process looks for a while before it sleeps. */
  readonly wait: Wait;
  /** Sleeps while the word at `address` holds `value`, `milliseconds` at most, until `wake`. */
  sleep(address: number, value: number, milliseconds: number): void;
  /** Wakes whoever sleeps at `address`. */
  wake(address: number): void;
  /** How another thread of this process finds the word at `address`. */
  place(address: number): WordPlace;
}

/** A word of memory as the threads of one process hand it to each other. */
export type WordPlace =
  | { readonly kind: 'process'; readonly address: number }
  | { readonly kind: 'thread'; readonly buffer: SharedArrayBuffer; readonly index: number };

/** Over files that several processes map. */
export function processAddressSpace(native: Native, plan: MachinePlan, descriptors: SegmentDescriptors): AddressSpace {
  const bytes = plan.frames * PAGE_SIZE;
  const base = native.reserve(bytes);
  const rightsOf = new Uint8Array(plan.frames);
  return {
    plan,
    buffer: native.view(base, bytes),
    rights: rightsOf,
    open(frame, pages, rights) {
      const name = segmentOf(plan, frame, pages);
      const address = base + frame * PAGE_SIZE;
      if (rights === Rights.None) {
        rightsOf.fill(rights, frame, frame + pages);
        native.unmap(address, pages * PAGE_SIZE);
        return;
      }
      const descriptor = descriptors[name];
      assert(descriptor !== undefined, `address space: this process has no descriptor of the segment ${name}`);
      const offset = (frame - plan[name].firstFrame) * PAGE_SIZE;
      native.map(address, pages * PAGE_SIZE, descriptor, offset, rights === Rights.Store);
      rightsOf.fill(rights, frame, frame + pages);
    },
    wait: native.wait,
    sleep: (address, value, milliseconds) => native.futexWait(base + address, value, milliseconds),
    wake: (address) => native.futexWake(base + address),
    place: (address) => ({ kind: 'process', address: base + address }),
  };
}

/** Over memory that the threads of one process share. */
export function threadAddressSpace(plan: MachinePlan, buffer: SharedArrayBuffer): AddressSpace {
  const rightsOf = new Uint8Array(plan.frames);
  const words = new Int32Array(buffer);
  return {
    plan,
    buffer,
    rights: rightsOf,
    open(frame, pages, rights) {
      segmentOf(plan, frame, pages);
      rightsOf.fill(rights, frame, frame + pages);
    },
    wait(holds, sleep, milliseconds) {
      if (!holds()) sleep(milliseconds);
      return holds();
    },
    sleep: (address, value, milliseconds) => void Atomics.wait(words, address >>> 2, value, milliseconds),
    wake: (address) => void Atomics.notify(words, address >>> 2),
    place: (address) => ({ kind: 'thread', buffer, index: address >>> 2 }),
  };
}

function segmentOf(plan: MachinePlan, frame: number, pages: number): SegmentName {
  for (const name of SEGMENT_NAMES) {
    const { firstFrame, pages: size } = plan[name];
    if (frame >= firstFrame && frame + pages <= firstFrame + size) return name;
  }
  assert(false, `address space: the frames ${frame} to ${frame + pages - 1} are in no segment`);
}
