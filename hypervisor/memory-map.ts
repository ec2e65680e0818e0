/**
 * Names for addresses: which domain, page and field a byte belongs to. Built once with the world; used by traces,
 * faults and the viewer, never on the hot path.
 */
import type { AnyLayout } from '../protocol/layout.js';

export interface Region {
  /** Who owns the bytes, for example `guest1`. */
  readonly owner: string;
  /** What they are, for example `shared ring page`. */
  readonly name: string;
  readonly address: number;
  readonly size: number;
  /** How they are divided into fields, where that is known. A function where it depends on the state. */
  readonly layout?: AnyLayout;
}

export class MemoryMap {
  readonly #regions: Region[] = [];

  /** Adds a region. A later region that covers the same bytes is the more precise one. */
  add(region: Region): void {
    this.#regions.push(region);
  }

  get regions(): readonly Region[] {
    return this.#regions;
  }

  find(address: number): Region | undefined {
    return this.#regions.findLast((region) => address >= region.address && address < region.address + region.size);
  }

  /** `guest1 shared ring page: tpmif_shared_page.state`, or as much of it as is known. */
  describe(address: number): string {
    const region = this.find(address);
    if (region === undefined) return `address 0x${address.toString(16)}, which belongs to no page`;
    const offset = address - region.address;
    const field = region.layout?.fields.find((place) => offset >= place.offset && offset < place.offset + place.size);
    const where = field === undefined ? `byte ${offset}` : `${region.layout?.name}.${field.name}`;
    return `${region.owner} ${region.name}: ${where}`;
  }
}
