/** What each design of a block pair must show when its backend dies, and why. */
import { ANY_ORDER, SILENT, TAKES_OVER } from '../backend/blkback/rules.js';
import { FLUSH_DONE, FORGETS, LINUX, RECONNECTS, REPORTS_DONE } from '../frontend/blkfront/rules.js';
import { write } from '../frontend/blkfront/user.js';
import { UNLINK } from '../simulator/block-data/filesystem.js';
import {
  ANSWERED_BY_NOBODY,
  type BlockRow,
  FOUR,
  NEVER_DONE,
  NOT_FLUSHED,
  restore,
  THREE,
  WRITE_FLUSH,
} from './block-row.js';

const killed = { plan: 'none', kills: 1 } as const;

const BUSY_TAKE_OVER = { ...TAKES_OVER, closesBusy: true };

export const DEATH_ROWS: readonly BlockRow[] = [
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
    name: 'killed/reconnects/ring of 4',
    options: { ...killed, frontend: RECONNECTS, operations: FOUR, ringSize: 4, grain: 'coarse' },
    oracle: null,
    why: 'the same, with three requests in flight at once',
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
