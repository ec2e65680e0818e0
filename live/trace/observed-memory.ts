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
  #storesLeft: number | null = null;
  #stored: readonly [page: number, state: number] | null = null;

  static over(space: AddressSpace): ObservedMemory {
    return new ObservedMemory(space);
  }

  /** From now on stores into the state words of this guest's ring pages are noticed. */
  observe(guest: Pick<Domain, 'page'>): void {
    for (let i = 0; i < RING_PAGES; i++) this.#places.push(guest.page(RING_PFN + i) + TpmifSharedPage.offset.state);
  }

  /** The process gets SIGKILL after so many stores that change something, the next ones; null: after none. */
  dieAfter(stores: number | null): void {
    this.#storesLeft = stores;
  }

  /** What the hypervisor does, it does whole. */
  override asHypervisor<T>(body: () => T): T {
    const left = this.#storesLeft;
    this.#storesLeft = null;
    try {
      return super.asHypervisor(body);
    } finally {
      this.#storesLeft = left;
    }
  }

  override write16(address: number, value: number): void {
    this.#count(this.#storesLeft !== null && this.read16(address) !== (value & 0xffff));
    super.write16(address, value);
  }

  override write32(address: number, value: number): void {
    this.#count(this.#storesLeft !== null && this.read32(address) !== value >>> 0);
    super.write32(address, value);
  }

  override copy(from: number, to: number, length: number): void {
    if (this.#storesLeft === null) super.copy(from, to, length);
    else for (let at = 0; at < length; at += 4) this.write32(to + at, this.read32(from + at));
  }

  #count(changes: boolean): void {
    if (this.#storesLeft === null || !changes) return;
    if (this.#storesLeft-- === 0) process.kill(process.pid, 'SIGKILL');
  }

  override write8(address: number, value: number): void {
    this.#count(this.#storesLeft !== null && this.read8(address) !== (value & 0xff));
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
