/** Memory of a made-up host in both ways in which live parts share it. */
import { type AddressSpace, processAddressSpace, threadAddressSpace } from '../../../live/memory/address-space.js';
import { native } from '../../../live/memory/native.js';
import { type MachinePlan, machinePlan, SEGMENT_NAMES, type SegmentName } from '../../../live/memory/segments.js';
import { PAGE_SIZE } from '../../../protocol/memory.js';

export const PLAN: MachinePlan = machinePlan(0);

export interface TestSpaces {
  readonly name: string;
  /** Another address space over the same memory, with nothing open. */
  create(): AddressSpace;
  readonly descriptors: { readonly [N in SegmentName]?: number };
}

/** Threads always; processes where koffi is installed. */
export function testSpaces(): readonly TestSpaces[] {
  const buffer = new SharedArrayBuffer(PLAN.frames * PAGE_SIZE);
  const threads: TestSpaces = { name: 'threads', create: () => threadAddressSpace(PLAN, buffer), descriptors: {} };
  const calls = native();
  if (calls === null) return [threads];
  const descriptors = Object.fromEntries(
    SEGMENT_NAMES.map((name) => [name, calls.createMemory(`test-${name}`, PLAN[name].pages * PAGE_SIZE)]),
  );
  return [threads, { name: 'processes', create: () => processAddressSpace(calls, PLAN, descriptors), descriptors }];
}
