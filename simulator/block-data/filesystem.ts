/**
 * The smallest filesystem in which a snapshot can be out of step: one directory with one name, and the inode that the
 * name leads to. Removing the file writes both blocks, waits for them, and flushes.
 *
 * The guest keeps both in memory, and goes by its memory: after an image of the guest is restored beside an image of the
 * disk from another moment, it may use an inode that the disk has freed, or free one twice.
 */
import { type BlockOperation, FLUSH, write } from '../../frontend/blkfront/user.js';

export const DIRECTORY_BLOCK = 0;
export const INODE_BLOCK = 1;

/** unlink(2), as blocks. Both blocks begin as 0: the name is there, and the inode has one link. */
export const UNLINK: readonly BlockOperation[] = [write(DIRECTORY_BLOCK), write(INODE_BLOCK), FLUSH];

export interface FileView {
  /** The directory has the name. */
  readonly named: boolean;
  /** Link count of the inode; with 0 it is free. */
  readonly links: number;
}

/** What the two blocks say, by the numbers of the operations that wrote them last, plus 1; 0 for never. */
export function fileOnDisk(directory: number, inode: number): FileView {
  return { named: directory === 0, links: inode === 0 ? 1 : 0 };
}

/** What the guest believes: it has changed both in its memory when it issued their writes. */
export function fileInMemory(position: number): FileView {
  return { named: position <= DIRECTORY_BLOCK, links: position <= INODE_BLOCK ? 1 : 0 };
}
