/** In what backends differ about opening the device that their nodes name. */
export interface OpeningRules {
  /** All nodes are read in one transaction, and strictly; otherwise one after the other, as Linux's scanner does. */
  readonly strict: boolean;
  /**
   * What is compared with the device that was opened: nothing; what the nodes claim; or the same, where nodes without a
   * diskseq are refused, for without a claim the check is none (a script that is killed between two writes leaves a
   * number alone). Anything but `none` needs `strict`.
   */
  readonly identity: 'none' | 'claimed' | 'required';
  /** Whether it tells the block script, in `opened`, when it holds the device itself. */
  readonly saysOpened: boolean;
}

/** Linux's blkback: by major:minor alone. */
export const BY_NUMBER: OpeningRules = { strict: false, identity: 'none', saysOpened: false };

/** Compares what it has opened with what the nodes claim. */
export const BY_IDENTITY: OpeningRules = { strict: true, identity: 'claimed', saysOpened: false };

/** The same, for a script that keeps its descriptor until `opened` is 1. */
export const HELD: OpeningRules = { ...BY_IDENTITY, saysOpened: true };

/** The same, and nodes that claim nothing are refused. */
export const HELD_AND_CLAIMED: OpeningRules = { ...HELD, identity: 'required' };
