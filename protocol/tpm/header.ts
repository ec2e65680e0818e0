/**
 * The ten bytes in front of every TPM 2.0 command and response: tag (16 bits), size of the whole (32), and the command
 * code or response code (32), all big-endian (TPM 2.0 Library, part 1, "Command/Response Structure").
 *
 * `Memory` is little-endian, so loads are swapped here. Nothing is validated: the bytes come from a peer, and whoever
 * reads a size compares it with what is there.
 */
import type { Memory } from '../memory.js';

/** Tag of a command or response without an authorisation area, and of every error response. */
export const TPM_ST_NO_SESSIONS = 0x8001;
/** Tag of a command or response with an authorisation area. */
export const TPM_ST_SESSIONS = 0x8002;

/** Bytes of a header. */
export const TPM_HEADER_SIZE = 10;
/** Bytes of every response whose code is not 0 (measured on swtpm 0.7.1: always the bare header, tag without sessions). */
export const TPM_ERROR_RESPONSE_SIZE = 10;
/** Largest command in bytes, header included: TPM_PT_MAX_COMMAND_SIZE of swtpm 0.7.1. */
export const TPM_COMMAND_SIZE_MAX = 4096;
/** Largest response in bytes, header included: TPM_PT_MAX_RESPONSE_SIZE of swtpm 0.7.1. */
export const TPM_RESPONSE_SIZE_MAX = 4096;

export interface TpmHeader {
  /** 16 bits. */
  readonly tag: number;
  /** Bytes of the whole command or response, header included; 32 bits unsigned. */
  readonly size: number;
  /** Command code or response code, 32 bits unsigned. */
  readonly code: number;
}

/** The tag of the command or response at an address aligned to 4. */
export function readTag(memory: Memory, address: number): number {
  return swap16(memory.read16(address));
}

/** The size field of the command or response at an address aligned to 4; unsigned. */
export function readSize(memory: Memory, address: number): number {
  return swap16(memory.read16(address + 2)) * 0x10000 + swap16(memory.read16(address + 4));
}

/** The command code or response code at an address aligned to 4; unsigned. */
export function readCode(memory: Memory, address: number): number {
  return swap16(memory.read16(address + 6)) * 0x10000 + swap16(memory.read16(address + 8));
}

/** Stores a header at an address aligned to 4. */
export function writeHeader(memory: Memory, address: number, header: TpmHeader): void {
  memory.write16(address, swap16(header.tag));
  memory.write16(address + 2, swap16(header.size >>> 16));
  memory.write16(address + 4, swap16(header.size & 0xffff));
  memory.write16(address + 6, swap16(header.code >>> 16));
  memory.write16(address + 8, swap16(header.code & 0xffff));
}

/** Stores a response that says only `responseCode`; returns its length, `TPM_ERROR_RESPONSE_SIZE`. No allocation. */
export function writeErrorResponse(memory: Memory, address: number, responseCode: number): number {
  memory.write32(address, 0x00000180);
  memory.write32(address + 4, 0x00000a00 | (swap16(responseCode >>> 16) << 16));
  memory.write32(address + 8, swap16(responseCode & 0xffff));
  return TPM_ERROR_RESPONSE_SIZE;
}

/** The header of the command `bytes`, which holds `TPM_HEADER_SIZE` bytes at least. */
export function readCommandHeader(bytes: Uint8Array): TpmHeader {
  return { tag: bigEndian16(bytes, 0), size: bigEndian32(bytes, 2), code: bigEndian32(bytes, 6) };
}

/** The header of the response `bytes`, which holds `TPM_HEADER_SIZE` bytes at least. */
export function readResponseHeader(bytes: Uint8Array): TpmHeader {
  return readCommandHeader(bytes);
}

/** A response that says only `responseCode`, as a new array. */
export function errorResponse(responseCode: number): Uint8Array {
  return headerBytes({ tag: TPM_ST_NO_SESSIONS, size: TPM_ERROR_RESPONSE_SIZE, code: responseCode });
}

/** A header as `TPM_HEADER_SIZE` bytes. */
export function headerBytes(header: TpmHeader): Uint8Array {
  const bytes = new Uint8Array(TPM_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, header.tag);
  view.setUint32(2, header.size);
  view.setUint32(6, header.code);
  return bytes;
}

/** 16 bits big-endian at `offset`. */
export function bigEndian16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] as number) * 0x100 + (bytes[offset + 1] as number);
}

/** 32 bits big-endian at `offset`, unsigned. */
export function bigEndian32(bytes: Uint8Array, offset: number): number {
  return bigEndian16(bytes, offset) * 0x10000 + bigEndian16(bytes, offset + 2);
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}
