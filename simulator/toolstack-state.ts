/**
 * What the toolstack remembers from one step to the next.
 */
import { bool, layout, u32 } from '../protocol/layout.js';

export const ToolstackState = layout('toolstack', {
  /** The image of the domain's memory is complete, and so is that of its vTPM, which is taken after it. */
  device_saved: bool,
  run: u32,
  recover: u32,
  timer: u32,
  /** The images are those of a checkpoint, from which the guest can be restored. */
  checkpoint_kept: bool,
  /** What is being restored is the guest of a checkpoint with the vTPM of today. */
  mixed: bool,
  /** The guest has moved and is to move on: it is on the second slot, and the first is the target. */
  turned: bool,
});
