/** A hypervisor's tables and a few domains in a small memory, with nothing that runs on them. */
import { Domain, DomainRecord } from '../../hypervisor/domain.js';
import { Channel, PORTS_MAX } from '../../hypervisor/event-channels.js';
import { MAPPINGS_MAX, Mapping } from '../../hypervisor/grant-table.js';
import { Host } from '../../hypervisor/host.js';
import { ALL_AGENTS, JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';

export interface BareHost {
  readonly memory: JournaledMemory;
  readonly host: Host;
  /** Not yet created. Their agents are the bits 0, 1, 2 ... */
  readonly domains: readonly Domain[];
  /** Frame of an image of one domain. */
  readonly image: number;
  /** Runs `body` on behalf of `agents`. */
  as<T>(agents: number, body: () => T): T;
}

export function bareHost(count: number, pages: number): BareHost {
  const memory = new JournaledMemory(2 + (count + 1) * pages);
  let free = PAGE_SIZE;
  const take = (size: number): number => {
    const address = free;
    free += size;
    return address;
  };
  const host = new Host(memory, { name: 'bare', maptrack: take(MAPPINGS_MAX * Mapping.size), storeCell: 0 });
  const domains = Array.from({ length: count }, (_, i) => {
    const channelTable = take(PORTS_MAX * Channel.size);
    const record = take(DomainRecord.size);
    const place = { name: `guest${i}`, agent: 1 << i, firstFrame: 2 + i * pages, pages, record, channelTable };
    return new Domain(memory, place);
  });
  host.domains.push(...domains);
  return {
    memory,
    host,
    domains,
    image: 2 + count * pages,
    as(agents, body) {
      memory.current = agents;
      try {
        return body();
      } finally {
        memory.current = ALL_AGENTS;
      }
    },
  };
}
