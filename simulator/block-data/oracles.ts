/**
 * What is judged in worlds of block data, at the moment when it first is wrong.
 *
 * exactly-once, by effect: a write may be done twice, as long as the second time changes nothing. What was acknowledged
 * is on the disk, what was flushed is durable, and nothing older lands on what was acknowledged. in-step: of an image of
 * the guest and an image of the disk, each block of the disk holds what the guest in the image knows to be there, or
 * what it has asked for and will ask for again. right-answer: a user is told of what it waits for, once.
 */
import type { BlockGuest } from '../../frontend/blkfront/guest.js';
import { type BlockOperation, contentOf } from '../../frontend/blkfront/user.js';
import type { BlockProbe } from '../../hypervisor/block-probe.js';
import { BlkifOperation } from '../../protocol/blkif.js';
import type { OracleName } from '../world-state.js';
import { blockOf, DISK_BLOCKS, type Disk } from './disk.js';

export interface OraclePlace {
  readonly disk: Disk;
  readonly guests: readonly BlockGuest[];
  readonly operations: readonly BlockOperation[];
  /** The guest that lives: the one whose users the oracles stand by. */
  readonly living: () => BlockGuest;
  readonly fail: (oracle: OracleName, why: string) => void;
}

/** What is judged of a pair whose other end lies: what it says of the data is not, only whether it was asked. */
export class HostileBlockOracles implements BlockProbe {
  readonly #place: Pick<OraclePlace, 'guests' | 'fail'>;

  constructor(place: Pick<OraclePlace, 'guests' | 'fail'>) {
    this.#place = place;
  }

  written(): void {}

  answered(slot: number, number: number): void {
    judgeOpen(this.#place, slot, number);
  }

  failed(slot: number, number: number): void {
    judgeOpen(this.#place, slot, number);
  }

  /** It is as it should be that somebody notices. */
  nonsense(): void {}
}

export class BlockOracles implements BlockProbe {
  readonly #place: OraclePlace;

  constructor(place: OraclePlace) {
    this.#place = place;
  }

  written(_slot: number, sector: number): void {
    const { disk, living } = this.#place;
    const block = blockOf(sector);
    const value = disk.valueOf(block);
    const { answered } = living().user.state;
    const newest = this.#lastWrite(answered, block);
    if (newest > value)
      this.#fail(`block ${block}: write ${value} lands after write ${newest}, which is newer, was acknowledged`);
  }

  answered(slot: number, number: number, value: number): void {
    const { disk, guests, operations } = this.#place;
    if (!judgeOpen(this.#place, slot, number)) return;
    const guest = guests[slot] as BlockGuest;
    const { operation, block } = operations[number] as BlockOperation;
    const before = guest.user.before(number);
    if (operation === BlkifOperation.Write) {
      const found = disk.valueOf(block);
      if (found < contentOf(number))
        this.#fail(`block ${block}: write ${contentOf(number)} is acknowledged, and the disk holds write ${found}`);
    } else if (operation === BlkifOperation.Read) {
      const least = this.#lastWrite(before, block);
      if (value < least || value > guest.user.state.position)
        this.#place.fail(
          'right-answer',
          `block ${block}: a read gives ${value}, after write ${least} was acknowledged`,
        );
    } else {
      for (let each = 0; each < DISK_BLOCKS; each++) {
        const flushed = this.#lastWrite(before, each);
        if (disk.durableValueOf(each) < flushed)
          this.#fail(`block ${each}: write ${flushed} was acknowledged and is flushed, and a power failure undoes it`);
      }
    }
  }

  failed(slot: number, number: number): void {
    judgeOpen(this.#place, slot, number);
    this.#fail(`operation ${contentOf(number)} of guest${slot + 1} is reported to have failed, with a disk that works`);
  }

  nonsense(slot: number, what: string): void {
    this.#place.fail('right-answer', `slot ${slot + 1}: ${what}`);
  }

  /** The end: each block holds the last write that was acknowledged, or one after it that never was answered. */
  settled(): void {
    const { disk } = this.#place;
    const { answered } = this.#place.living().user.state;
    for (let block = 0; block < DISK_BLOCKS; block++) {
      const last = this.#lastWrite(answered, block);
      if (disk.valueOf(block) < last)
        this.#fail(`block ${block}: write ${last} was the last, and the disk holds write ${disk.valueOf(block)}`);
    }
  }

  /** Both images of a snapshot are complete. */
  snapshot(user: { readonly position: number; readonly answered: number }, image: Disk): void {
    for (let block = 0; block < DISK_BLOCKS; block++) {
      const found = image.valueOf(block);
      const known = this.#lastWrite(user.answered, block);
      const fail = (why: string): void => this.#place.fail('in-step', `block ${block}: ${why}`);
      if (found > user.position)
        fail(`the image of the disk holds write ${found}, which the guest in the image has not made`);
      else if (found < known)
        fail(
          `the guest in the image has been told that write ${known} is done, and the image of the disk holds ${found}`,
        );
    }
  }

  /** The value of the last of the operations of a set that wrote `block`, 0 for none. */
  #lastWrite(set: number, block: number): number {
    const { operations } = this.#place;
    for (let number = operations.length - 1; number >= 0; number--) {
      if ((set & (1 << number)) === 0) continue;
      const each = operations[number] as BlockOperation;
      if (each.operation === BlkifOperation.Write && each.block === block) return contentOf(number);
    }
    return 0;
  }

  #fail(why: string): void {
    this.#place.fail('exactly-once', why);
  }
}

/** Whether the user waits for operation `number`; a frontend that tells it of another has believed a response. */
function judgeOpen({ guests, fail }: Pick<OraclePlace, 'guests' | 'fail'>, slot: number, number: number): boolean {
  const { position, answered, failed } = (guests[slot] as BlockGuest).user.state;
  const open = number < position && ((answered | failed) & (1 << number)) === 0;
  if (!open) fail('right-answer', `slot ${slot + 1}: a response to operation ${contentOf(number)}, which is not open`);
  return open;
}
