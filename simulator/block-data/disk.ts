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
import { PAGE_SIZE } from '../../protocol/memory.js';

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
    this.#check(sector, to, length);
    this.#memory.write32(to, this.at(blockOf(sector)).value);
  }

  write(sector: number, from: number, length: number): void {
    this.#check(sector, from, length);
    const value = this.#memory.read32(from);
    const block = this.at(blockOf(sector));
    block.value = value;
    block.dirty = true;
  }

  /** Blocks that are discarded whole read as zero. */
  discard(sector: number, count: number): void {
    const end = sector + count;
    assert(end <= this.sectors, `disk: expected sectors below ${this.sectors}, found ${count} from ${sector} on`);
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

  /** A transfer lies on the disk and in one page of memory, or whoever asks for it has not checked the request. */
  #check(sector: number, address: number, length: number): void {
    const end = sector + length / BLKIF_SECTOR_SIZE;
    assert(
      length >= 4 && end <= this.sectors,
      `disk: expected sectors below ${this.sectors}, found ${sector} to ${end}`,
    );
    const offset = address % PAGE_SIZE;
    assert(offset + length <= PAGE_SIZE, `disk: expected a part of one page, found ${length} bytes from ${offset} on`);
  }

  /** Block `number`. The view moves with the next call. */
  at(number: number): ReturnType<typeof DiskBlock.view> {
    return this.#block.at(this.#address + number * DiskBlock.size);
  }
}

export function blockOf(sector: number): number {
  return Math.floor(sector / BLKIF_SECTORS_PER_PAGE);
}
