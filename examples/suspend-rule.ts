/**
 * One rule of a suspend protocol changed, to see what it breaks.
 *
 * The `quiesce` driver lets the guest suspend only when the response to the command in flight has come. That may take
 * long: a TPM generates a key in minutes, and a toolstack does not wait that long for a guest. Tempting, then: wait until
 * the command has been handed over, and take the response after the resume.
 *
 *     npx quiesce explore --tpmfront examples/suspend-rule.ts
 *
 * The answer comes in seconds. The TPM executes the command after the guest's memory was copied, so that the snapshot
 * of the guest and that of its TPM lie on two sides of it: `in-step` fails wherever a guest is saved. In the scenario it
 * was made for, `slow-command`, the guest no longer hangs; the snapshot is wrong there as well.
 */
import { QuiesceTpmfront } from 'quiesce';

export default class HandedOver extends QuiesceTpmfront {
  override suspended(): boolean {
    const { busy, submitted } = this.state;
    return !this.connectTask.running && !this.transmitTask.running && (!busy || submitted);
  }
}
