/**
 * How the pages of a guest with a virtual disk are used. All of them are in its saved image.
 */
import { FIRST_GUEST_PFN } from '../../hypervisor/domain.js';
import { bool, bytes, layout, u8, u32 } from '../../protocol/layout.js';
import { FrontRingPrivate } from '../../protocol/ring-front.js';

/** The kernel's and the user's state. */
export const KERNEL_PFN: number = FIRST_GUEST_PFN;
/** The state of blkfront. */
export const DRIVER_PFN: number = FIRST_GUEST_PFN + 1;
/** Two pages for rings: the old one may still be mapped when the new one is offered. */
export const RING_PFN: number = FIRST_GUEST_PFN + 2;
export const RING_PAGES = 2;
/** One page of data for each request that can be open at once. */
export const DATA_PFN: number = RING_PFN + RING_PAGES;
export const REQUESTS_MAX = 4;
export const BLOCK_GUEST_PAGES: number = DATA_PFN + REQUESTS_MAX;

export const BlockKernelState = layout('guest kernel', {
  frozen: bool,
  store_suspended: bool,
  /** A watch on the other end of the disk is registered, on the path of the two domain numbers that follow. */
  otherend_watched: bool,
  otherend_frontend: u32,
  otherend_backend: u32,
  manage: u32,
});

/** More operations than a session has. */
export const OPERATIONS_MAX = 16;

/** The user of the disk: what it has asked for and what it has been told. */
export const BlockUserState = layout('guest user', {
  /** Number of the next operation of the session. */
  position: u32,
  /** Bit sets of the operations that were answered, and of those that failed. */
  answered: u32,
  failed: u32,
  issue: u32,
  /** For each operation, what was answered when it was issued: a flush covers that much. */
  before: bytes(4 * OPERATIONS_MAX),
});

export const USER_OFFSET = 256;

export const BlkfrontState = layout('blkfront', {
  connection: u8,
  /** The state this end wrote last; the bus does not write it twice. */
  xenbus_state: u8,
  /** The backend has put nonsense on the ring: it is not used any more. */
  broken: bool,
  backend_domid: u32,
  ring_pfn: u32,
  ring_ref: u32,
  port: u32,
  /** Number of the next free private copy plus 1, 0 for none. */
  free: u32,
  /** How many requests were taken from users. */
  taken: u32,
  /** The request that is being put on the ring, plus 1. */
  current: u32,
  /** The producer of requests before they were published. */
  published_from: u32,
  connect: u32,
  send: u32,
  receive: u32,
  recover: u32,
  ring: bytes(FrontRingPrivate.size),
  /** The response that is being looked at. */
  response: bytes(16),
});

export const RequestState = { Free: 0, Waiting: 1, InFlight: 2, Requeued: 3 } as const;

/** A request that a user has open, with a page of data. */
export const OpenRequest = layout('request', {
  state: u8,
  operation: u8,
  /** Number of the user's operation. */
  number: u8,
  block: u8,
  /** Its place among all that were taken. */
  order: u32,
  /** The private copy it lay in when the ring was given up. */
  copy: u32,
});

/** Private copy of a request on the ring; its number is the request's id there. Linux's `struct blk_shadow`. */
export const PrivateCopy = layout('private copy', {
  /** The open request, plus 1; 0 while the copy is free. */
  request: u32,
  /** Grant of its page of data, 0 for none. */
  ref: u32,
  /** While free: the next free copy, plus 1. */
  next: u32,
});

export const OPEN_OFFSET = 512;
export const COPIES_OFFSET = 1024;
