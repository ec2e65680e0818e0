import { ALL_AGENTS, JournaledMemory } from '../../hypervisor/journaled-memory.js';

/** A memory of `pages` pages that anybody may touch, from `PAGE_SIZE` on; frame 0 is the page table. Hash and journal start there. */
export function openMemory(pages: number): JournaledMemory {
  const memory = new JournaledMemory(pages + 1);
  for (let frame = 1; frame <= pages; frame++) memory.protect(frame, ALL_AGENTS);
  memory.reset();
  return memory;
}
