/**
 * What each design of a block frontend and backend must show in each situation, and why.
 *
 * A row with an oracle must fail, by that oracle on a shortest schedule; one without must hold in every schedule. The
 * verdict follows from the argument given with it, never from what an exploration printed.
 */
import { LINUX } from '../frontend/blkfront/rules.js';
import { write } from '../frontend/blkfront/user.js';
import { UNLINK } from '../simulator/block-data/filesystem.js';
import { DEATH_ROWS } from './block-deaths.js';
import { HOSTILE_ROWS } from './block-hostile.js';
import { MIGRATE_ROWS, RESTORE_ROWS } from './block-moves.js';
import type { BlockRow } from './block-row.js';

export type { BlockRow } from './block-row.js';

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

export const BLOCK_ROWS: readonly BlockRow[] = [
  ...RESTORE_ROWS,
  ...MIGRATE_ROWS,
  ...DEATH_ROWS,
  ...SNAPSHOTS,
  ...LIFE,
  ...HOSTILE_ROWS,
];
