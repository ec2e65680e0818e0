/**
 * `Memory` over pages that other processes, or threads, map too.
 *
 * Loads and stores of single fields are `Atomics`, which both order them and keep the compiler from leaving one out;
 * copies of whole packets are plain, and lie between a load and a store of the field that hands them over. Each access
 * is checked against what this process has opened, so that a driver that strays gets the same `MemoryFault` as in the
 * simulator, and no segmentation fault.
 */
import { ALL_AGENTS, MemoryFault, NO_CRASH } from '../../hypervisor/journaled-memory.js';
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import type { AddressSpace } from './address-space.js';
import type { UndoJournal } from './undo-journal.js';

/** Bits of `Rights`. Past the last frame there are none. */
const LOAD_BIT = 1;
const STORE_BIT = 2;

export class SharedMemory implements MachineMemory {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  current: number = ALL_AGENTS;
  storesLeft: number = NO_CRASH;
  readonly space: AddressSpace;
  readonly #halves: Uint16Array;
  readonly #rights: Uint8Array;
  /** Who may touch which frame, as far as a hypervisor needs to know; what is enforced are the mappings. */
  readonly #agents: Int32Array;
  /** Frames whose stores can be taken back. */
  readonly #kept: Uint8Array;
  #journal: UndoJournal | null = null;

  constructor(space: AddressSpace) {
    this.space = space;
    this.words = new Int32Array(space.buffer);
    this.bytes = new Uint8Array(space.buffer);
    this.#halves = new Uint16Array(space.buffer);
    this.#rights = space.rights;
    this.#agents = new Int32Array(space.plan.frames);
    this.#kept = new Uint8Array(space.plan.frames);
  }

  /** From now on, stores to `pages` frames from `frame` on can be taken back until the step is committed. */
  keep(journal: UndoJournal, frame: number, pages: number): void {
    this.#journal = journal;
    this.#kept.fill(1, frame, frame + pages);
  }

  /** Ends a step: its stores stay. */
  commit(): void {
    this.#journal?.commit();
  }

  word(index: number): number {
    return Atomics.load(this.words, index);
  }

  read8(address: number): number {
    if (((this.#rights[address >>> 12] as number) & LOAD_BIT) === 0) fault(address, 'load', this.current);
    return Atomics.load(this.bytes, address);
  }

  read16(address: number): number {
    if (((this.#rights[address >>> 12] as number) & LOAD_BIT) === 0) fault(address, 'load', this.current);
    return Atomics.load(this.#halves, address >>> 1);
  }

  read32(address: number): number {
    if (((this.#rights[address >>> 12] as number) & LOAD_BIT) === 0) fault(address, 'load', this.current);
    return Atomics.load(this.words, address >>> 2) >>> 0;
  }

  write8(address: number, value: number): void {
    this.#prepare(address);
    Atomics.store(this.bytes, address, value);
  }

  write16(address: number, value: number): void {
    this.#prepare(address);
    Atomics.store(this.#halves, address >>> 1, value);
  }

  write32(address: number, value: number): void {
    this.#prepare(address);
    Atomics.store(this.words, address >>> 2, value | 0);
  }

  or32(address: number, bits: number): void {
    this.#prepare(address);
    Atomics.or(this.words, address >>> 2, bits);
  }

  and32(address: number, bits: number): void {
    this.#prepare(address);
    Atomics.and(this.words, address >>> 2, bits);
  }

  writeWords(address: number, words: Int32Array, length: number): void {
    const count = (length + 3) >>> 2;
    this.#prepareRange(address, length);
    this.words.set(count === words.length ? words : words.subarray(0, count), address >>> 2);
  }

  /** As `writeWords`, for bytes as they are; what is left of the last word is zeroed. */
  writeBytes(address: number, bytes: Uint8Array): void {
    const end = address + bytes.length;
    this.#prepareRange(address, bytes.length);
    this.bytes.set(bytes, address);
    this.bytes.fill(0, end, (end + 3) & ~3);
  }

  copy(from: number, to: number, length: number): void {
    const bytes = (length + 3) & ~3;
    this.#checkLoads(from, length);
    this.#prepareRange(to, length);
    this.bytes.copyWithin(to, from, from + bytes);
  }

  clear(address: number, length: number): void {
    this.#prepareRange(address, length);
    this.words.fill(0, address >>> 2, (address + length + 3) >>> 2);
  }

  asHypervisor<T>(body: () => T): T {
    const { current } = this;
    this.current = ALL_AGENTS;
    try {
      return body();
    } finally {
      this.current = current;
    }
  }

  protect(frame: number, agents: number): void {
    this.#agents[frame] = agents;
  }

  agentsOf(frame: number): number {
    return this.#agents[frame] as number;
  }

  clearPage(frame: number): void {
    this.clear(frame * PAGE_SIZE, PAGE_SIZE);
  }

  copyPage(from: number, to: number): void {
    this.copy(from * PAGE_SIZE, to * PAGE_SIZE, PAGE_SIZE);
  }

  #prepare(address: number): void {
    const frame = address >>> 12;
    if (((this.#rights[frame] as number) & STORE_BIT) === 0) fault(address, 'store', this.current);
    if (this.#kept[frame] === 1) this.#journal?.record(address >>> 2);
  }

  #prepareRange(address: number, length: number): void {
    for (let at = address; at < address + length; at = (at & ~(PAGE_SIZE - 1)) + PAGE_SIZE) {
      const frame = at >>> 12;
      if (((this.#rights[frame] as number) & STORE_BIT) === 0) fault(at, 'store', this.current);
      if (this.#kept[frame] !== 1) continue;
      const end = Math.min((at & ~(PAGE_SIZE - 1)) + PAGE_SIZE, address + length);
      for (let index = at >>> 2; index << 2 < end; index++) this.#journal?.record(index);
    }
  }

  #checkLoads(address: number, length: number): void {
    for (let at = address; at < address + length; at = (at & ~(PAGE_SIZE - 1)) + PAGE_SIZE) {
      if (((this.#rights[at >>> 12] as number) & LOAD_BIT) === 0) fault(at, 'load', this.current);
    }
  }
}

function fault(address: number, access: 'load' | 'store', agents: number): never {
  throw new MemoryFault(address, access, agents);
}
