/**
 * "Retry the last transaction": after a resume the command whose response is missing is sent again.
 *
 * Right for a disk, whose writes may be repeated; wrong for a TPM. If the device had executed the command before it
 * was saved, it executes it twice.
 */
import type { GuestServices } from './tpmfront.js';
import { V2Tpmfront } from './v2.js';

export class ResendTpmfront extends V2Tpmfront {
  readonly name = 'resend';

  constructor(services: GuestServices) {
    super(services, 'resend', {});
  }

  protected override connected(): void {
    if (this.state.busy) this.transmitTask.start();
  }
}
