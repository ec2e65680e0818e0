/** The pages of a blkback process: its state, and the requests it has taken, each with a private copy of the entry. */
import { BLKIF_ENTRY_SIZE_MAX } from '../../protocol/blkif.js';
import { bool, bytes, layout, u8, u16, u32 } from '../../protocol/layout.js';
import { BackRingPrivate } from '../../protocol/ring-back.js';
import { OpeningState } from '../device-opening/state.js';

export const BlkbackState = layout('blkback', {
  /** The device directory has been found. */
  known: bool,
  xenbus_state: u8,
  /** The ABI of the frontend's ring, by its place in `BLKIF_ABIS`. */
  abi: u8,
  /** Whether the ring has been given up because of nonsense on it. */
  broken: bool,
  /** The frontend has closed, or is gone: what is under way is finished and nothing more is taken. */
  closing: bool,
  /** With `closing`: the device is to be forgotten, and its state node to be written last. */
  removing: bool,
  connected: bool,
  /** Handle of the mapped ring page, and the event channel. */
  handle: u32,
  port: u32,
  serve: u32,
  connect: u32,
  ring: bytes(BackRingPrivate.size),
  opening: bytes(OpeningState.size),
});

/** A request that was taken off the ring. */
export const TakenRequest = layout('taken request', {
  used: bool,
  /** `BlkifStatus`, 16 bits. */
  status: u16,
  /** The producer of responses before this one was published. */
  published_from: u32,
  io: u32,
  /** In the ABI of the ring. */
  entry: bytes(BLKIF_ENTRY_SIZE_MAX, 8),
});

export const TAKEN_OFFSET = 256;
export const TAKEN_MAX = 2;

/** As Linux's blkback has it. */
export const MAX_INDIRECT_SEGMENTS = 256;

/** The state, and a page with the segments of indirect requests. */
export const BLKBACK_PAGES = 2;
