/**
 * What a hypervisor keeps of its domains, in a page that every process of the host may read: the record and the event
 * channels of each, their last hypercalls, and the grant mappings. The classes of the simulator work on it; only who stores differs.
 */
import { Domain, type DomainPlace, DomainRecord } from '../hypervisor/domain.js';
import { Channel, PORTS_MAX } from '../hypervisor/event-channels.js';
import { MAPPINGS_MAX, Mapping } from '../hypervisor/grant-table.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { LastCall } from './hypercall/repeated-calls.js';
import { DOM0_PAGES, type MachinePlan, TABLES_FRAME } from './memory/segments.js';

/** The bits of the processes that act on a host. */
export const AGENTS = { guest: 1, backend: 1 << 4, toolstack: 1 << 8 } as const;
export type AgentName = keyof typeof AGENTS;

const CHANNELS_BYTES = PORTS_MAX * Channel.size;
const TABLES = TABLES_FRAME * PAGE_SIZE;
const RECORDS = TABLES + Math.ceil((MAPPINGS_MAX * Mapping.size) / 16) * 16;
const PER_DOMAIN = DomainRecord.size + CHANNELS_BYTES;

/** Address of the word that counts how often the guest of the host has stopped in its suspend hypercall. */
export const SUSPENSIONS: number = RECORDS + 2 * PER_DOMAIN;

/** Addresses of the last hypercall of the guest and of the backend (`LastCall`). */
export const LAST_CALLS = { guest: SUSPENSIONS + 4, backend: SUSPENSIONS + 4 + LastCall.size } as const;

/** Where a guest keeps the number of its last hypercall, in its kernel's page. */
export const CALL_NUMBER_OFFSET = 1024;

/** Address of the table of mappings. */
export const MAPTRACK: number = TABLES;

export function dom0Place(plan: MachinePlan): DomainPlace {
  return place('dom0', AGENTS.backend, plan.dom0.firstFrame, DOM0_PAGES, 0);
}

/** The guest of a host; `domid` is the number it has while it exists. */
export function guestPlace(plan: MachinePlan, domid: number): DomainPlace {
  return place(`guest${domid}`, AGENTS.guest, plan.guest.firstFrame, plan.guest.pages, 1);
}

function place(name: string, agent: number, firstFrame: number, pages: number, index: number): DomainPlace {
  const record = RECORDS + index * PER_DOMAIN;
  return { name, agent, firstFrame, pages, record, channelTable: record + DomainRecord.size };
}

/** A domain as its own process sees it: what changes it is a hypercall. */
export class RemoteDomain extends Domain {
  readonly #shutdown: () => void;

  /** `shutdown` stops the domain in its suspend hypercall. */
  constructor(memory: ConstructorParameters<typeof Domain>[0], where: DomainPlace, shutdown: () => void) {
    super(memory, where);
    this.#shutdown = shutdown;
  }

  override setState(): void {
    this.#shutdown();
  }
}
