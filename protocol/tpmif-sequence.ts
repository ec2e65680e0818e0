/**
 * Quiesce's extension of the v2 page: commands are numbered, so that after a resume both ends can find out whether
 * the last one was executed. Not part of Xen.
 *
 * An end offers it by writing `feature-sequence` = `1` into its directory. Only when both have done so do the last 8
 * bytes of the ring page become a trailer, and the packet may be 8 bytes shorter than before:
 *
 *     byte 8 + 4n                           4088               4092               4096
 *     +------------------------------ . . -+------------------+------------------+
 *     | packet                             | request_sequence | response_sequence|
 *     +------------------------------ . . -+------------------+------------------+
 *                                            frontend writes    backend writes
 *
 * The frontend stores the number of its request before SUBMIT; the backend stores the number of the request it
 * answers before FINISH. At each connect the backend writes into `sequence-executed` the number of the last command
 * the vTPM has executed; that number is kept and moved with the state of the vTPM, not with the ring.
 *
 * Numbers are only ever compared for equality, and only a number with its successor is in doubt at any time. So
 * nothing has to be skipped when they wrap: 0 stands for "none yet" at the start and is an ordinary number later.
 */
import { layout, u32 } from './layout.js';
import { PAGE_SIZE } from './memory.js';
import { checkLength, payloadCapacity } from './tpmif-v2.js';

/** The last 8 bytes of the ring page; place it at page address + `SEQUENCE_TRAILER_OFFSET`. */
export const SequenceTrailer = layout('sequence_trailer', { request_sequence: u32, response_sequence: u32 });

/** Byte of the page at which the trailer starts: 4088. */
export const SEQUENCE_TRAILER_OFFSET: number = PAGE_SIZE - SequenceTrailer.size;

/** Nodes of the extension. */
export const SequenceNode = {
  /** Both directories: `1` offers the extension. */
  Feature: 'feature-sequence',
  /** Backend directory: number of the last command executed, decimal, written at each connect. */
  Executed: 'sequence-executed',
  /** Either directory: why the end that wrote it refuses to go on, in words. */
  Error: 'sequence-error',
} as const;

/** The number before the first command. */
export const SEQUENCE_NONE = 0;

/** The number after `sequence` where numbers have `bits` bits (1 to 32). */
export function nextSequence(sequence: number, bits = 32): number {
  return (sequence + 1) % 2 ** bits;
}

/** Largest packet in bytes on a page with the trailer. */
export function sequencedCapacity(extraPages = 0): number {
  return payloadCapacity(extraPages, SequenceTrailer.size);
}

/** `checkLength` for a page with the trailer. */
export function checkSequencedLength(length: number, extraPages = 0): boolean {
  return checkLength(length, extraPages, SequenceTrailer.size);
}

/** Reads `sequence-executed`. Null when the node is missing or is not a number of `bits` bits. */
export function parseSequence(text: string | null | undefined, bits = 32): number | null {
  if (text === null || text === undefined || !/^\d{1,10}$/.test(text)) return null;
  const sequence = Number(text);
  return sequence < 2 ** bits ? sequence : null;
}
