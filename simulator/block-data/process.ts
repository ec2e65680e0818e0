/**
 * A blkback as a process: it can be killed between any two stores, and its supervisor starts it again on the same nodes.
 * What dies with it is its memory, its store connection, its mappings and its event channels. Requests under way die
 * with it too: none lands on the disk after it is gone.
 */
import type { Blkback } from '../../backend/blkback/blkback.js';
import { BLKBACK_PAGES } from '../../backend/blkback/memory.js';
import type { Domain } from '../../hypervisor/domain.js';
import type { Host } from '../../hypervisor/host.js';
import { ALL_AGENTS, type JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import type { StoreClient } from '../store-client.js';

export interface BlkbackProcessPlace {
  readonly name: string;
  readonly agent: number;
  readonly page: number;
  readonly domain: Domain;
  readonly host: Host;
  readonly store: StoreClient;
}

export class BlkbackProcess {
  readonly name: string;
  readonly agent: number;
  readonly host: Host;
  readonly domain: Domain;
  readonly store: StoreClient;
  readonly driver: Blkback;
  readonly #memory: JournaledMemory;
  readonly #page: number;
  readonly #alive: number;

  constructor(memory: JournaledMemory, place: BlkbackProcessPlace, driver: Blkback) {
    this.name = place.name;
    this.agent = place.agent;
    this.host = place.host;
    this.domain = place.domain;
    this.store = place.store;
    this.driver = driver;
    this.#memory = memory;
    this.#page = place.page;
    this.#alive = (place.page + PAGE_SIZE - 4) >>> 2;
  }

  get alive(): boolean {
    return this.#memory.word(this.#alive) !== 0;
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
    this.#memory.current = ALL_AGENTS;
    this.host.events.closeOwned(this.domain, this.agent);
    this.host.grants.unmapAll(this.agent);
    this.store.disconnect();
    for (let page = 0; page < BLKBACK_PAGES; page++) this.#memory.clearPage(this.#page / PAGE_SIZE + page);
  }
}
