/**
 * How the pages of a guest are used. All of them are in its saved image.
 */
import { FIRST_GUEST_PFN } from '../hypervisor/domain.js';
import { bool, layout, u8, u32 } from '../protocol/layout.js';

/** The kernel's and the user's state. */
export const KERNEL_PFN: number = FIRST_GUEST_PFN;
/** The state of tpmfront. */
export const DRIVER_PFN: number = FIRST_GUEST_PFN + 1;
/** Two pages for rings and packets: a driver may need a second while the first is still mapped elsewhere. */
export const RING_PFN: number = FIRST_GUEST_PFN + 2;
export const RING_PAGES = 2;
export const GUEST_PAGES: number = RING_PFN + RING_PAGES;

/** The part of the kernel that suspends and resumes (Linux's drivers/xen/manage.c). */
export const KernelState = layout('guest kernel', {
  /** User tasks are frozen. */
  frozen: bool,
  /** The store's request lock is held: no request and no watch event until it is released. */
  store_suspended: bool,
  /** A watch on the other end of the vTPM is registered, on the path of the two domain numbers that follow. */
  otherend_watched: bool,
  otherend_frontend: u32,
  otherend_backend: u32,
  manage: u32,
  freeze_timer: u32,
});

export const RequestState = { Idle: 0, Waiting: 1, Answered: 2, Failed: 3 } as const;

/** The user of the TPM: one command after the other. */
export const UserState = layout('guest user', {
  request: u8,
  errno: u8,
  /** Number of the next command of the session. */
  position: u32,
  issue: u32,
});

/**
 * What the onlookers remember of this guest. It lies in the guest's memory so that it is saved, restored and cloned
 * with it; no driver reads it.
 */
export const GuestHistory = layout('guest history', {
  /** Commands taken from users, and those whose response reached them. */
  issued: u32,
  answered: u32,
  /** Ordinal of the last response that a backend made visible in this guest's memory. */
  published: u32,
  /** Whether that is the request the device executed last, and the digest of the response when the device gave it. */
  published_executed: bool,
  published_digest: u32,
  /** Digest over every state-changing command issued, and the same without the last command issued. */
  chain_low: u32,
  chain_high: u32,
  before_low: u32,
  before_high: u32,
});

export const USER_OFFSET = 256;
export const HISTORY_OFFSET = 512;
