/**
 * What is looked for at the rings of a world with `sanitize`, whatever the drivers say of it themselves:
 *
 * double fetch      a byte of an entry of the ring, or of any other page of the guest, that a backend loads twice in one
 *                   step; a byte of an entry that a frontend loads twice in one step (XSA-155, and the series on
 *                   untrusted backends of 2021). The indices of the ring are meant to be looked at again.
 * index overflow    an entry is taken although the producer that was loaded last was more than the ring's size ahead
 *                   (RING_REQUEST_PROD_OVERFLOW and RING_RESPONSE_PROD_OVERFLOW of io/ring.h).
 */
import { RING_PAGES, RING_PFN } from '../../frontend/blkfront/memory.js';
import type { AccessObserver, JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { RING_ENTRIES_OFFSET, type RingShape, ringDistance, SharedRing } from '../../protocol/ring.js';
import { BackRingPrivate } from '../../protocol/ring-back.js';
import { FrontRingPrivate } from '../../protocol/ring-front.js';
import { LoadedOnce } from '../loaded-once.js';
import type { BlockMachine, BlockSlot } from './machine.js';

/** An end of a ring. */
interface End {
  readonly agent: number;
  /** Address of the word that says whether the producer it loaded last was too far ahead. */
  readonly beyond: number;
  /** Of its own: the word of the index by which it takes entries, and of the one that a producer may be ahead of. */
  readonly consumer: number;
  readonly bound: number;
  /** Of the producer in the ring page. */
  readonly producerOffset: number;
  /** Address of the page that is its ring now. */
  readonly ring: () => number;
}

export class RingSanitizers implements AccessObserver {
  readonly #memory: JournaledMemory;
  readonly #shape: RingShape;
  readonly #loaded: LoadedOnce;
  readonly #ends: readonly End[];
  /** For each frame the agents whose loads of it are looked at. */
  readonly #agentsOf: Int32Array;
  /** In this step: whose it is, the producer loaded last, or -1, whether that was too far ahead, and whether it mattered. */
  #end: End | null = null;
  #producer = -1;
  #isBeyond = false;
  #tookBeyond = false;
  #looking = false;

  constructor({ memory, slots, state }: BlockMachine, shape: RingShape) {
    this.#memory = memory;
    this.#shape = shape;
    this.#loaded = new LoadedOnce(memory.size);
    this.#agentsOf = new Int32Array(memory.size / PAGE_SIZE);
    for (const { domain, backend } of slots) {
      const first = domain.page(0) / PAGE_SIZE;
      this.#agentsOf.fill(backend.agent, first, first + domain.pages);
      const ring = domain.page(RING_PFN) / PAGE_SIZE;
      this.#agentsOf.fill(backend.agent | domain.agent, ring, ring + RING_PAGES);
    }
    this.#ends = slots.flatMap((slot, number) => [
      backEnd(slot, state.beyond + number * 8),
      frontEnd(slot, state.beyond + number * 8 + 4),
    ]);
  }

  /** A step of `agents` begins. */
  begin(agents: number): void {
    this.#loaded.begin();
    this.#producer = -1;
    this.#tookBeyond = false;
    this.#end = this.#ends.find(({ agent }) => agent === agents) ?? null;
    this.#isBeyond = this.#end !== null && this.#memory.word(this.#end.beyond >>> 2) !== 0;
  }

  /** It has ended. Returns whether it took an entry although the producer was beyond the ring. */
  end(): boolean {
    if (this.#end !== null && this.#producer >= 0) this.#memory.write32(this.#end.beyond, this.#isBeyond ? 1 : 0);
    this.#end = null;
    return this.#tookBeyond;
  }

  /** Address of the first byte that the last step loaded twice, or 0. */
  get loadedTwice(): number {
    return this.#loaded.address;
  }

  load(address: number, size: number): void {
    const { current } = this.#memory;
    // What the hypervisor loads on behalf of a driver is not the driver's own load.
    if (
      this.#looking ||
      this.#end === null ||
      current < 0 ||
      ((this.#agentsOf[address >>> 12] as number) & current) === 0
    )
      return;
    const offset = address & (PAGE_SIZE - 1);
    if (offset >= RING_ENTRIES_OFFSET || address - offset !== this.#end.ring()) this.#loaded.load(address, size);
    else if (offset === this.#end.producerOffset) this.#look(this.#end, this.#word(address >>> 2));
  }

  store(): void {}

  stored(word: number, value: number): void {
    const end = this.#end;
    if (end === null) return;
    if (word === end.consumer) {
      const taken = ringDistance(this.#shape, this.#word(word), value);
      if (taken > 0 && taken <= this.#shape.size && this.#isBeyond) this.#tookBeyond = true;
    } else if (word === end.bound && this.#producer >= 0) {
      // It attaches to a ring in use: its first indices are those that it has found there.
      this.#isBeyond = ringDistance(this.#shape, value, this.#producer) > this.#shape.size;
    }
  }

  /** A word that decides something, as all who observe the memory hear it; it is no load of the driver's. */
  #word(index: number): number {
    this.#looking = true;
    const value = this.#memory.word(index);
    this.#looking = false;
    return value;
  }

  #look({ bound }: End, producer: number): void {
    this.#producer = producer >>> 0;
    this.#isBeyond = ringDistance(this.#shape, this.#word(bound), producer) > this.#shape.size;
  }
}

/** What a backend has taken and not answered is never more than the ring. */
function backEnd({ host, backend: { agent, driver } }: BlockSlot, beyond: number): End {
  const own = driver.state.ring;
  return {
    agent,
    beyond,
    consumer: (own + BackRingPrivate.offset.req_cons) >>> 2,
    bound: (own + BackRingPrivate.offset.rsp_prod_pvt) >>> 2,
    producerOffset: SharedRing.offset.req_prod,
    ring: () => host.grants.address(driver.state.handle),
  };
}

/** What a frontend has not seen is never more than the ring. */
function frontEnd({ guest, domain }: BlockSlot, beyond: number): End {
  const { state } = guest.front;
  const consumer = (state.ring + FrontRingPrivate.offset.rsp_cons) >>> 2;
  return {
    agent: domain.agent,
    beyond,
    consumer,
    bound: consumer,
    producerOffset: SharedRing.offset.rsp_prod,
    ring: () => domain.page(state.ring_pfn),
  };
}
