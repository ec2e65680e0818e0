/**
 * What a block pair must show when one of its ends stores what it likes, and why.
 *
 * The other end neither throws nor breaks an assertion, touches no memory but its own and what is granted to it, loads no
 * byte of an entry twice, takes no entry beyond the ring, and tells its user of nothing that it was not asked for. That is
 * all that is judged: a liar may leave its peer waiting, and nobody can tell a lie about data. The designs that fail
 * believe their peer in one thing each (`hazards/designs/trusting-*.ts`).
 */
import { CAREFUL, LINUX_BACK } from '../backend/blkback/rules.js';
import { LINUX, RECONNECTS } from '../frontend/blkfront/rules.js';
import { read, write } from '../frontend/blkfront/user.js';
import type { BlockWorldOptions } from '../simulator/block-data/world.js';
import type { BlockRow } from './block-row.js';
import { TRUSTING_BLKBACKS, type TrustingBlkback } from './hazards/designs/trusting-blkback.js';
import { TRUSTING_BLKFRONTS, type TrustingBlkfront } from './hazards/designs/trusting-blkfront.js';

const STANDS: BlockWorldOptions = { plan: 'none', frontend: LINUX, operations: [write(0)], sanitize: true };
/** Drivers that stand, with one end that stores what it likes, once. */
export const HOSTILE_FRONT: BlockWorldOptions = { ...STANDS, hostile: 'frontend' };
export const HOSTILE_BACK: BlockWorldOptions = { ...STANDS, hostile: 'backend' };

/** A script of one tool: what it writes between is not the matter here. */
const FROM_BOOT = { start: 'boot', grain: 'coarse', operations: [], script: [['physical-device', '7:0']] } as const;

const CHECKS_A_COPY =
  'each producer is loaded once and compared with the ring, a request is copied once and only the copy is checked and ' +
  'done, and a grant, port or node that is none is refused where it is looked up';
const REMEMBERS =
  'a response is copied once, its number is looked up among the requests in flight, and everything else about the request ' +
  'is in a private copy';

/** The block pair with a backend that believes its frontend, and that frontend. */
export function believingBack(name: TrustingBlkback): BlockWorldOptions {
  return { ...HOSTILE_FRONT, backend: { ...CAREFUL, name }, createBackend: TRUSTING_BLKBACKS[name] };
}

export function believingFront(name: TrustingBlkfront): BlockWorldOptions {
  return { ...HOSTILE_BACK, frontend: { ...LINUX, name }, createFrontend: TRUSTING_BLKFRONTS[name] };
}

export const HOSTILE_ROWS: readonly BlockRow[] = [
  { name: 'hostile frontend/careful', options: HOSTILE_FRONT, oracle: null, why: CHECKS_A_COPY },
  {
    name: 'hostile frontend/linux',
    options: { ...HOSTILE_FRONT, backend: LINUX_BACK, operations: [write(0), read(1)], grain: 'coarse' },
    oracle: null,
    why: CHECKS_A_COPY,
  },
  {
    name: 'hostile frontend/boot',
    options: { ...HOSTILE_FRONT, ...FROM_BOOT },
    oracle: null,
    why: `${CHECKS_A_COPY}; a ring whose indices do not belong together is not attached to`,
  },
  {
    name: 'hostile frontend/destroy',
    options: { ...HOSTILE_FRONT, plan: 'destroy', grain: 'coarse' },
    oracle: null,
    why: 'the backend closes when the directory of its frontend goes, whatever the frontend has done before',
  },
  {
    name: 'hostile frontend/looks in place',
    options: believingBack('looks-in-place'),
    oracle: 'stray-memory',
    why: 'the operation is loaded once to decide by and once with the copy: between the two the frontend may change it',
  },
  {
    name: 'hostile frontend/reads again',
    options: believingBack('reads-again'),
    oracle: 'driver-fault',
    why: 'the second copy was not checked: the disk is asked for a sector that it has not, or for more than a page',
  },
  {
    name: 'hostile frontend/believes the producer',
    options: believingBack('believes-the-producer'),
    oracle: 'stray-memory',
    why: 'of the entries that a producer beyond the ring offers it takes as many as the ring has, and none of them is one',
  },
  {
    name: 'hostile frontend/no limit',
    options: believingBack('no-limit'),
    oracle: 'stray-memory',
    why: '255 segments do not fit into an array of eleven, and what comes behind it is not its own',
  },
  {
    name: 'hostile frontend/asserts',
    options: believingBack('asserts'),
    oracle: 'driver-fault',
    why: 'what cannot be in a request of an honest frontend is in that of a hostile one: the assertion breaks',
  },
  {
    name: 'hostile frontend/ignores the map',
    options: believingBack('ignores-the-map'),
    oracle: 'stray-memory',
    why: 'a reference that is none is not mapped, and behind a status that is taken for a handle there is no page',
  },
  { name: 'hostile backend/linux', options: HOSTILE_BACK, oracle: null, why: REMEMBERS },
  {
    name: 'hostile backend/linux/read',
    options: { ...HOSTILE_BACK, operations: [read(0), write(1)], grain: 'coarse' },
    oracle: null,
    why: REMEMBERS,
  },
  {
    name: 'hostile backend/reconnects',
    options: { ...HOSTILE_BACK, frontend: RECONNECTS },
    oracle: null,
    why: `${REMEMBERS}; a backend that says it waits is offered a new ring`,
  },
  {
    name: 'hostile backend/boot',
    options: { ...HOSTILE_BACK, ...FROM_BOOT },
    oracle: null,
    why: 'a state that means nothing, or comes too early, changes nothing, and no node is taken for a number unread',
  },
  {
    name: 'hostile backend/believes the producer',
    options: believingFront('believes-the-producer'),
    oracle: 'stray-memory',
    why: 'it walks a ring whose producer is beyond it: what it takes first is no response to anything',
  },
  {
    name: 'hostile backend/looks in place',
    options: believingFront('looks-in-place'),
    oracle: 'stray-memory',
    why: 'the number of the response is loaded once to look it up and once with the copy',
  },
  {
    name: 'hostile backend/believes the number',
    options: believingFront('believes-the-number'),
    oracle: 'stray-memory',
    or: 'right-answer',
    why: 'a number far outside the table leads out of its memory, and that of a free copy to a user that asked for nothing',
  },
  {
    name: 'hostile backend/ends what the page says',
    options: believingFront('ends-what-the-page-says'),
    oracle: 'stray-memory',
    why: 'the reference in the ring is what the backend has made of it: ending that one leads out of the table of grants',
  },
];
