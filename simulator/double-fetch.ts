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
import { LoadedOnce } from './loaded-once.js';
import type { Slot } from './slot.js';

export class DoubleFetch implements AccessObserver {
  readonly #memory: JournaledMemory;
  /** The agents of the backends. */
  readonly #backends: number;
  /** For each frame, 1 if it is a guest's. */
  readonly #ofGuest: Uint8Array;
  readonly #loaded: LoadedOnce;

  constructor(memory: JournaledMemory, slots: readonly Slot[]) {
    this.#memory = memory;
    this.#backends = slots.reduce((agents, { backend }) => agents | backend.agent, 0);
    this.#ofGuest = new Uint8Array(memory.size / PAGE_SIZE);
    for (const { domain } of slots) {
      const first = domain.page(0) / PAGE_SIZE;
      this.#ofGuest.fill(1, first, first + domain.pages);
    }
    this.#loaded = new LoadedOnce(memory.size);
  }

  /** Address of the first byte that was loaded twice in this step, or 0. */
  get address(): number {
    return this.#loaded.address;
  }

  /** A step begins. */
  begin(): void {
    this.#loaded.begin();
  }

  load(address: number, size: number): void {
    // What the hypervisor loads on behalf of a process, it loads as all agents: that is not the process's own load.
    const { current } = this.#memory;
    if (current < 0 || (current & this.#backends) === 0 || this.#ofGuest[address >>> 12] === 0) return;
    this.#loaded.load(address, size);
  }

  store(): void {}
}
