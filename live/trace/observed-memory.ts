/**
 * A part's memory where its trace is wanted: it notices which state was stored into a ring page last.
 */
import { RING_PAGES, RING_PFN } from '../../frontend/guest-memory.js';
import type { Domain } from '../../hypervisor/domain.js';
import { TpmifSharedPage } from '../../protocol/tpmif-v2.js';
import type { AddressSpace } from '../memory/address-space.js';
import { SharedMemory } from '../memory/shared-memory.js';

export class ObservedMemory extends SharedMemory {
  readonly #places: number[] = [];
  #stored: readonly [page: number, state: number] | null = null;

  static over(space: AddressSpace): ObservedMemory {
    return new ObservedMemory(space);
  }

  /** From now on stores into the state words of this guest's ring pages are noticed. */
  observe(guest: Pick<Domain, 'page'>): void {
    for (let i = 0; i < RING_PAGES; i++) this.#places.push(guest.page(RING_PFN + i) + TpmifSharedPage.offset.state);
  }

  override write8(address: number, value: number): void {
    super.write8(address, value);
    const page = this.#places.indexOf(address);
    if (page >= 0) this.#stored = [page, value & 0xff];
  }

  /** What was stored since this was last asked, or null. */
  takeStored(): readonly [page: number, state: number] | null {
    const stored = this.#stored;
    this.#stored = null;
    return stored;
  }
}
