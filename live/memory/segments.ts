/**
 * The memory of one host: which frames there are, and to whom they belong. Every process of the host has the same
 * addresses, and in its address space only the frames that it may touch.
 *
 *     hypervisor   (nothing: address 0 is no address) | tables, which everybody may read | journal
 *     dom0         shared info | (grant table)
 *     backend      tpmback | TPM: record, command, response | kept: answers, states, commands
 *     guest        shared info | grant table | kernel, user | driver | ring page | ring page
 *                  | request | command | response | journal | the rest of the guest's memory
 *
 * Each segment is a file of its own (`memfd_create`), so that a process gets no descriptor of what it may never map: the
 * guest none of the backend's, and nobody but the hypervisor one by which its tables can be changed.
 */
import { GUEST_PAGES } from '../../frontend/guest-memory.js';

export type SegmentName = 'hypervisor' | 'dom0' | 'backend' | 'guest';
export const SEGMENT_NAMES: readonly SegmentName[] = ['hypervisor', 'dom0', 'backend', 'guest'];

export interface Segment {
  readonly firstFrame: number;
  readonly pages: number;
}

/** The journal of a process takes pages of its own segment. */
export const JOURNAL_PAGES = 2;

export const TABLES_FRAME = 1;
export const HYPERVISOR_JOURNAL_FRAME = 2;
const HYPERVISOR_PAGES = HYPERVISOR_JOURNAL_FRAME + JOURNAL_PAGES;

/** Shared info and grant table of the driver domain, to whose process the guest's sends its events. */
export const DOM0_PAGES = 2;

/** Page numbers inside the backend's segment. */
export const BACKEND_PROCESS_PAGE = 0;
export const DEVICE_PAGE = 1;
/** Record, command, response. */
export const DEVICE_PAGES = 3;
/** What is kept of the last command, and of the TPM's state: twice each, so that one is whole at every moment. */
export const KEPT_ANSWER_PAGES = 2;
export const KEPT_STATE_PAGES = 62;
export const KEPT_ANSWER_PAGE: number = DEVICE_PAGE + DEVICE_PAGES;
export const KEPT_STATE_PAGE: number = KEPT_ANSWER_PAGE + 2 * KEPT_ANSWER_PAGES;
/** The commands since that state. */
export const KEPT_COMMANDS_PAGE: number = KEPT_STATE_PAGE + 2 * KEPT_STATE_PAGES;
export const KEPT_COMMANDS_PAGES = 8;
const BACKEND_PAGES = KEPT_COMMANDS_PAGE + KEPT_COMMANDS_PAGES;

/** Page numbers inside the guest's segment, after those of `frontend/guest-memory.ts`. */
export const REQUEST_PFN: number = GUEST_PAGES;
export const COMMAND_PFN: number = GUEST_PAGES + 1;
export const RESPONSE_PFN: number = GUEST_PAGES + 2;
export const JOURNAL_PFN: number = GUEST_PAGES + 3;
export const GUEST_PAGES_LIVE: number = JOURNAL_PFN + JOURNAL_PAGES;

/** A guest may have 256 MiB more than it needs. */
export const FILLER_PAGES_MAX = 65_536;

export type MachinePlan = { readonly [N in SegmentName]: Segment } & { readonly frames: number };

/** Where everything lies on a host whose guest has `fillerPages` more pages than its kernel and drivers need. */
export function machinePlan(fillerPages: number): MachinePlan {
  const dom0 = { firstFrame: HYPERVISOR_PAGES, pages: DOM0_PAGES };
  const backend = { firstFrame: dom0.firstFrame + dom0.pages, pages: BACKEND_PAGES };
  const guest = { firstFrame: backend.firstFrame + backend.pages, pages: GUEST_PAGES_LIVE + fillerPages };
  return {
    hypervisor: { firstFrame: 0, pages: HYPERVISOR_PAGES },
    dom0,
    backend,
    guest,
    frames: guest.firstFrame + guest.pages,
  };
}
