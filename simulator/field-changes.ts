/**
 * What a step changed in memory, by name: the entries it left in the journal, with addresses resolved to fields.
 *
 * A field is told with what it held before the step and what it holds after; words that belong to no field of their
 * own (packets, images, tables) are told as one change for each run of bytes.
 */

import { FIRST_GUEST_PFN } from '../hypervisor/domain.js';
import { MASK_OFFSET, PENDING_OFFSET } from '../hypervisor/event-channels.js';
import type { JournaledMemory } from '../hypervisor/journaled-memory.js';
import { MemoryMap, type Region } from '../hypervisor/memory-map.js';
import type { FieldPlace } from '../protocol/layout.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import type { Machine } from './machine.js';

export interface FieldChange {
  /** Who owns the bytes, for example `guest1`. */
  readonly owner: string;
  /** What changed: `ring page 0: tpmif_shared_page.state`, or `ring page 0: bytes 8 to 71`. */
  readonly field: string;
  /** The value before the step; null for a run of bytes. */
  readonly from: number | null;
  readonly to: number | null;
}

/** `guest1 ring page 0: tpmif_shared_page.state: 0 -> 1`. */
export function describeChange({ owner, field, from, to }: FieldChange): string {
  return from === null ? `${owner} ${field}` : `${owner} ${field}: ${from} -> ${to}`;
}

/** The map of a machine with what only a trace asks for: the pages of hypervisor, domain 0 and images. */
export function traceMap({ map, hosts, slots }: Machine): MemoryMap {
  const whole = new MemoryMap();
  whole.add({ owner: 'hypervisor', name: 'page table', address: 0, size: PAGE_SIZE });
  whole.add({ owner: 'hypervisor', name: 'tables', address: PAGE_SIZE, size: PAGE_SIZE });
  for (const { domains } of hosts) {
    const [dom0] = domains;
    if (dom0 !== undefined)
      whole.add({ owner: dom0.name, name: 'shared info', address: dom0.sharedInfo, size: PAGE_SIZE });
  }
  for (const { domain, device, domid, memoryImage, deviceImage } of slots) {
    const memorySize = (domain.pages - FIRST_GUEST_PFN) * PAGE_SIZE;
    whole.add({
      owner: 'toolstack',
      name: `image of ${domain.name}`,
      address: memoryImage * PAGE_SIZE,
      size: memorySize,
    });
    whole.add({
      owner: 'toolstack',
      name: `image of tpm${domid}`,
      address: deviceImage * PAGE_SIZE,
      size: device.pages * PAGE_SIZE,
    });
  }
  for (const region of map.regions) whole.add(region);
  return whole;
}

/** What was changed since the journal was `mark` entries long, in the order of addresses. */
export function changesSince(memory: JournaledMemory, map: MemoryMap, mark: number): readonly FieldChange[] {
  const before = new Map<number, number>();
  for (let entry = mark; entry < memory.journalLength; entry++) {
    const word = memory.journalWord(entry);
    // Cells are told by the requests to the store.
    if (word >= 0 && !before.has(word)) before.set(word, memory.journalOld(entry));
  }
  const changes = new Changes();
  for (const word of [...before.keys()].sort((a, b) => a - b)) {
    const old = before.get(word) as number;
    const now = memory.words[word] as number;
    if (old !== now) changes.add(map.find(word * 4), word * 4, old, now);
  }
  return changes.list;
}

class Changes {
  readonly list: FieldChange[] = [];
  /** The run of bytes that the last change is, if it is one. */
  #run: { region: Region | undefined; start: number; end: number } | null = null;

  add(region: Region | undefined, address: number, old: number, now: number): void {
    const offset = address - (region?.address ?? 0);
    if (region?.name === 'shared info' && this.#events(region.owner, offset, old, now)) return;
    const places =
      region?.layout?.fields.filter((place) => place.offset < offset + 4 && place.offset + place.size > offset) ?? [];
    if (region === undefined || places.length === 0 || places.some(({ size }) => size > 4)) {
      this.#bytes(region, offset);
      return;
    }
    for (const { name, offset: start, size } of places) {
      const place = { name, offset: start - offset, size };
      const from = part(old, place);
      const to = part(now, place);
      if (from !== to) this.#push(region.owner, `${region.name}: ${region.layout?.name}.${name}`, from, to);
    }
  }

  /** The bits of event channels are told by port. */
  #events(owner: string, offset: number, old: number, now: number): boolean {
    const kind = offset >= PENDING_OFFSET && offset < MASK_OFFSET ? 'pending' : 'masked';
    const base = kind === 'pending' ? PENDING_OFFSET : MASK_OFFSET;
    if (offset < base || offset >= base + MASK_OFFSET - PENDING_OFFSET) return false;
    for (let bit = 0; bit < 32; bit++) {
      const from = (old >>> bit) & 1;
      const to = (now >>> bit) & 1;
      if (from !== to) this.#push(owner, `event ${(offset - base) * 8 + bit} ${kind}`, from, to);
    }
    return true;
  }

  #bytes(region: Region | undefined, offset: number): void {
    const run = this.#run;
    const goesOn = run !== null && run.region === region && run.end === offset;
    const start = goesOn ? run.start : offset;
    if (goesOn) this.list.pop();
    const field = `${region === undefined ? '' : `${region.name}: `}bytes ${start} to ${offset + 3}`;
    this.#push(region?.owner ?? 'memory', field, null, null);
    this.#run = { region, start, end: offset + 4 };
  }

  #push(owner: string, field: string, from: number | null, to: number | null): void {
    this.list.push({ owner, field, from, to });
    this.#run = null;
  }
}

/** The field's part of a word that begins `-offset` bytes into it. */
function part(word: number, { offset, size }: FieldPlace): number {
  const value = word >>> (offset * 8);
  return size === 4 ? value : value & (2 ** (size * 8) - 1);
}
