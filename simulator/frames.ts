/**
 * Who may touch what, and how frames and records are handed out while a world is built.
 */
import { Domain, DomainRecord } from '../hypervisor/domain.js';
import { Channel, PORTS_MAX } from '../hypervisor/event-channels.js';
import type { JournaledMemory } from '../hypervisor/journaled-memory.js';

/** Bits of the agents. */
export const guestAgent = (slot: number): number => 1 << slot;
export const backendAgent = (slot: number): number => 1 << (4 + slot);
export const TOOLSTACK_AGENT: number = 1 << 8;

export interface Allocator {
  /** The first of `count` new units. */
  take(count: number): number;
}

export function allocator(first: number): Allocator {
  let next = first;
  return {
    take(count) {
      const start = next;
      next += count;
      return start;
    },
  };
}

/** A domain whose record and table of channels are taken from `records`. */
export function domain(
  memory: JournaledMemory,
  records: Allocator,
  place: { name: string; agent: number; firstFrame: number; pages: number },
): Domain {
  const record = records.take(DomainRecord.size);
  return new Domain(memory, { ...place, record, channelTable: records.take(PORTS_MAX * Channel.size) });
}
