/**
 * A disk with a volatile write cache: a write lands in the cache, a flush writes all of it back. Blocks are 4 KiB, of
 * which the first word is kept, as the users of these worlds write nothing else.
 *
 * The disk outlives backends and hosts: two hosts of a migration share it.
 */
import type { BlockDevice } from '../../backend/blkback/block-device.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { assert } from '../../protocol/assert.js';
import { BLKIF_SECTOR_SIZE, BLKIF_SECTORS_PER_PAGE } from '../../protocol/blkif.js';
import { bool, layout, u32 } from '../../protocol/layout.js';

export const DISK_BLOCKS = 4;

export const DiskBlock = layout('block', {
  /** What a read gives. */
  value: u32,
  /** What is left after a power failure. */
  durable: u32,
  /** The two differ, or have been made equal by chance. */
  dirty: bool,
});

export const DISK_BYTES: number = DiskBlock.size * DISK_BLOCKS;

export class Disk implements BlockDevice {
  readonly sectors: number = DISK_BLOCKS * BLKIF_SECTORS_PER_PAGE;
  readonly sectorSize: number = BLKIF_SECTOR_SIZE;
  readonly #memory: JournaledMemory;
  readonly #address: number;
  readonly #block;

  constructor(memory: JournaledMemory, address: number) {
    this.#memory = memory;
    this.#address = address;
    this.#block = DiskBlock.view(memory);
  }

  read(sector: number, to: number, length: number): void {
    assert(length >= 4, `disk: expected a read of a block, found ${length} bytes`);
    this.#memory.write32(to, this.at(blockOf(sector)).value);
  }

  write(sector: number, from: number, length: number): void {
    assert(length >= 4, `disk: expected a write of a block, found ${length} bytes`);
    const value = this.#memory.read32(from);
    const block = this.at(blockOf(sector));
    block.value = value;
    block.dirty = true;
  }

  /** Blocks that are discarded whole read as zero. */
  discard(sector: number, count: number): void {
    const end = sector + count;
    for (let number = 0; number < DISK_BLOCKS; number++) {
      const first = number * BLKIF_SECTORS_PER_PAGE;
      if (first < sector || first + BLKIF_SECTORS_PER_PAGE > end) continue;
      const block = this.at(number);
      block.value = 0;
      block.dirty = true;
    }
  }

  flush(): void {
    for (let number = 0; number < DISK_BLOCKS; number++) {
      const block = this.at(number);
      if (!block.dirty) continue;
      block.durable = block.value;
      block.dirty = false;
    }
  }

  /** The cache is lost, with everything that was not flushed. */
  losePower(): void {
    for (let number = 0; number < DISK_BLOCKS; number++) {
      const block = this.at(number);
      if (!block.dirty) continue;
      block.value = block.durable;
      block.dirty = false;
    }
  }

  /** What a reader of block `number` finds. */
  valueOf(number: number): number {
    return this.at(number).value;
  }

  durableValueOf(number: number): number {
    return this.at(number).durable;
  }

  /** Block `number`. The view moves with the next call. */
  at(number: number): ReturnType<typeof DiskBlock.view> {
    return this.#block.at(this.#address + number * DiskBlock.size);
  }
}

export function blockOf(sector: number): number {
  return Math.floor(sector / BLKIF_SECTORS_PER_PAGE);
}
