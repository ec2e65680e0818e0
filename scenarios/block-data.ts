/**
 * What each design of a block frontend and backend must show in each situation, and why.
 *
 * A row with an oracle must fail, by that oracle on a shortest schedule; one without must hold in every schedule. The
 * verdict follows from the argument given with it, never from what an exploration printed.
 */
import { ANY_ORDER, CLOSES_BUSY, SILENT, TAKES_OVER } from '../backend/blkback/rules.js';
import {
  BEHIND_NEW,
  FLUSH_DONE,
  FORGETS,
  LINUX,
  LINUX_2006,
  ORDERED,
  RECONNECTS,
  REORDERS,
  REPORTS_DONE,
} from '../frontend/blkfront/rules.js';
import { FLUSH, read, write } from '../frontend/blkfront/user.js';
import { UNLINK } from '../simulator/block-data/filesystem.js';
import type { BlockWorldOptions } from '../simulator/block-data/world.js';
import type { OracleName } from '../simulator/world-state.js';

export interface BlockRow {
  readonly name: string;
  readonly options: BlockWorldOptions;
  /** Null: it holds. */
  readonly oracle: OracleName | null;
  /** Another oracle that may be the first to fail, where the argument leaves that open. */
  readonly or?: OracleName;
  readonly why: string;
}

/** One block twice. */
const OVERWRITE = [write(0), write(0)];
const WRITE_FLUSH = [write(0), FLUSH];
const WRITE_READ = [write(0), read(0)];
/** The first is answered and gives its number to the third, while the second is in flight. */
const THREE = [write(1), write(0), write(0)];

const restore = { plan: 'restore' } as const;
const streams = { user: 'streams', grain: 'coarse' } as const;
const killed = { plan: 'none', kills: 1 } as const;

const BUSY_TAKE_OVER = { ...TAKES_OVER, closesBusy: true };

const HARMLESS =
  'what is sent again is the same data for the same block, and the user writes a block again only when it has been told ' +
  'of the write before: nothing newer can be there';
const COPIES_ARE_A_STACK =
  'the third write has the number that the first gave back, the second a higher one: in the order of the numbers the ' +
  'older of two writes of one block is sent last';
const NO_ORDER_NEEDED = 'of two requests in flight at once, none touches what another does: any order will do';
const ANSWERED_BY_NOBODY = 'the request is in no ring any more and nobody knows of it: its user waits for ever';
const NEVER_DONE =
  'the request may not have been taken when the ring was given up: it is reported as done and is not on the disk';
const NOT_FLUSHED =
  'the flush may not have been taken: it is reported as done, and the write before it is in the cache only';

const RESTORE: readonly BlockRow[] = [
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
    name: 'restore/linux/ring of 4',
    options: { ...restore, frontend: LINUX, operations: UNLINK, ringSize: 4, grain: 'coarse' },
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
    options: { ...restore, frontend: REORDERS, operations: UNLINK, grain: 'coarse' },
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
    options: { plan: 'cancel', frontend: LINUX, operations: UNLINK },
    oracle: null,
    why: 'ring, channel and backend are as they were, and nothing is done at a cancel',
  },
];

const MIGRATE: readonly BlockRow[] = [
  {
    name: 'migrate/ordered',
    options: { plan: 'migrate', frontend: ORDERED, operations: OVERWRITE, grain: 'coarse' },
    oracle: 'exactly-once',
    why:
      "the source's backend is closed only after the target runs: a write it has taken may land when the target has " +
      'sent it again and a newer one was acknowledged',
  },
  {
    name: 'migrate/linux/unlink',
    options: { plan: 'migrate', frontend: LINUX, operations: UNLINK, grain: 'coarse' },
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

const KILLED: readonly BlockRow[] = [
  {
    name: 'killed/reconnects',
    options: { ...killed, frontend: RECONNECTS, operations: UNLINK },
    oracle: null,
    why:
      'the new backend leaves the used ring alone, the frontend closes, offers a new one and sends again what was ' +
      'not answered',
  },
  {
    name: 'killed/reconnects/streams',
    options: { ...killed, frontend: RECONNECTS, user: 'streams', operations: THREE },
    oracle: null,
    why: 'the same, in the order of issue',
  },
  {
    name: 'killed/reconnects/boot',
    options: { ...killed, frontend: RECONNECTS, start: 'boot', operations: [write(0)], grain: 'coarse' },
    oracle: null,
    why: 'a frontend that has not seen Connected has put nothing on its ring, which a new backend may map again',
  },
  {
    name: 'killed/reconnects/restore',
    options: { ...restore, kills: 1, frontend: RECONNECTS, operations: [write(0)], grain: 'coarse' },
    oracle: null,
    why: 'a backend that dies while it closes or connects is replaced by one that finds the nodes as they are',
  },
  {
    name: 'killed/linux',
    options: { ...killed, frontend: LINUX, operations: UNLINK },
    oracle: 'no-hang',
    why: 'a connected frontend takes no notice of a backend in state 2, which waits for a new ring',
  },
  {
    name: 'killed/linux/takes-over',
    options: { ...killed, frontend: LINUX, backend: TAKES_OVER, operations: [write(0)] },
    oracle: 'right-answer',
    or: 'exactly-once',
    why:
      'a response lies where its request lay: the backend dies while it writes one, and its successor takes what is ' +
      'neither for a request',
  },
  {
    name: 'killed between steps/linux/takes-over',
    options: { ...killed, frontend: LINUX, backend: TAKES_OVER, killsBetween: 'steps', operations: UNLINK },
    oracle: null,
    why: 'a response is there or not; what is not answered is taken again, in order, and done twice without harm',
  },
  {
    name: 'killed between steps/linux/silent',
    options: { ...killed, frontend: LINUX, backend: SILENT, killsBetween: 'steps', operations: [write(0)] },
    oracle: 'no-hang',
    why: 'the backend dies between the response and its event; its successor finds nothing to do and tells nobody',
  },
  {
    name: 'killed between steps/linux/any-order',
    options: { ...killed, frontend: LINUX, backend: ANY_ORDER, killsBetween: 'steps', operations: UNLINK },
    oracle: 'right-answer',
    or: 'no-hang',
    why:
      'the response to the second request lies where the first request lay: the successor takes the second again ' +
      'and answers it twice, and the first is lost',
  },
  {
    name: 'killed between steps/reconnects/takes-over',
    options: { ...killed, frontend: RECONNECTS, backend: TAKES_OVER, killsBetween: 'steps', operations: UNLINK },
    oracle: null,
    why: 'what the used ring held is finished before the backend closes, and what was not answered is sent again',
  },
  {
    name: 'killed between steps/reconnects/takes-over and closes busy',
    options: {
      ...killed,
      frontend: RECONNECTS,
      backend: BUSY_TAKE_OVER,
      killsBetween: 'steps',
      operations: [write(0)],
    },
    oracle: 'exactly-once',
    why:
      'Closed is written with a request under way in the old ring; when the new one is offered there is still I/O ' +
      'pending, a fatal error, and the frontend fails what it has',
  },
  {
    name: 'killed twice/reconnects',
    options: { ...killed, kills: 2, frontend: RECONNECTS, operations: [write(0)], grain: 'coarse' },
    oracle: null,
    why: 'a successor that finds the device closed leaves it closed until the frontend opens it again',
  },
  {
    name: 'killed/forgets',
    options: { ...killed, frontend: FORGETS, operations: WRITE_FLUSH },
    oracle: 'no-hang',
    why: ANSWERED_BY_NOBODY,
  },
  {
    name: 'killed/reports-done',
    options: { ...killed, frontend: REPORTS_DONE, operations: WRITE_FLUSH },
    oracle: 'exactly-once',
    why: NEVER_DONE,
  },
  {
    name: 'killed/flush-done',
    options: { ...killed, frontend: FLUSH_DONE, operations: WRITE_FLUSH },
    oracle: 'exactly-once',
    why: NOT_FLUSHED,
  },
  {
    name: 'killed with its cache/reconnects',
    options: { ...killed, frontend: RECONNECTS, operations: WRITE_FLUSH, cacheDiesWithBackend: true },
    oracle: 'exactly-once',
    why:
      'a write was acknowledged out of a cache that dies with the backend, and nobody has it any more when the ' +
      'flush is reported: a frontend keeps what is not answered, not what is not flushed',
  },
];

const SNAPSHOTS: readonly BlockRow[] = [
  {
    name: 'snapshot-memory-first',
    options: { plan: 'snapshot-memory-first', frontend: LINUX, operations: UNLINK },
    oracle: 'in-step',
    why:
      'the guest goes on after its memory was copied and removes the file: the image of the disk has freed the ' +
      'inode, and in the image of the memory it is in use',
  },
  {
    name: 'snapshot-disk-first',
    options: { plan: 'snapshot-disk-first', frontend: LINUX, operations: UNLINK },
    oracle: 'in-step',
    why:
      'the guest removes the file between the two copies: the image of its memory knows that, the image of the disk ' +
      'still has the inode',
  },
  {
    name: 'snapshot-together',
    options: { plan: 'snapshot-together', frontend: LINUX, operations: UNLINK },
    oracle: null,
    why:
      'the guest does nothing between the copies; what its backend still does was in flight in the image, and will ' +
      'be sent again',
  },
  {
    name: 'snapshot-drained',
    options: { plan: 'snapshot-drained', frontend: LINUX, operations: UNLINK },
    oracle: null,
    why: 'nothing is in flight when the copies are made',
  },
];

const LIFE: readonly BlockRow[] = [
  {
    name: 'detach',
    options: { plan: 'detach', frontend: LINUX, operations: [] },
    oracle: null,
    why: 'each end closes when it sees the other close, and the toolstack waits for the backend',
  },
  {
    name: 'detach/while it connects',
    options: { plan: 'detach', start: 'boot', frontend: LINUX, operations: [] },
    oracle: 'no-hang',
    why:
      'the toolstack writes 5, and the backend, which connects at that moment, writes 4 over it: the frontend never ' +
      'sees 5 (libxl gives up after 10 s and takes the nodes away)',
  },
  {
    name: 'boot/restore',
    options: { plan: 'restore', start: 'boot', frontend: LINUX, operations: [write(0)], grain: 'coarse' },
    oracle: null,
    why: 'a device that the guest has not looked at, or has not connected, is looked at after the resume, or resumed',
  },
  {
    name: 'power-off/while it connects',
    options: { plan: 'power-off', start: 'boot', frontend: LINUX, operations: [] },
    oracle: null,
    why: 'a device that is not connected is not closed first, and goes with the domain',
  },
  {
    name: 'power-off',
    options: { plan: 'power-off', frontend: LINUX, operations: [] },
    oracle: null,
    why: 'the frontend closes first, the backend after it, the frontend is closed, then the backend is',
  },
  {
    name: 'destroy',
    options: { plan: 'destroy', frontend: LINUX, operations: UNLINK },
    oracle: null,
    why: 'the backend closes when the directory of its frontend goes; what was taken is finished first',
  },
  {
    name: 'attach/script hangs',
    options: { plan: 'attach-hangs', start: 'boot', frontend: LINUX, operations: [] },
    oracle: null,
    why: 'the backend has opened nothing, and closes when the directory of its frontend goes',
  },
  {
    name: 'boot',
    options: { plan: 'none', start: 'boot', frontend: LINUX, operations: UNLINK, grain: 'coarse' },
    oracle: null,
    why:
      'the frontend offers its ring when the backend waits, the backend connects when ring and device are there, in ' +
      'any order',
  },
];

export const BLOCK_ROWS: readonly BlockRow[] = [...RESTORE, ...MIGRATE, ...KILLED, ...SNAPSHOTS, ...LIFE];
