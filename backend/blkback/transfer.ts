/**
 * Copies between a device and the pages of a guest, segment by segment: each page is mapped, copied from or to, and
 * unmapped. The segments are a private copy that was checked (`checkSegments`).
 */
import { BLKIF_SECTOR_SIZE, BLKIF_SEGMENTS_PER_PAGE, BlkifSegment } from '../../protocol/blkif.js';
import type { BlkifTransfer } from '../../protocol/blkif-check.js';
import type { BlkbackServices } from './blkback.js';

/** False when the guest has not granted one of the pages. What was copied before that stays. */
export function transfer(
  services: BlkbackServices,
  direction: 'read' | 'write',
  { segments, count, sector }: BlkifTransfer,
): boolean {
  const { memory, host, device, probe, slot } = services;
  let next = sector;
  for (let index = 0; index < count; index++) {
    const segment = segments + index * BlkifSegment.size;
    const first = memory.read8(segment + BlkifSegment.offset.first_sect);
    const last = memory.read8(segment + BlkifSegment.offset.last_sect);
    const handle = mapPage(services, memory.read32(segment));
    if (handle <= 0) return false;
    const address = host.grants.address(handle) + first * BLKIF_SECTOR_SIZE;
    const length = (last - first + 1) * BLKIF_SECTOR_SIZE;
    if (direction === 'read') device.read(next, address, length);
    else {
      device.write(next, address, length);
      probe.written(slot, next);
    }
    host.grants.unmap(handle);
    next += last - first + 1;
  }
  return true;
}

/**
 * Copies `count` segments, out of the guest's pages that the grants at `grefs` lead to, to `to`: each word once. False
 * when one of the pages is not granted.
 */
export function fetchSegments(
  services: BlkbackServices,
  { grefs, count, to }: { readonly grefs: number; readonly count: number; readonly to: number },
): boolean {
  const { memory, host } = services;
  for (let done = 0; done < count; done += BLKIF_SEGMENTS_PER_PAGE) {
    const gref = memory.read32(grefs + (done / BLKIF_SEGMENTS_PER_PAGE) * 4);
    const handle = mapPage(services, gref);
    if (handle <= 0) return false;
    const some = Math.min(count - done, BLKIF_SEGMENTS_PER_PAGE);
    memory.copy(host.grants.address(handle), to + done * BlkifSegment.size, some * BlkifSegment.size);
    host.grants.unmap(handle);
  }
  return true;
}

function mapPage({ host, domain, agent, frontendDomid }: BlkbackServices, gref: number): number {
  return host.grants.map(domain.domid, agent, frontendDomid(), gref);
}
