/**
 * A tpmfront with all three hooks: `suspend` takes no new command and waits for the response that is missing,
 * `suspendCancelled` opens the door again, `resume` reconnects and opens it then.
 *
 * Holds on every clean way through. What it cannot hold is a backend that dies inside a command (nobody can tell
 * whether it was executed), and a wait longer than the toolstack's patience.
 */
import type { GuestServices } from './tpmfront.js';
import { V2Tpmfront } from './v2.js';

export class QuiesceTpmfront extends V2Tpmfront {
  readonly name = 'quiesce';

  constructor(services: GuestServices) {
    super(services, 'quiesce', {});
  }

  override suspend(): void {
    this.state.held = true;
  }

  override suspended(): boolean {
    return super.suspended() && !this.state.busy;
  }

  override suspendCancelled(): void {
    this.state.held = false;
  }

  protected override connected(): void {
    this.state.held = false;
  }
}
