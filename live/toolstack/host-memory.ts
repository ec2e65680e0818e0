/**
 * The memory of a host, as the toolstack holds it: descriptors to hand on to parts, or the memory that threads share;
 * and a window on it, for looking at domains.
 */

import { openSync } from 'node:fs';
import { assert } from '../../protocol/assert.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { type AddressSpace, processAddressSpace, Rights, threadAddressSpace } from '../memory/address-space.js';
import { native } from '../memory/native.js';
import { machinePlan, SEGMENT_NAMES, type SegmentName } from '../memory/segments.js';
import { SharedMemory } from '../memory/shared-memory.js';
import type { HostName } from './record.js';

export interface HostMemory {
  readonly memory: SharedMemory;
  /** In the order of `SEGMENT_NAMES`; none where parts are threads. */
  readonly descriptors: readonly number[];
  readonly buffer: SharedArrayBuffer | null;
  /** Descriptors of some segments, in the order given, for a part that may not change the hypervisor's. */
  descriptorsOf(names: readonly SegmentName[]): readonly number[];
}

/** For processes. `inherited` are the descriptors of a toolstack before this one. */
export function processMemory(name: HostName, fillerPages: number, inherited: readonly number[] | null): HostMemory {
  const calls = native();
  assert(calls !== null, 'toolstack: expected koffi where parts are processes');
  const plan = machinePlan(fillerPages);
  const descriptors =
    inherited ??
    SEGMENT_NAMES.map((segment) => calls.createMemory(`quiesce-${name}-${segment}`, plan[segment].pages * PAGE_SIZE));
  const byName: { readonly [N in SegmentName]?: number } = Object.fromEntries(
    SEGMENT_NAMES.map((segment, index) => [segment, descriptors[index] as number]),
  );
  // Opened anew, because what a descriptor may do is the same for all its copies.
  const readOnly = openSync(`/proc/self/fd/${byName.hypervisor}`, 'r');
  const space = processAddressSpace(calls, plan, byName);
  return {
    memory: opened(space),
    descriptors,
    buffer: null,
    descriptorsOf: (names) =>
      names.map((segment) => (segment === 'hypervisor' ? readOnly : (byName[segment] as number))),
  };
}

export function threadMemory(fillerPages: number): HostMemory {
  const plan = machinePlan(fillerPages);
  const buffer = new SharedArrayBuffer(plan.frames * PAGE_SIZE);
  return { memory: opened(threadAddressSpace(plan, buffer)), descriptors: [], buffer, descriptorsOf: () => [] };
}

/** All but address 0. What it changes, it changes by hypercalls. */
function opened(space: AddressSpace): SharedMemory {
  for (const name of SEGMENT_NAMES) {
    const { firstFrame, pages } = space.plan[name];
    const skipped = name === 'hypervisor' ? 1 : 0;
    space.open(firstFrame + skipped, pages - skipped, Rights.Load);
  }
  return new SharedMemory(space);
}
