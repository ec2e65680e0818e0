import { BLKIF_X86_32, BLKIF_X86_64, type BlkifAbi } from '../../protocol/blkif.js';
import { BY_IDENTITY, BY_NUMBER, HELD, type OpeningRules } from '../device-opening/rules.js';

/** In what blkbacks differ. */
export interface BlkbackRules {
  readonly name: string;
  /** Requests that it has under way at once; with more than one they are done, and answered, in any order. */
  readonly depth: 1 | 2;
  /** Whether it writes Closed while requests it has taken are still under way, as Linux does, or only after them. */
  readonly closesBusy: boolean;
  /**
   * What it does about the ring of a frontend that is Connected already, after the death of a predecessor: goes on in it
   * from the last response published, as Linux does, or waits at InitWait until the frontend offers a new one.
   */
  readonly usedRing: 'goes-on' | 'waits';
  /** Whether it notifies the frontend when it connects: a predecessor may have died between a response and its event. */
  readonly notifiesOnConnect: boolean;
  /** What a frontend speaks that has no node `protocol`: by the header what the backend itself does. */
  readonly absentProtocol: BlkifAbi;
  /** How it opens the device that its nodes name. */
  readonly opening: OpeningRules;
}

/** One request after the other; Closed means that nothing more will be written; a used ring is not touched. */
export const CAREFUL: BlkbackRules = {
  name: 'careful',
  depth: 1,
  closesBusy: false,
  usedRing: 'waits',
  notifiesOnConnect: true,
  absentProtocol: BLKIF_X86_64,
  opening: BY_IDENTITY,
};

/** The same, and a used ring is taken over. */
export const TAKES_OVER: BlkbackRules = { ...CAREFUL, name: 'takes-over', usedRing: 'goes-on' };
export const SILENT: BlkbackRules = { ...TAKES_OVER, name: 'silent', notifiesOnConnect: false };
export const ANY_ORDER: BlkbackRules = { ...TAKES_OVER, name: 'any-order', depth: 2 };

/** A block script may keep its descriptor until this one holds the device. */
export const SAYS_OPENED: BlkbackRules = { ...CAREFUL, name: 'says-opened', opening: HELD };

/** As slow disks make Linux: something under way when it closes. */
export const CLOSES_BUSY: BlkbackRules = { ...CAREFUL, name: 'closes-busy', closesBusy: true };

/**
 * Linux (drivers/block/xen-blkback): requests under way are answered in any order. When the frontend has closed it
 * writes Closed although some may be under way; the ring stays mapped until the last of them is done. It is not meant
 * to die: what it does about the ring of a predecessor is for one that was taken off its device in order. On x86 it
 * takes a frontend without node `protocol` for a 32-bit one, whatever it was built for.
 */
export const LINUX_BACK: BlkbackRules = {
  name: 'linux',
  depth: 2,
  closesBusy: true,
  usedRing: 'goes-on',
  notifiesOnConnect: false,
  absentProtocol: BLKIF_X86_32,
  opening: BY_NUMBER,
};
