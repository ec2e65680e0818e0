/**
 * Grant tables, version 1 (xen/include/public/grant_table.h).
 *
 * The entries lie in a page of the granting domain in Xen's own format. Mapping a grant sets the reading and writing
 * flags in the entry, adds the mapper to the agents that may touch the frame, and takes a handle in a table of the
 * hypervisor. The granter cannot force an end of access: while the flags are set, `endAccess` fails, and the page may
 * not be reused (XSA-396).
 */
import { layout, u8, u16, u32 } from '../protocol/layout.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import type { MachineMemory } from './machine-memory.js';

export const GrantEntry = layout('grant_entry_v1', { flags: u16, domid: u16, frame: u32 });

export const GTF_permit_access = 1;
const GTF_type_mask = 3;
export const GTF_reading = 8;
export const GTF_writing = 16;

/** Entries 0 to 7 are reserved (0 console, 1 xenstore). */
export const FIRST_GREF = 8;
export const GREFS_MAX = 16;

export const GNTST_okay = 0;
export const GNTST_bad_gntref = -3;
export const GNTST_bad_handle = -4;
export const GNTST_bad_domain = -2;
export const GNTST_permission_denied = -8;
export const GNTST_bad_page = -9;
export const GNTST_no_space = -13;

/** One mapping in the hypervisor's table; handle h is entry h - 1, so that 0 is no handle. */
export const Mapping = layout('maptrack', { used: u8, pad: u8, domid: u16, ref: u32, address: u32, agents: u32 });
export const MAPPINGS_MAX = 8;

/** What the grant table needs to know of a domain. */
export interface GrantDomain {
  readonly domid: number;
  /** Address of the page with its grant entries. */
  readonly grantTable: number;
  /** How many pages it has. */
  readonly pages: number;
  /** Address of its page number `pfn`. */
  page(pfn: number): number;
}

export class GrantTables {
  readonly #memory: MachineMemory;
  readonly #find: (domid: number) => GrantDomain | undefined;
  readonly #maptrack: number;
  readonly #entry;
  readonly #mapping;

  /** `maptrack` is the address of the table of mappings of this host, `MAPPINGS_MAX` entries. */
  constructor(memory: MachineMemory, find: (domid: number) => GrantDomain | undefined, maptrack: number) {
    this.#memory = memory;
    this.#find = find;
    this.#maptrack = maptrack;
    this.#entry = GrantEntry.view(memory);
    this.#mapping = Mapping.view(memory);
  }

  /** Lets domain `domid` map page `pfn` of `domain`. Returns the grant reference, or `GNTST_no_space`. Runs as the granter. */
  grantAccess(domain: GrantDomain, domid: number, pfn: number): number {
    for (let ref = FIRST_GREF; ref < GREFS_MAX; ref++) {
      const entry = this.#entry.at(domain.grantTable + ref * GrantEntry.size);
      if (entry.flags !== 0) continue;
      entry.domid = domid;
      entry.frame = pfn;
      // The flags go last: with them the entry becomes valid for the other side.
      entry.flags = GTF_permit_access;
      return ref;
    }
    return GNTST_no_space;
  }

  /** Takes a grant back. False, and nothing is changed, while the other side still maps it. Runs as the granter. */
  endAccess(domain: GrantDomain, ref: number): boolean {
    const entry = this.#entry.at(domain.grantTable + ref * GrantEntry.size);
    if ((entry.flags & (GTF_reading | GTF_writing)) !== 0) return false;
    entry.flags = 0;
    entry.domid = 0;
    entry.frame = 0;
    return true;
  }

  /**
   * Maps grant `ref` of domain `domid` for `mapper`, of which the processes `agents` may touch it.
   * Returns a handle, or a negative GNTST status.
   */
  map(mapper: number, agents: number, domid: number, ref: number): number {
    return this.#memory.asHypervisor(() => {
      const granter = this.#find(domid);
      if (granter === undefined) return GNTST_bad_domain;
      if (ref < FIRST_GREF || ref >= GREFS_MAX) return GNTST_bad_gntref;
      const entry = this.#entry.at(granter.grantTable + ref * GrantEntry.size);
      if ((entry.flags & GTF_type_mask) !== GTF_permit_access) return GNTST_bad_gntref;
      if (entry.domid !== mapper) return GNTST_permission_denied;
      // The entry is the guest's to write: a frame it does not have is its mistake, not ours.
      if (entry.frame >= granter.pages) return GNTST_bad_page;
      for (let handle = 1; handle <= MAPPINGS_MAX; handle++) {
        const mapping = this.#at(handle);
        if (mapping.used !== 0) continue;
        const address = granter.page(entry.frame);
        mapping.used = 1;
        mapping.domid = domid;
        mapping.ref = ref;
        mapping.address = address;
        mapping.agents = agents;
        entry.flags |= GTF_reading | GTF_writing;
        this.#protect(address, this.#memory.agentsOf(address / PAGE_SIZE) | agents);
        return handle;
      }
      return GNTST_no_space;
    });
  }

  /** Ends a mapping. Returns `GNTST_okay` or `GNTST_bad_handle`. */
  unmap(handle: number): number {
    return this.#memory.asHypervisor(() => {
      if (handle < 1 || handle > MAPPINGS_MAX) return GNTST_bad_handle;
      const mapping = this.#at(handle);
      if (mapping.used === 0) return GNTST_bad_handle;
      const { domid, ref, address, agents } = mapping;
      mapping.used = 0;
      mapping.domid = 0;
      mapping.ref = 0;
      mapping.address = 0;
      mapping.agents = 0;
      // The pages of a domain that has ended are nobody's, or those of another by now.
      const granter = this.#find(domid);
      if (granter === undefined) return GNTST_okay;
      this.#protect(address, (this.#memory.agentsOf(address / PAGE_SIZE) & ~agents) | this.#mappersOf(domid, address));
      if (this.#pinned(domid, ref)) return GNTST_okay;
      const entry = this.#entry.at(granter.grantTable + ref * GrantEntry.size);
      entry.flags &= ~(GTF_reading | GTF_writing);
      return GNTST_okay;
    });
  }

  /** Ends every mapping that `agents` hold: what the kernel does when a process dies. */
  unmapAll(agents: number): void {
    for (let handle = 1; handle <= MAPPINGS_MAX; handle++) {
      const mapping = this.#mapping.at(this.#maptrack + (handle - 1) * Mapping.size);
      if (mapping.used !== 0 && (mapping.agents & agents) !== 0) this.unmap(handle);
    }
  }

  /** Address of the page behind a handle, or 0 (a page nobody may touch) where there is none. */
  address(handle: number): number {
    if (handle < 1 || handle > MAPPINGS_MAX) return 0;
    return this.#memory.word((this.#maptrack + (handle - 1) * Mapping.size + Mapping.offset.address) >>> 2);
  }

  /** Address of the page that is mapped first for any of `agents`, or 0 where none is. */
  firstMapping(agents: number): number {
    for (let handle = 1; handle <= MAPPINGS_MAX; handle++) {
      const mapping = this.#mapping.at(this.#maptrack + (handle - 1) * Mapping.size);
      if (mapping.used !== 0 && (mapping.agents & agents) !== 0) return mapping.address;
    }
    return 0;
  }

  /** Whether a page of a domain that does not exist any more is still mapped. */
  get leaks(): boolean {
    for (let handle = 1; handle <= MAPPINGS_MAX; handle++) {
      const mapping = this.#mapping.at(this.#maptrack + (handle - 1) * Mapping.size);
      if (mapping.used !== 0 && this.#find(mapping.domid) === undefined) return true;
    }
    return false;
  }

  /** In a new domain the table is empty. */
  reset(domain: GrantDomain): void {
    this.#memory.asHypervisor(() => {
      this.#memory.clear(domain.grantTable, GREFS_MAX * GrantEntry.size);
      return 0;
    });
  }

  #at(handle: number): ReturnType<typeof Mapping.view> {
    return this.#mapping.at(this.#maptrack + (handle - 1) * Mapping.size);
  }

  /** The agents of every mapping of a page, through whichever grant of domain `domid`. */
  #mappersOf(domid: number, address: number): number {
    let agents = 0;
    for (let handle = 1; handle <= MAPPINGS_MAX; handle++) {
      const mapping = this.#at(handle);
      if (mapping.used !== 0 && mapping.domid === domid && mapping.address === address) agents |= mapping.agents;
    }
    return agents;
  }

  /** Whether anybody maps a grant: its flags stay until the last mapping is gone (XSA-230). */
  #pinned(domid: number, ref: number): boolean {
    for (let handle = 1; handle <= MAPPINGS_MAX; handle++) {
      const mapping = this.#at(handle);
      if (mapping.used !== 0 && mapping.domid === domid && mapping.ref === ref) return true;
    }
    return false;
  }

  #protect(address: number, agents: number): void {
    this.#memory.protect(address / PAGE_SIZE, agents);
  }
}
