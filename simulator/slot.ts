/**
 * A place for one guest on one host: its domain, its backend process, its TPM, and the images they are saved to.
 */

import type { TpmDevice } from '../backend/tpm/device.js';
import type { Guest } from '../frontend/guest.js';
import { type Domain, DomainState, FIRST_GUEST_PFN } from '../hypervisor/domain.js';
import type { Host } from '../hypervisor/host.js';
import type { JournaledMemory } from '../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import type { BackendProcess } from './backend-process.js';
import type { StateVolume } from './state-volume.js';
import type { StoreClient } from './store-client.js';

export interface SlotParts {
  readonly index: number;
  readonly domid: number;
  readonly host: Host;
  readonly domain: Domain;
  readonly device: TpmDevice;
  readonly guestStore: StoreClient;
  /** What the state of its vTPM lies on, where that is part of the world. */
  readonly volume: StateVolume | null;
  /** First frames of the images of the domain's memory and of the state of its TPM. */
  readonly memoryImage: number;
  readonly deviceImage: number;
}

export class Slot {
  readonly index: number;
  /** The number the domain has while it exists. */
  readonly domid: number;
  readonly host: Host;
  readonly domain: Domain;
  readonly device: TpmDevice;
  readonly guestStore: StoreClient;
  readonly volume: StateVolume | null;
  readonly memoryImage: number;
  readonly deviceImage: number;
  readonly guest: Guest;
  readonly backend: BackendProcess;

  readonly #memory: JournaledMemory;

  constructor(memory: JournaledMemory, parts: SlotParts, guest: Guest, backend: BackendProcess) {
    this.#memory = memory;
    this.index = parts.index;
    this.domid = parts.domid;
    this.host = parts.host;
    this.domain = parts.domain;
    this.device = parts.device;
    this.guestStore = parts.guestStore;
    this.volume = parts.volume;
    this.memoryImage = parts.memoryImage;
    this.deviceImage = parts.deviceImage;
    this.guest = guest;
    this.backend = backend;
  }

  get exists(): boolean {
    return this.domain.state !== DomainState.Free;
  }

  /** Its vTPM has been introduced to the store. */
  get attached(): boolean {
    return this.guestStore.connected;
  }

  /** Ends the domain: mappings and channels fall, its store connection goes, and the store's watchers are told. */
  end(): void {
    this.host.events.closeAll(this.domain);
    this.guestStore.disconnect();
    this.guestStore.domainDestroyed(this.domid);
    this.domain.destroy();
    this.device.powerOff();
  }

  /** Bytes of both images, in the order in which a migration sends them. */
  get imageBytes(): number {
    return (this.domain.pages - FIRST_GUEST_PFN + this.device.pages) * PAGE_SIZE;
  }

  /** Takes the first `bytes` bytes of the images of `source`: what has come of a stream that ends early. */
  receivePart(source: Slot, bytes: number): void {
    const guestBytes = (this.domain.pages - FIRST_GUEST_PFN) * PAGE_SIZE;
    const guest = Math.min(bytes, guestBytes);
    this.#memory.copy(source.memoryImage * PAGE_SIZE, this.domain.page(FIRST_GUEST_PFN), guest);
    this.#memory.copy(source.deviceImage * PAGE_SIZE, this.device.address, bytes - guest);
  }

  /** Frees the images of the domain and of its TPM. */
  discardImages(): void {
    for (let page = 0; page < this.domain.pages - FIRST_GUEST_PFN; page++)
      this.#memory.clearPage(this.memoryImage + page);
    for (let page = 0; page < this.device.pages; page++) this.#memory.clearPage(this.deviceImage + page);
  }
}
