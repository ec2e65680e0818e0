/** Who waits for ever in a world of block data, when nothing more can happen. */
import type { BlockGuest } from '../../frontend/blkfront/guest.js';
import type { BlockWorldOptions } from './machine.js';
import type { BlockPlan, BlockToolstack } from './toolstack.js';

/** Plans after which no guest uses a disk. */
const ENDS_WITHOUT_GUEST: ReadonlySet<BlockPlan> = new Set(['attach-hangs', 'detach', 'power-off', 'destroy']);

/** `guest` is the one that lives. Null: nobody waits. */
export function whoWaits(
  { runTask, attachTask }: BlockToolstack,
  guest: BlockGuest,
  { plan, hostile }: BlockWorldOptions,
): string | null {
  // Who has a liar for a peer may wait, and so may who attaches its disk; that a guest can be got rid of must not depend on it.
  if (hostile !== undefined && (plan !== 'destroy' || attachTask.running)) return null;
  if (runTask.running) return `the toolstack waits at ${runTask.next}`;
  if (attachTask.running) return `the toolstack waits at ${attachTask.next}`;
  if (ENDS_WITHOUT_GUEST.has(plan)) return null;
  if (guest.manageTask.running) return 'the kernel waits in a suspend or resume';
  return guest.user.finished ? null : 'the user waits for its disk';
}
