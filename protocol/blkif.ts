/**
 * The block ring (xen/include/public/io/blkif.h): what one entry looks like, byte for byte, in each of the two x86 ABIs.
 *
 *     x86_64-abi  op 0 | nr_segments 1 | handle 2 | pad 4 | id 8 | sector 16 | 11 segments from 24 on | 112
 *     x86_32-abi  op 0 | nr_segments 1 | handle 2 |         id 4 | sector 12 | 11 segments from 20 on | 108
 *
 * A 64-bit number is aligned to 8 bytes in the one and to 4 in the other, so everything after `handle` lies elsewhere.
 * The frontend says in its node `protocol` which one it uses; a 64-bit backend serves a 32-bit guest by reading the
 * ring in the guest's ABI. Both rings have 32 entries in a page, so nothing but the node tells them apart.
 *
 * Sectors have 512 bytes here whatever `sector-size` says. An entry lies in shared memory: read it through
 * `checkRequest` (`blkif-check.ts`), never in place.
 */
import { bytes, type FieldKind, type Layout, layout, u8, u16, u32, u64 } from './layout.js';
import type { Memory } from './memory.js';
import { PAGE_SIZE } from './memory.js';

/** `BLKIF_OP_*`. 4 is reserved. */
export const BlkifOperation = {
  Read: 0,
  Write: 1,
  /** All writes before it are done before it, all after it after it. */
  WriteBarrier: 2,
  /** Writes back the cache of the disk. */
  FlushDiskcache: 3,
  Discard: 5,
  /** A read or write whose segments lie in pages of their own. */
  Indirect: 6,
} as const;
export type BlkifOperation = (typeof BlkifOperation)[keyof typeof BlkifOperation];

/** `BLKIF_RSP_*`; 16 bits, signed. */
export const BlkifStatus = { Okay: 0, Error: -1, NotSupported: -2 } as const;
export type BlkifStatus = (typeof BlkifStatus)[keyof typeof BlkifStatus];

/** Bit of a discard's `flag`: no copy may be left (BLKIF_DISCARD_SECURE). */
export const BLKIF_DISCARD_SECURE = 1;

/** Bits of the backend's node `info` (VDISK_*). */
export const VirtualDisk = { Cdrom: 1, Removable: 2, ReadOnly: 4 } as const;

/** Segments in a request that is not indirect. */
export const BLKIF_MAX_SEGMENTS_PER_REQUEST = 11;
/** Pages of segments in an indirect request. */
export const BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST = 8;

/** Bytes of a sector in every field of the ring and in the node `sectors`. */
export const BLKIF_SECTOR_SIZE = 512;
/** Sectors in a page, hence in a segment. */
export const BLKIF_SECTORS_PER_PAGE: number = PAGE_SIZE / BLKIF_SECTOR_SIZE;

/** `blkif_request_segment`: 8 bytes in both ABIs. First and last sector of the page, both included. */
export const BlkifSegment = layout('blkif_request_segment', { gref: u32, first_sect: u8, last_sect: u8 });

/** Segments that fit one page of an indirect request: 512. */
export const BLKIF_SEGMENTS_PER_PAGE: number = PAGE_SIZE / BlkifSegment.size;

const segmentBytes = BLKIF_MAX_SEGMENTS_PER_REQUEST * BlkifSegment.size;
const grefBytes = BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST * u32.size;

/** How the ABIs differ: what a 64-bit number is aligned to, and how many bytes end an indirect request. */
interface AbiRules {
  readonly name: BlkifAbiName;
  readonly align: 4 | 8;
  readonly indirectTail: 4 | 8;
}

/** Values of the node `protocol` (XEN_IO_PROTO_ABI_*), as far as this side speaks them. */
export type BlkifAbiName = 'x86_64-abi' | 'x86_32-abi';

// A field of 64 bits that nobody counts with is kept as two words, so that every bit of it survives.
function fieldsOf({ align, indirectTail }: AbiRules) {
  const lowWord: FieldKind<number> = { ...u32, align };
  const wide: FieldKind<number> = { ...u64, align };
  const id = { id_low: lowWord, id_high: u32 };
  return {
    request: { operation: u8, nr_segments: u8, handle: u16, ...id, sector_number: wide, seg: bytes(segmentBytes) },
    discard: { operation: u8, flag: u8, handle: u16, ...id, sector_number: wide, nr_sectors: wide },
    indirect: {
      operation: u8,
      indirect_op: u8,
      nr_segments: u16,
      ...id,
      sector_number: wide,
      handle: u16,
      indirect_grefs: bytes(grefBytes),
      tail: bytes(indirectTail),
    },
    response: { ...id, operation: u8, status: u16 },
  };
}

type AbiFields = ReturnType<typeof fieldsOf>;

/**
 * The layouts of one ABI. `id` is the frontend's own 64-bit value, in two words; `sector_number` and `nr_sectors` are
 * numbers, exact up to 2^53 and never below it when they are not. `seg` and `indirect_grefs` give addresses.
 */
export interface BlkifAbi {
  readonly name: BlkifAbiName;
  /** `blkif_request`: read, write, barrier and flush. */
  readonly request: Layout<AbiFields['request']>;
  readonly discard: Layout<AbiFields['discard']>;
  readonly indirect: Layout<AbiFields['indirect']>;
  readonly response: Layout<AbiFields['response']>;
  /** Bytes of a ring entry: the largest of the above. For `ringShape`. */
  readonly entrySize: number;
}

function abiOf(rules: AbiRules): BlkifAbi {
  const { name } = rules;
  const fields = fieldsOf(rules);
  const layouts = {
    request: layout(`blkif_request (${name})`, fields.request),
    discard: layout(`blkif_request_discard (${name})`, fields.discard),
    indirect: layout(`blkif_request_indirect (${name})`, fields.indirect),
    response: layout(`blkif_response (${name})`, fields.response),
  };
  return { name, ...layouts, entrySize: Math.max(...Object.values(layouts).map(({ size }) => size)) };
}

export const BLKIF_X86_64: BlkifAbi = abiOf({ name: 'x86_64-abi', align: 8, indirectTail: 4 });
export const BLKIF_X86_32: BlkifAbi = abiOf({ name: 'x86_32-abi', align: 4, indirectTail: 8 });

export const BLKIF_ABIS: readonly BlkifAbi[] = [BLKIF_X86_64, BLKIF_X86_32];

/** Bytes of the largest ring entry of any ABI. */
export const BLKIF_ENTRY_SIZE_MAX: number = Math.max(...BLKIF_ABIS.map(({ entrySize }) => entrySize));

/**
 * The ABI of a frontend whose node `protocol` holds `protocol`, null for a missing node. `absent` is what a missing
 * node means: by the header the backend's own ABI, in Linux on x86 the 32-bit one, whatever the backend was built for.
 * Null for a value this side does not speak (`arm-abi` among them): the backend must not touch the ring.
 */
export function blkifAbiOf(protocol: string | null, absent: BlkifAbi): BlkifAbi | null {
  return protocol === null ? absent : (BLKIF_ABIS.find(({ name }) => name === protocol) ?? null);
}

/** The sixteen bits of a response's `status` as the signed number they are. */
export function blkifStatusOf(bits: number): number {
  return (bits << 16) >> 16;
}

/** Address of segment `index` of the direct request at `request`. */
export function segmentAddress(abi: BlkifAbi, request: number, index: number): number {
  return request + abi.request.offset.seg + index * BlkifSegment.size;
}

/** Pages that hold the segments of an indirect request. */
export function indirectPages(segments: number): number {
  return Math.ceil(segments / BLKIF_SEGMENTS_PER_PAGE);
}

/**
 * Writes the response to `request`, a private copy of a request of any kind, at the address `to` of the ring. Every
 * byte of the response is stored, padding as zero: nothing of the backend's memory gets out.
 */
export function writeBlkifResponse(
  memory: Memory,
  abi: BlkifAbi,
  { request, to, status }: { readonly request: number; readonly to: number; readonly status: BlkifStatus },
): void {
  const { offset, size } = abi.response;
  memory.clear(to, size);
  // Operation and id lie at the same place in every kind of request.
  memory.write32(to + offset.id_low, memory.read32(request + abi.request.offset.id_low));
  memory.write32(to + offset.id_high, memory.read32(request + abi.request.offset.id_high));
  memory.write8(to + offset.operation, memory.read8(request));
  memory.write16(to + offset.status, status);
}
