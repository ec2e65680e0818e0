/**
 * A backend process: it can be killed between any two stores, and its supervisor starts it again on the same nodes.
 *
 * What dies with it is its memory, its store connection with all watches, its grant mappings and its event channels:
 * all that the kernel takes back from a dead process. What stays is the page it shared with the guest, the nodes in
 * xenstore, and the TPM, which is a process of its own. Requests to a disk that are under way die with the process: none
 * lands after it is gone.
 */
import type { Tpmback } from '../backend/tpmback/tpmback.js';
import type { Domain } from '../hypervisor/domain.js';
import type { Host } from '../hypervisor/host.js';
import { ALL_AGENTS, type JournaledMemory } from '../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import type { StoreClient } from './store-client.js';

export interface BackendProcessPlace {
  readonly name: string;
  readonly agent: number;
  /** Address of the first page with the state of the driver. */
  readonly page: number;
  /** How many there are, one after another; 1 when absent. */
  readonly pages?: number;
  readonly domain: Domain;
  readonly host: Host;
  readonly store: StoreClient;
  /** Takes back what else the kernel takes back from a dead process. */
  readonly onKill?: () => void;
}

/** A driver as the program of a process. */
export interface BackendProgram {
  /** The process starts: it opens its store connection's watches. */
  start(): void;
}

/** Offset of the word, in the first page of the process, that says whether it lives. */
export const ALIVE_OFFSET = PAGE_SIZE - 4;

export class BackendProcess<Driver extends BackendProgram = Tpmback> {
  readonly name: string;
  readonly agent: number;
  readonly driver: Driver;
  readonly store: StoreClient;
  readonly #memory: JournaledMemory;
  readonly #place: BackendProcessPlace;
  readonly #alive: number;

  constructor(memory: JournaledMemory, place: BackendProcessPlace, driver: Driver) {
    this.name = place.name;
    this.agent = place.agent;
    this.driver = driver;
    this.store = place.store;
    this.#memory = memory;
    this.#place = place;
    this.#alive = (place.page + ALIVE_OFFSET) >>> 2;
  }

  get alive(): boolean {
    return this.#memory.word(this.#alive) !== 0;
  }

  /** Address of its first page. */
  get page(): number {
    return this.#place.page;
  }

  get domain(): Domain {
    return this.#place.domain;
  }

  get host(): Host {
    return this.#place.host;
  }

  start(): void {
    this.#memory.current = ALL_AGENTS;
    this.#memory.write32(this.#alive << 2, 1);
    this.store.connect();
    this.#memory.current = this.agent;
    this.driver.start();
    this.#memory.current = ALL_AGENTS;
  }

  kill(): void {
    const { host, domain, agent, page, pages = 1 } = this.#place;
    this.#memory.current = ALL_AGENTS;
    host.events.closeOwned(domain, agent);
    host.grants.unmapAll(agent);
    this.store.disconnect();
    this.#place.onKill?.();
    for (let each = 0; each < pages; each++) this.#memory.clearPage(page / PAGE_SIZE + each);
  }
}
