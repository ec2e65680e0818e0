/**
 * A domain: a number, a state, and pages. Two copies of one guest are two domains with equal pages.
 */
import { assert } from '../protocol/assert.js';
import { layout, u8, u16 } from '../protocol/layout.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import type { MachineMemory } from './machine-memory.js';

export const DomainState = { Free: 0, Paused: 1, Running: 2, Suspended: 3, Crashed: 4 } as const;
export type DomainState = (typeof DomainState)[keyof typeof DomainState];

/** What the suspend hypercall returns (xen/include/public/sched.h). */
export const SuspendResult = { ResumedInNewDomain: 0, Cancelled: 1 } as const;

/** What the hypervisor keeps of a domain. */
export const DomainRecord = layout('domain', { domid: u16, state: u8, suspend_result: u8 });

/** Pages that a domain has beside those of its guest. They are made anew with the domain and are not in a saved image. */
export const SHARED_INFO_PFN = 0;
export const GRANT_TABLE_PFN = 1;
export const FIRST_GUEST_PFN = 2;

export interface DomainPlace {
  /** For messages and schedules, for example `guest1`. */
  readonly name: string;
  /** The bit of the agent that the domain's own code runs as. */
  readonly agent: number;
  readonly firstFrame: number;
  readonly pages: number;
  /** Address of its `DomainRecord`. */
  readonly record: number;
  /** Address of its table of event channels. */
  readonly channelTable: number;
}

export class Domain {
  readonly name: string;
  readonly agent: number;
  readonly pages: number;
  readonly channelTable: number;
  /** Addresses of the pages of those names. A domain too small to have one has an address there that faults. */
  readonly sharedInfo: number;
  readonly grantTable: number;
  readonly #memory: MachineMemory;
  readonly #firstFrame: number;
  readonly #word: number;
  readonly #record;

  constructor(memory: MachineMemory, place: DomainPlace) {
    this.#memory = memory;
    this.name = place.name;
    this.agent = place.agent;
    this.pages = place.pages;
    this.channelTable = place.channelTable;
    this.#firstFrame = place.firstFrame;
    this.sharedInfo = this.page(SHARED_INFO_PFN);
    this.grantTable = place.pages > GRANT_TABLE_PFN ? this.page(GRANT_TABLE_PFN) : -PAGE_SIZE;
    this.#word = place.record >>> 2;
    this.#record = DomainRecord.view(memory).at(place.record);
  }

  get domid(): number {
    return this.#memory.word(this.#word) & 0xffff;
  }

  get state(): number {
    return (this.#memory.word(this.#word) >>> 16) & 0xff;
  }

  get running(): boolean {
    return this.state === DomainState.Running;
  }

  /** What the suspend hypercall returned last. */
  get suspendResult(): number {
    return this.#memory.word(this.#word) >>> 24;
  }

  /** Address of page `pfn`, which counts from 0 in every domain. */
  page(pfn: number): number {
    assert(pfn >= 0 && pfn < this.pages, `${this.name}: page ${pfn} is outside 0 to ${this.pages - 1}`);
    return (this.#firstFrame + pfn) * PAGE_SIZE;
  }

  /** Brings the domain into being, with empty pages that only it may touch. */
  create(domid: number): void {
    assert(this.state === DomainState.Free, `${this.name}: it exists already`);
    this.#memory.asHypervisor(() => {
      this.#record.domid = domid;
      this.#record.state = DomainState.Paused;
      for (let pfn = 0; pfn < this.pages; pfn++) this.#memory.protect(this.#firstFrame + pfn, this.agent);
    });
  }

  setState(state: DomainState): void {
    this.#memory.asHypervisor(() => {
      this.#record.state = state;
    });
  }

  /** Lets a suspended or restored domain run; the guest's suspend hypercall returns `result`. */
  resume(result: number): void {
    this.#memory.asHypervisor(() => {
      this.#record.suspend_result = result;
      this.#record.state = DomainState.Running;
    });
  }

  /** Ends the domain: its pages are zeroed and nobody may touch them. */
  destroy(): void {
    this.#memory.asHypervisor(() => {
      for (let pfn = 0; pfn < this.pages; pfn++) {
        this.#memory.clearPage(this.#firstFrame + pfn);
        this.#memory.protect(this.#firstFrame + pfn, 0);
      }
      this.#record.domid = 0;
      this.#record.state = DomainState.Free;
      this.#record.suspend_result = 0;
    });
  }

  /** Copies the guest's pages to the image that starts at frame `image`. */
  save(image: number): void {
    for (let pfn = FIRST_GUEST_PFN; pfn < this.pages; pfn++) {
      this.#memory.copyPage(this.#firstFrame + pfn, image + pfn - FIRST_GUEST_PFN);
    }
  }

  /** Fills the guest's pages from an image. Shared info and grant table stay as new. */
  restore(image: number): void {
    for (let pfn = FIRST_GUEST_PFN; pfn < this.pages; pfn++) {
      this.#memory.copyPage(image + pfn - FIRST_GUEST_PFN, this.#firstFrame + pfn);
    }
  }
}
