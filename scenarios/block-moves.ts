/** What each design of a block pair must show when its guest is suspended, restored and migrated, and why. */
import { CLOSES_BUSY } from '../backend/blkback/rules.js';
import {
  BEHIND_NEW,
  FLUSH_DONE,
  FORGETS,
  LINUX,
  LINUX_2006,
  ORDERED,
  REORDERS,
  REPORTS_DONE,
} from '../frontend/blkfront/rules.js';
import { UNLINK } from '../simulator/block-data/filesystem.js';
import {
  ANSWERED_BY_NOBODY,
  type BlockRow,
  COPIES_ARE_A_STACK,
  FOUR,
  HARMLESS,
  NEVER_DONE,
  NO_ORDER_NEEDED,
  NOT_FLUSHED,
  OVERWRITE,
  restore,
  streams,
  THREE,
  TWO,
  WRITE_FLUSH,
  WRITE_READ,
} from './block-row.js';

export const RESTORE_ROWS: readonly BlockRow[] = [
  {
    name: 'restore/linux',
    options: { ...restore, frontend: LINUX, operations: OVERWRITE },
    oracle: null,
    why: HARMLESS,
  },
  {
    name: 'restore/linux/flush',
    options: { ...restore, frontend: LINUX, operations: WRITE_FLUSH, grain: 'coarse' },
    oracle: null,
    why: 'a flush in flight is sent again; what it is to cover was acknowledged, so it is on the disk or in its cache',
  },
  {
    name: 'restore/linux/read',
    options: { ...restore, frontend: LINUX, operations: WRITE_READ, grain: 'coarse' },
    oracle: null,
    why: 'a read sent again gives what is there, and nothing newer than the last write can be there',
  },
  {
    name: 'restore/linux/unlink',
    options: { ...restore, frontend: LINUX, operations: UNLINK, grain: 'coarse' },
    oracle: null,
    why: HARMLESS,
  },
  {
    name: 'restore/linux/streams',
    options: { ...restore, ...streams, frontend: LINUX, operations: THREE },
    oracle: 'exactly-once',
    why: COPIES_ARE_A_STACK,
  },
  {
    name: 'restore/linux-2006/streams',
    options: { ...restore, ...streams, frontend: LINUX_2006, operations: THREE },
    oracle: 'exactly-once',
    why: COPIES_ARE_A_STACK,
  },
  {
    name: 'restore/ordered/streams',
    options: { ...restore, ...streams, frontend: ORDERED, operations: THREE },
    oracle: null,
    why:
      'requests go onto the new ring in the order in which they were issued, before anything new, and a backend ' +
      'that has one under way at a time keeps that order',
  },
  {
    name: 'restore/reorders/streams',
    options: { ...restore, ...streams, frontend: REORDERS, operations: OVERWRITE },
    oracle: 'exactly-once',
    why: 'of two writes of one block in flight the older is sent last, and stays',
  },
  {
    name: 'restore/behind-new/streams',
    options: { ...restore, ...streams, frontend: BEHIND_NEW, operations: OVERWRITE },
    oracle: 'exactly-once',
    why: 'a write issued after the resume goes before the one that waits to be sent again, which then covers it',
  },
  {
    name: 'restore/reorders',
    options: { ...restore, frontend: REORDERS, operations: TWO, grain: 'coarse' },
    oracle: null,
    why: NO_ORDER_NEEDED,
  },
  {
    name: 'restore/behind-new',
    options: { ...restore, frontend: BEHIND_NEW, operations: OVERWRITE, grain: 'coarse' },
    oracle: null,
    why: NO_ORDER_NEEDED,
  },
  {
    name: 'restore/forgets',
    options: { ...restore, frontend: FORGETS, operations: WRITE_FLUSH },
    oracle: 'no-hang',
    why: ANSWERED_BY_NOBODY,
  },
  {
    name: 'restore/reports-done',
    options: { ...restore, frontend: REPORTS_DONE, operations: WRITE_FLUSH },
    oracle: 'exactly-once',
    why: NEVER_DONE,
  },
  {
    name: 'restore/flush-done',
    options: { ...restore, frontend: FLUSH_DONE, operations: WRITE_FLUSH },
    oracle: 'exactly-once',
    why: NOT_FLUSHED,
  },
  {
    name: 'restore/linux/closes-busy',
    options: { ...restore, frontend: LINUX, backend: CLOSES_BUSY, operations: OVERWRITE, grain: 'coarse' },
    oracle: 'exactly-once',
    why:
      'Closed is written while a write is under way, and the target is made: it sends that write again, then a ' +
      'newer one, and only now the first lands',
  },
  {
    name: 'cancel/linux',
    options: { plan: 'cancel', frontend: LINUX, operations: FOUR, ringSize: 4 },
    oracle: null,
    why: 'ring, channel and backend are as they were, and nothing is done at a cancel',
  },
];

export const MIGRATE_ROWS: readonly BlockRow[] = [
  {
    name: 'migrate/ordered',
    options: { plan: 'migrate', frontend: ORDERED, operations: OVERWRITE, grain: 'coarse' },
    oracle: 'exactly-once',
    why:
      "the source's backend is closed only after the target runs: a write it has taken may land when the target has " +
      'sent it again and a newer one was acknowledged',
  },
  {
    name: 'migrate/linux/each block once',
    options: { plan: 'migrate', frontend: LINUX, operations: TWO, grain: 'coarse' },
    oracle: null,
    why: 'each block is written once: what lands late is what is there',
  },
  {
    name: 'migrate-closes-first/linux',
    options: { plan: 'migrate-closes-first', frontend: LINUX, operations: OVERWRITE },
    oracle: null,
    why: HARMLESS,
  },
];
