/**
 * A detector of double fetches (XSA-155): a backend that loads the same byte of a guest's page twice within one step
 * of a schedule may see two values, for the guest can store between the two loads. What was checked is then not what
 * is used.
 *
 * Caught: the same byte loaded twice in one step of a backend process, whatever was loaded with it.
 * Not caught: a check in one step and a use in a later one. In fine grain that hides the 2006 backend, which checks
 * the header of a packet when the event comes and copies the whole packet when the vTPM is ready for it. In coarse
 * grain, where both happen in one step unless the vTPM is busy, it is caught.
 */
import type { AccessObserver, JournaledMemory } from '../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import type { Slot } from './slot.js';

export class DoubleFetch implements AccessObserver {
  /** Address of the first byte that was loaded twice in this step, or 0. */
  address = 0;
  readonly #memory: JournaledMemory;
  readonly #slots: readonly Slot[];
  readonly #loaded: Set<number> = new Set();

  constructor(memory: JournaledMemory, slots: readonly Slot[]) {
    this.#memory = memory;
    this.#slots = slots;
  }

  /** A step begins. */
  begin(): void {
    this.address = 0;
    this.#loaded.clear();
  }

  load(address: number, size: number): void {
    // What the hypervisor loads on behalf of a process is not the process's own load.
    const { current } = this.#memory;
    if (!this.#slots.some(({ backend }) => backend.agent === current) || !this.#isOfGuest(address)) return;
    for (let byte = address; byte < address + size; byte++) {
      if (this.#loaded.has(byte) && this.address === 0) this.address = byte;
      this.#loaded.add(byte);
    }
  }

  store(): void {}

  #isOfGuest(address: number): boolean {
    return this.#slots.some(({ domain }) => {
      const first = domain.page(0);
      return address >= first && address < first + domain.pages * PAGE_SIZE;
    });
  }
}
