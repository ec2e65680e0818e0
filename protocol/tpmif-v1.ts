/**
 * The vTPM ring of 2005 to 2013, as the driver of 2006 uses it (xen/include/public/io/tpmif.h of that time).
 *
 * The shared page is an array of entries from byte 0 on and nothing else: no producer or consumer index, no event
 * index, no state byte, no number that ties a response to its request. Both directions use the same entries and the
 * same data pages, so whoever is told "look" cannot know whether there is anything new.
 *
 *     byte 0        16            32                      (64-bit layout)
 *     +------------+------------+---- . . ----+
 *     | entry 0    | entry 1    |             |   one entry for each page of the packet
 *     +------------+------------+---- . . ----+
 *      addr -> data page, ref = its grant
 *      size:  request   bytes from here to the end of the packet (entry 0: the whole packet)
 *             response  bytes in this page alone
 */
import { layout, u16, u32, u64 } from './layout.js';
import { PAGE_SIZE } from './memory.js';

/** `tpmif_tx_request` where `unsigned long` has 64 bits: 16 bytes. */
export const TpmifTxRequest64 = layout('tpmif_tx_request', { addr: u64, ref: u32, unused: u16, size: u16 });

/**
 * `tpmif_tx_request` where `unsigned long` has 32 bits: 12 bytes. v1 has no node that tells the layouts apart, so a
 * 32-bit frontend and a 64-bit backend disagree on every offset.
 */
export const TpmifTxRequest32 = layout('tpmif_tx_request (32-bit)', { addr: u32, ref: u32, unused: u16, size: u16 });

/** `TPMIF_TX_RING_SIZE` in entries, by the year in which the header got that value. */
export const TpmifRingSize = {
  August2005: 16,
  September2005: 10,
  April2007: 1,
} as const;

/** Entries in the ring of November 2006. */
export const TPMIF_TX_RING_SIZE: number = TpmifRingSize.September2005;

/** Largest packet in bytes a ring of `entries` entries carries: a page for each. */
export function tpmifPacketSizeMax(entries: number): number {
  return entries * PAGE_SIZE;
}

/** What `size` keeps of a count of bytes: its low 16 bits. */
export const TPMIF_SIZE_MASK = 0xffff;
