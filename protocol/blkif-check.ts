/**
 * What a block backend checks before it does what a request says. The entry lies in memory that the frontend may write
 * at any time, so it is copied once and only the copy is looked at, by the check and by whoever comes after
 * (XSA-155: a value that is checked in one read and used in another is not checked).
 *
 * Not checked here: whether the grants can be mapped, and how a discard lies to `discard-granularity`.
 */
import { assert } from './assert.js';
import {
  BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST,
  BLKIF_MAX_SEGMENTS_PER_REQUEST,
  BLKIF_SECTOR_SIZE,
  BLKIF_SECTORS_PER_PAGE,
  BLKIF_SEGMENTS_PER_PAGE,
  type BlkifAbi,
  BlkifOperation,
  BlkifSegment,
  BlkifStatus,
} from './blkif.js';
import type { Memory } from './memory.js';

/** What the backend serves. */
export interface BlkifDisk {
  /** Size in sectors of 512 bytes, up to 2^53. */
  readonly sectors: number;
  readonly writable: boolean;
  /** The node `sector-size`: a power of two of bytes, at least 512, which is the default. */
  readonly sectorSize?: number;
  /** What the nodes feature-barrier, feature-flush-cache and feature-discard offer; absent: not offered. */
  readonly barrier?: boolean;
  readonly flush?: boolean;
  readonly discard?: boolean;
  /** The node feature-max-indirect-segments; absent: not offered. */
  readonly maxIndirectSegments?: number;
}

export type RequestFaultCode =
  | 'operation'
  | 'indirect-operation'
  | 'read-only'
  | 'segments'
  | 'segment'
  | 'range'
  | 'alignment';

/** Why a request is refused. `status` is what to answer; `expected` and `found` are texts for a log. */
export interface RequestFault {
  readonly code: RequestFaultCode;
  readonly status: BlkifStatus;
  readonly expected: string;
  readonly found: string;
}

/** Segments of an indirect request that any backend may accept: 4096. */
export const BLKIF_MAX_INDIRECT_SEGMENTS: number = BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST * BLKIF_SEGMENTS_PER_PAGE;

/**
 * Copies the entry at `from` to the private address `to`, loading each word once, and says what is wrong with it, or
 * null. Of an indirect request it checks everything but the segments, which are still in the frontend's pages: copy
 * those pages, then ask `checkSegments`.
 */
export function checkRequest(
  memory: Memory,
  abi: BlkifAbi,
  { from, to }: { readonly from: number; readonly to: number },
  disk: BlkifDisk,
): RequestFault | null {
  assert(disk.sectors >= 0 && disk.sectors <= 2 ** 53, `blkif: a disk of ${disk.sectors} sectors is out of range`);
  memory.copy(from, to, abi.entrySize);
  const operation = memory.read8(to);
  if (!isOffered(operation, disk)) {
    return fault('operation', BlkifStatus.NotSupported, offered(disk), `operation ${operation}`);
  }
  switch (operation) {
    case BlkifOperation.Discard:
      return checkDiscard(memory, abi, to, disk);
    case BlkifOperation.Indirect:
      return checkIndirect(memory, abi, to, disk);
    default:
      return checkDirect(memory, abi, to, disk);
  }
}

/** Segments to transfer, in private memory, and where on the disk. */
export interface BlkifTransfer {
  /** Address of the first `BlkifSegment`. */
  readonly segments: number;
  readonly count: number;
  /** `sector_number` of the request. */
  readonly sector: number;
}

/** What is wrong with the segments of a transfer, or null. */
export function checkSegments(
  memory: Memory,
  { segments, count, sector }: BlkifTransfer,
  disk: BlkifDisk,
): RequestFault | null {
  const unit = (disk.sectorSize ?? BLKIF_SECTOR_SIZE) / BLKIF_SECTOR_SIZE;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const address = segments + i * BlkifSegment.size;
    const first = memory.read8(address + BlkifSegment.offset.first_sect);
    const last = memory.read8(address + BlkifSegment.offset.last_sect);
    if (last < first || last >= BLKIF_SECTORS_PER_PAGE) {
      const expected = `first <= last < ${BLKIF_SECTORS_PER_PAGE}`;
      return fault('segment', BlkifStatus.Error, expected, `segment ${i} from ${first} to ${last}`);
    }
    if (first % unit !== 0 || (last + 1) % unit !== 0) {
      const found = `segment ${i} from ${first} to ${last}`;
      return fault('alignment', BlkifStatus.Error, `whole blocks of ${unit} sectors`, found);
    }
    total += last - first + 1;
  }
  if (sector % unit !== 0) {
    return fault('alignment', BlkifStatus.Error, `a multiple of ${unit} sectors`, `sector ${sector}`);
  }
  return checkRange(sector, total, disk);
}

function checkDirect(memory: Memory, abi: BlkifAbi, own: number, disk: BlkifDisk): RequestFault | null {
  const { offset } = abi.request;
  const operation = memory.read8(own);
  const count = memory.read8(own + offset.nr_segments);
  // A barrier or flush may carry data; without any, its sector means nothing.
  const least = operation === BlkifOperation.WriteBarrier || operation === BlkifOperation.FlushDiskcache ? 0 : 1;
  if (count < least || count > BLKIF_MAX_SEGMENTS_PER_REQUEST) {
    return segmentsFault(count, [least, BLKIF_MAX_SEGMENTS_PER_REQUEST]);
  }
  if (operation !== BlkifOperation.Read && !disk.writable) return readOnly(operation);
  if (count === 0) return null;
  const sector = readWide(memory, own + offset.sector_number);
  return checkSegments(memory, { segments: own + offset.seg, count, sector }, disk);
}

function checkIndirect(memory: Memory, abi: BlkifAbi, own: number, disk: BlkifDisk): RequestFault | null {
  const { offset } = abi.indirect;
  const operation = memory.read8(own + offset.indirect_op);
  if (operation !== BlkifOperation.Read && operation !== BlkifOperation.Write) {
    return fault('indirect-operation', BlkifStatus.Error, 'read or write (0 or 1)', `indirect_op ${operation}`);
  }
  const count = memory.read16(own + offset.nr_segments);
  const most = Math.min(disk.maxIndirectSegments ?? 0, BLKIF_MAX_INDIRECT_SEGMENTS);
  if (count < 1 || count > most) return segmentsFault(count, [1, most]);
  if (operation === BlkifOperation.Write && !disk.writable) return readOnly(operation);
  return null;
}

function checkDiscard(memory: Memory, abi: BlkifAbi, own: number, disk: BlkifDisk): RequestFault | null {
  const { offset } = abi.discard;
  if (!disk.writable) return readOnly(BlkifOperation.Discard);
  const sector = readWide(memory, own + offset.sector_number);
  return checkRange(sector, readWide(memory, own + offset.nr_sectors), disk);
}

/** Compared by subtraction from what is known, so that no value of the frontend's can wrap or round to a small one. */
function checkRange(sector: number, count: number, { sectors }: BlkifDisk): RequestFault | null {
  if (count <= sectors && sector <= sectors - count) return null;
  return fault('range', BlkifStatus.Error, `sectors below ${sectors}`, `${count} from ${sector} on`);
}

/** A 64-bit number: exact below 2^53, at least 2^53 otherwise. */
function readWide(memory: Memory, address: number): number {
  return memory.read32(address) + memory.read32(address + 4) * 0x100000000;
}

function isOffered(operation: number, disk: BlkifDisk): boolean {
  switch (operation) {
    case BlkifOperation.Read:
    case BlkifOperation.Write:
      return true;
    case BlkifOperation.WriteBarrier:
      return disk.barrier === true;
    case BlkifOperation.FlushDiskcache:
      return disk.flush === true;
    case BlkifOperation.Discard:
      return disk.discard === true;
    case BlkifOperation.Indirect:
      return disk.maxIndirectSegments !== undefined;
    default:
      return false;
  }
}

function offered(disk: BlkifDisk): string {
  const numbers = Object.values(BlkifOperation).filter((operation) => isOffered(operation, disk));
  return `an operation that is offered (${numbers.join(', ')})`;
}

function segmentsFault(count: number, [least, most]: readonly [number, number]): RequestFault {
  return fault('segments', BlkifStatus.Error, `${least} to ${most} segments`, `${count}`);
}

function readOnly(operation: number): RequestFault {
  return fault('read-only', BlkifStatus.Error, 'reads only', `operation ${operation}`);
}

function fault(code: RequestFaultCode, status: BlkifStatus, expected: string, found: string): RequestFault {
  return { code, status, expected, found };
}
