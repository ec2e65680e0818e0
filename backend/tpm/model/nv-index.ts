/** NV indices: eight fixed slots; their attributes, public areas and names. */
import type { View } from '../../../protocol/layout.js';
import { readBytes, writeBytes } from '../../../protocol/memory.js';
import { HASHES, type HashAlgorithm, hashById } from './hash.js';
import type { Machine } from './machine.js';
import { NV_INDEX_COUNT, type NvFields } from './shape.js';
import { Writer } from './wire.js';

/** Bits of the attributes of an NV index (TPM 2.0 Library, part 2, "TPMA_NV"). */
export const TPMA_NV = {
  PPWRITE: 0x00000001,
  OWNERWRITE: 0x00000002,
  AUTHWRITE: 0x00000004,
  POLICYWRITE: 0x00000008,
  POLICY_DELETE: 0x00000400,
  WRITELOCKED: 0x00000800,
  WRITEALL: 0x00001000,
  WRITEDEFINE: 0x00002000,
  WRITE_STCLEAR: 0x00004000,
  PPREAD: 0x00010000,
  OWNERREAD: 0x00020000,
  AUTHREAD: 0x00040000,
  POLICYREAD: 0x00080000,
  NO_DA: 0x02000000,
  CLEAR_STCLEAR: 0x08000000,
  READLOCKED: 0x10000000,
  WRITTEN: 0x20000000,
  PLATFORMCREATE: 0x40000000,
  READ_STCLEAR: 0x80000000,
  RESERVED: 0x01f00300,
} as const;

/** Types of NV indices (part 2, "TPM_NT"), in bits 4 to 7 of the attributes. */
export const TPM_NT = { ORDINARY: 0, COUNTER: 1, BITS: 2, EXTEND: 4 } as const;

export type NvSlot = View<NvFields>;

export function hasAttribute(index: NvSlot, bits: number): boolean {
  return (index.attributes & bits) !== 0;
}

export function indexType(attributes: number): number {
  return (attributes >>> 4) & 0xf;
}

/** The slot of a defined index, or null. */
export function findIndex(machine: Machine, handle: number): NvSlot | null {
  for (let i = 0; i < NV_INDEX_COUNT; i++) {
    const index = slotAt(machine, i);
    if (handle !== 0 && index.index === handle) return index;
  }
  return null;
}

/** A slot without an index, or null. */
export function freeIndex(machine: Machine): NvSlot | null {
  for (let i = 0; i < NV_INDEX_COUNT; i++) {
    const index = slotAt(machine, i);
    if (index.index === 0) return index;
  }
  return null;
}

/** Every defined index, in the order of slots. */
export function definedIndices(machine: Machine): NvSlot[] {
  const indices: NvSlot[] = [];
  for (let i = 0; i < NV_INDEX_COUNT; i++) {
    const index = slotAt(machine, i);
    if (index.index !== 0) indices.push(index);
  }
  return indices;
}

export function indexHash(index: NvSlot): HashAlgorithm {
  // A slot holds only identifiers that were accepted when the index was defined.
  return hashById(index.nameHash) ?? HASHES.sha256;
}

/** TPMS_NV_PUBLIC. */
export function publicArea(machine: Machine, index: NvSlot): Uint8Array {
  return new Writer()
    .u32(index.index)
    .u16(index.nameHash)
    .u32(index.attributes)
    .sized(readBytes(machine.memory, index.policy, index.policySize))
    .u16(index.dataSize).done;
}

/** Name of an index: its hash algorithm and the digest of its public area (part 1, "Names"). */
export function indexName(machine: Machine, index: NvSlot): Uint8Array {
  return new Writer().u16(index.nameHash).bytes(indexHash(index).digest(publicArea(machine, index))).done;
}

export function loadData(machine: Machine, index: NvSlot): Uint8Array {
  return readBytes(machine.memory, index.data, index.dataSize);
}

/** Stores `data` from `offset` on, and marks the index as written. */
export function storeData(machine: Machine, index: NvSlot, offset: number, data: Uint8Array): void {
  writeBytes(machine.memory, index.data + offset, data);
  index.attributes = index.attributes | TPMA_NV.WRITTEN;
}

/** The value of a counter. Exact up to 2^53, which no counter reaches: each starts from 0 and goes up by 1. */
export function counterValue(machine: Machine, index: NvSlot): number {
  return loadData(machine, index).reduce((value, byte) => value * 0x100 + byte, 0);
}

function slotAt(machine: Machine, number: number): NvSlot {
  const { nvSlot } = machine.shape;
  return nvSlot.view(machine.memory).at(machine.state.nv + number * nvSlot.size);
}
