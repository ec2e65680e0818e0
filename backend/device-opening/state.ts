/** What a backend keeps of the device that its nodes name: part of its memory, wherever it puts it. */
import { bool, bytes, layout, u8, u32 } from '../../protocol/layout.js';

export const OpeningState = layout('device opening', {
  major: u32,
  minor: u32,
  /** The diskseq that was read, 64 bits: low and high half. */
  diskseq_low: u32,
  diskseq_high: u32,
  /** The boot id that was read. */
  boot_id: bytes(16),
  claims_diskseq: bool,
  claims_boot: bool,
  /** What it has open, 0 for nothing. */
  descriptor: u8,
  writable: bool,
  /** The numbers are taken: another write does not change them. */
  taken: bool,
  /** It is the device that was named, as far as that is looked at: it may be exposed. */
  verified: bool,
  /** The last one was refused. */
  refused: bool,
});
