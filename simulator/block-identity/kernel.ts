/**
 * The block devices of one host's kernel: a table from major:minor to what is behind it now.
 *
 * Each object carries a diskseq from one counter of its kernel, which begins anew when the host boots. Numbers go to the
 * lowest free minor, so that one is used again at once. What is really behind a number is told by its *life*, a number
 * that no kernel sees and that is never given twice; the oracles go by it.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { bool, layout, u8, u32, u64 } from '../../protocol/layout.js';
import type { KernelRules } from './setting.js';

export type GendiskKind = 'volume' | 'loop' | 'disk' | 'drive' | 'decoy';

/** Which volume, disk or file: `Nobody` is a loop device without a file, or no device. */
export const Content = { Nobody: 0, A: 1, B: 2, Other: 3 } as const;

export const Gendisk = layout('gendisk', {
  diskseq: u64,
  /** 0 where nothing is behind it. */
  life: u32,
  content: u8,
  openers: u8,
  present: bool,
  /** A loop device: its file is detached at the last close. */
  autoclear: bool,
  /** It is deleted at the last close. */
  deletes: bool,
  /** 6.11: the last opener has closed, and the file is being detached. */
  winding: bool,
  /** Guest whose script attached the file, 0 for others. */
  maker: u8,
});

export const KernelRecord = layout('kernel', { next_sequence: u64 });

interface SlotPlace {
  readonly kind: GendiskKind;
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  /** Numbers that lead to it, partitions included. */
  readonly minors: number;
}

/** Every number there can be. 0xfd is device-mapper here; 0x253 is what `253` becomes when it is read as hexadecimal. */
export const SLOTS: readonly SlotPlace[] = [
  { kind: 'volume', name: 'dm-0', major: 0xfd, minor: 0, minors: 1 },
  { kind: 'volume', name: 'dm-1', major: 0xfd, minor: 1, minors: 1 },
  { kind: 'loop', name: 'loop0', major: 7, minor: 0, minors: 1 },
  { kind: 'loop', name: 'loop1', major: 7, minor: 1, minors: 1 },
  { kind: 'disk', name: 'sda', major: 8, minor: 0, minors: 16 },
  { kind: 'disk', name: 'sdb', major: 8, minor: 16, minors: 16 },
  { kind: 'drive', name: 'sr0', major: 11, minor: 0, minors: 1 },
  { kind: 'decoy', name: 'decoy', major: 0x253, minor: 0, minors: 1 },
];

export interface KernelPlace {
  /** Of a `KernelRecord`, with a `Gendisk` for each of `SLOTS` behind it. */
  readonly address: number;
  readonly rules: KernelRules;
  /** A number that was never given before. */
  readonly newLife: () => number;
}

/** Slots are numbers from 0; -1 is none. */
export class Kernel {
  readonly place: KernelPlace;
  readonly #record;
  readonly #disk;

  constructor(memory: JournaledMemory, place: KernelPlace) {
    this.place = place;
    this.#record = KernelRecord.view(memory).at(place.address);
    this.#disk = Gendisk.view(memory);
  }

  boot(): void {
    this.#record.next_sequence = this.place.rules.firstSequence;
  }

  /** A window that the next call moves. */
  disk(slot: number): ReturnType<typeof Gendisk.view> {
    return this.#disk.at(this.place.address + KernelRecord.size + slot * Gendisk.size);
  }

  /** The device with this number, if it is there. */
  find(major: number, minor: number): number {
    return SLOTS.findIndex(
      (place, slot) =>
        place.major === major && minor >= place.minor && minor < place.minor + place.minors && this.disk(slot).present,
    );
  }

  /** The device of this kind with that behind it. */
  findContent(kind: GendiskKind, content: number): number {
    return SLOTS.findIndex((place, slot) => {
      const disk = this.disk(slot);
      return place.kind === kind && disk.present && disk.content === content;
    });
  }

  /** The lowest number that is free: no such device, or a loop device without a file. */
  findFree(kind: GendiskKind): number {
    return SLOTS.findIndex((place, slot) => {
      const disk = this.disk(slot);
      return place.kind === kind && (!disk.present || (kind === 'loop' && disk.life === 0 && !disk.winding));
    });
  }

  /** Makes a device; returns its life. */
  create(slot: number, content: number, deletes = false): number {
    const life = this.place.newLife();
    const disk = this.disk(slot);
    disk.present = true;
    disk.content = content;
    disk.life = life;
    disk.deletes = deletes;
    this.renumber(slot);
    return life;
  }

  /** Makes a loop device without a file. */
  prepare(slot: number): void {
    this.disk(slot).present = true;
    this.renumber(slot);
  }

  /** Whether it could be removed: not while somebody has it open. */
  remove(slot: number): boolean {
    const disk = this.disk(slot);
    if (!disk.present || disk.openers > 0) return false;
    this.#clear(slot);
    return true;
  }

  /** Something else is behind the device, which stays. */
  swap(slot: number): void {
    const life = this.place.newLife();
    this.disk(slot).life = life;
  }

  /** A change of medium. */
  renumber(slot: number): void {
    const record = this.#record;
    this.disk(slot).diskseq = record.next_sequence;
    record.next_sequence += 1;
  }

  /** False where there is no such device, or its file is being detached. */
  open(slot: number): boolean {
    const disk = this.disk(slot);
    if (!disk.present || disk.winding) return false;
    disk.openers += 1;
    return true;
  }

  close(slot: number): void {
    const disk = this.disk(slot);
    disk.openers -= 1;
    if (disk.openers > 0) return;
    if (!disk.autoclear) {
      if (disk.deletes && SLOTS[slot]?.kind !== 'loop') this.#clear(slot);
    } else if (this.place.rules.clear === 'deferred') disk.winding = true;
    else this.detach(slot);
  }

  /** Attaches a file to a loop device; false where one is attached. `deletes`: until the last close. */
  attach(slot: number, content: number, maker: number, deletes: boolean): boolean {
    const disk = this.disk(slot);
    if (disk.life !== 0 || disk.winding) return false;
    const isNew = !disk.present;
    const life = this.place.newLife();
    disk.present = true;
    disk.content = content;
    disk.maker = maker;
    disk.autoclear = deletes;
    disk.deletes = deletes;
    disk.life = life;
    if (isNew || this.place.rules.renumberOnAttach) this.renumber(slot);
    return true;
  }

  /** LOOP_CLR_FD, by somebody who has the device open. Whether it was put off to the last close. */
  clear(slot: number): boolean {
    const disk = this.disk(slot);
    const putOff = this.place.rules.clear === 'deferred' || disk.openers > 1;
    if (putOff) disk.autoclear = true;
    else this.detach(slot);
    return putOff;
  }

  /** The file leaves the loop device. */
  detach(slot: number): void {
    const disk = this.disk(slot);
    if (disk.deletes) {
      this.#clear(slot);
      return;
    }
    disk.life = 0;
    disk.content = Content.Nobody;
    disk.maker = 0;
    disk.autoclear = false;
    disk.winding = false;
    if (this.place.rules.renumberOnDetach) this.renumber(slot);
  }

  #clear(slot: number): void {
    const disk = this.disk(slot);
    disk.diskseq = 0;
    disk.life = 0;
    disk.content = Content.Nobody;
    disk.present = false;
    disk.autoclear = false;
    disk.deletes = false;
    disk.winding = false;
    disk.maker = 0;
  }
}
