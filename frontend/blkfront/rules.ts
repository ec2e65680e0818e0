/**
 * What a blkfront does with the requests that were not answered, when the ring they lie in is given up.
 *
 * The ring is given up when the domain goes on in a new domain: Linux then takes every request out of its private copies
 * and hands it to the new backend. Requests that the old backend had executed are executed twice, which changes
 * nothing, as writing the same data to the same block twice does not. What this rests on: nothing newer has been
 * written to the block in between. Linux leaves that to the users of the device, which wait for a write of a block
 * before they write that block again, and which order by waiting and flushing, not by the order of requests.
 */

export interface BlkfrontRules {
  readonly name: string;
  /** In which order requests are sent again: by number of the private copy, as they were issued, or the newest first. */
  readonly order: 'copies' | 'issued' | 'newest-first';
  /** Flushes go before all writes. */
  readonly flushesFirst: boolean;
  /** New requests are taken as soon as the device is connected, while old ones still wait to be sent again. */
  readonly newFirst: boolean;
  /** What becomes of a read or write in flight: sent again, forgotten, or reported as done. */
  readonly requests: 'resent' | 'forgotten' | 'reported-done';
  readonly flushes: 'resent' | 'reported-done';
  /** What it does when a backend that had died comes back: goes on in the same ring, or closes and offers a new one. */
  readonly restart: 'same-ring' | 'new-ring';
}

/**
 * Linux today (drivers/block/xen-blkfront.c, from 4.4 on): writes are resubmitted in the order of the private copies,
 * flushes are requeued before them, and the queue is started before either.
 */
export const LINUX: BlkfrontRules = {
  name: 'linux',
  order: 'copies',
  flushesFirst: true,
  newFirst: true,
  requests: 'resent',
  flushes: 'resent',
  restart: 'same-ring',
};

/** Linux until about 2015: everything in the order of the private copies, and before anything new. */
export const LINUX_2006: BlkfrontRules = { ...LINUX, name: 'linux-2006', flushesFirst: false, newFirst: false };

/** As they were issued, and before anything new. */
export const ORDERED: BlkfrontRules = { ...LINUX_2006, name: 'ordered', order: 'issued' };

/** The same, and a backend that comes back is offered a new ring. */
export const RECONNECTS: BlkfrontRules = { ...ORDERED, name: 'reconnects', restart: 'new-ring' };

/** Designs that leave out something. */
export const REORDERS: BlkfrontRules = { ...ORDERED, name: 'reorders', order: 'newest-first' };
export const BEHIND_NEW: BlkfrontRules = { ...ORDERED, name: 'behind-new', newFirst: true };
export const FORGETS: BlkfrontRules = { ...RECONNECTS, name: 'forgets', requests: 'forgotten' };
export const REPORTS_DONE: BlkfrontRules = { ...RECONNECTS, name: 'reports-done', requests: 'reported-done' };
export const FLUSH_DONE: BlkfrontRules = { ...RECONNECTS, name: 'flush-done', flushes: 'reported-done' };

export const BLKFRONTS: readonly BlkfrontRules[] = [
  LINUX,
  LINUX_2006,
  ORDERED,
  RECONNECTS,
  REORDERS,
  BEHIND_NEW,
  FORGETS,
  REPORTS_DONE,
  FLUSH_DONE,
];
