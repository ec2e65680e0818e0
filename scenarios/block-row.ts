/** What a row of the verdicts on block pairs is, and the sessions and arguments that several rows share. */
import { FLUSH, read, write } from '../frontend/blkfront/user.js';
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
export const OVERWRITE = [write(0), write(0)];
export const WRITE_FLUSH = [write(0), FLUSH];
export const WRITE_READ = [write(0), read(0)];
/** Two blocks, at once. */
export const TWO = [write(0), write(1)];
/** The first is answered and gives its number to the third, while the second is in flight. */
export const THREE = [write(1), write(0), write(0)];
/** Three blocks at once, then a flush. */
export const FOUR = [write(0), write(1), write(2), FLUSH];

export const restore = { plan: 'restore' } as const;
export const streams = { user: 'streams', grain: 'coarse' } as const;

export const HARMLESS =
  'what is sent again is the same data for the same block, and the user writes a block again only when it has been told ' +
  'of the write before: nothing newer can be there';
export const COPIES_ARE_A_STACK =
  'the third write has the number that the first gave back, the second a higher one: in the order of the numbers the ' +
  'older of two writes of one block is sent last';
export const NO_ORDER_NEEDED = 'of two requests in flight at once, none touches what another does: any order will do';
export const ANSWERED_BY_NOBODY = 'the request is in no ring any more and nobody knows of it: its user waits for ever';
export const NEVER_DONE =
  'the request may not have been taken when the ring was given up: it is reported as done and is not on the disk';
export const NOT_FLUSHED =
  'the flush may not have been taken: it is reported as done, and the write before it is in the cache only';
