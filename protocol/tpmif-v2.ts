/**
 * The vTPM page of 2013 to now (xen/include/public/io/tpmif.h): one packet at a time and a state byte.
 *
 *     byte 0        4      5         6    7               8          8 + 4n                 4096
 *     +------------+------+---------+----+---------------+----------+----------------- . . -+
 *     | length     | state| locality| pad| nr_extra_pages| n grants | packet                |
 *     +------------+------+---------+----+---------------+----------+----------------- . . -+
 *
 * Discrepancy: the comment of the header draws the grants at byte 16 and the packet at 16 + 4n, but its struct has 8
 * bytes, Linux and mini-os both compute sizeof(struct) + 4n, and the change that brought it in speaks of 4088 usable
 * bytes. The struct is what runs, so the packet starts at **8 + 4n** here.
 *
 * Extra pages are defined but neither implementation uses them: a packet ends with the page.
 */
import { layout, u8, u32 } from './layout.js';
import { PAGE_SIZE } from './memory.js';

/** `tpmif_shared_page`: 8 bytes. `length` in bytes; `nr_extra_pages` is n above. */
export const TpmifSharedPage = layout('tpmif_shared_page', {
  length: u32,
  state: u8,
  locality: u8,
  pad: u8,
  nr_extra_pages: u8,
});

/** `enum tpmif_state`. Any other value of the byte is neither idle nor finished. */
export const TpmifState = {
  /** Empty, or a cancel is complete. */
  Idle: 0,
  /** A request is present and the vTPM works on it. */
  Submit: 1,
  /** A response is present and the vTPM is idle. */
  Finish: 2,
  /** The frontend asks for an end; the vTPM may still work. */
  Cancel: 3,
} as const;
export type TpmifState = (typeof TpmifState)[keyof typeof TpmifState];

export const TPMIF_STATE_NAMES: readonly string[] = ['IDLE', 'SUBMIT', 'FINISH', 'CANCEL'];

/** Name of a state byte as the header spells it, or `state <n>` for a value that has none. */
export function tpmifStateName(state: number): string {
  return TPMIF_STATE_NAMES[state] ?? `state ${state}`;
}

export type TpmifEnd = 'frontend' | 'backend';

export interface TpmifTransition {
  readonly from: TpmifState;
  readonly to: TpmifState;
  readonly by: TpmifEnd;
}

/**
 * Every legal change of the state byte. Both ends use plain stores, no compare-and-swap: a CANCEL that is legal when
 * decided may land on a FINISH written in between.
 */
export const TPMIF_TRANSITIONS: readonly TpmifTransition[] = [
  { from: TpmifState.Idle, to: TpmifState.Submit, by: 'frontend' },
  { from: TpmifState.Finish, to: TpmifState.Submit, by: 'frontend' },
  { from: TpmifState.Idle, to: TpmifState.Cancel, by: 'frontend' },
  { from: TpmifState.Submit, to: TpmifState.Cancel, by: 'frontend' },
  { from: TpmifState.Finish, to: TpmifState.Cancel, by: 'frontend' },
  { from: TpmifState.Cancel, to: TpmifState.Cancel, by: 'frontend' },
  { from: TpmifState.Submit, to: TpmifState.Finish, by: 'backend' },
  { from: TpmifState.Submit, to: TpmifState.Idle, by: 'backend' },
  { from: TpmifState.Cancel, to: TpmifState.Finish, by: 'backend' },
  { from: TpmifState.Cancel, to: TpmifState.Idle, by: 'backend' },
];

/** Whether `by` may change the state byte from `from` to `to`. Takes any bytes; a hostile peer writes what it likes. */
export function isLegalTransition(from: number, to: number, by: TpmifEnd): boolean {
  return TPMIF_TRANSITIONS.some((legal) => legal.from === from && legal.to === to && legal.by === by);
}

/** Whether `by` may ever store `state`: the frontend SUBMIT and CANCEL, the backend IDLE and FINISH. */
export function mayStoreState(by: TpmifEnd, state: number): boolean {
  return TPMIF_TRANSITIONS.some((legal) => legal.to === state && legal.by === by);
}

/** Byte of the page at which the packet starts. `extraPages` comes from a private copy, never twice from the page. */
export function payloadOffset(extraPages = 0): number {
  return TpmifSharedPage.size + 4 * extraPages;
}

/** Largest packet in bytes; `reserved` bytes at the end of the page are not part of it. */
export function payloadCapacity(extraPages = 0, reserved = 0): number {
  return PAGE_SIZE - reserved - payloadOffset(extraPages);
}

/**
 * Whether a packet of `length` bytes lies inside the page. The length is compared with the space that is left, not
 * added to an offset: no value of a u32, 0xFFFFFFFF included, can wrap to something small.
 */
export function checkLength(length: number, extraPages = 0, reserved = 0): boolean {
  return length >= 0 && length <= payloadCapacity(extraPages, reserved);
}
