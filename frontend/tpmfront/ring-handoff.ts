/**
 * The ring page is part of the handshake: the toolstack quiesces the vTPM first, so that the response to the command
 * in flight lies in the ring page when the domain is saved, and the resumed driver offers the *same* page again and
 * looks into it.
 *
 * Needs a toolstack that drains the backend before it copies the domain's memory.
 */
import { TpmifState } from '../../protocol/tpmif-v2.js';
import type { GuestServices } from './tpmfront.js';
import { V2Tpmfront } from './v2.js';

export class RingHandoffTpmfront extends V2Tpmfront {
  readonly name = 'ring-handoff';

  constructor(services: GuestServices) {
    super(services, 'ring-handoff', {});
  }

  /** The page is kept: it is what the handshake hands over. */
  protected override freeRing(): void {}

  override allocateRing(): void {
    if (this.state.ring_pfn === 0) super.allocateRing();
    else this.offerRing();
  }

  protected override connected(): void {
    // A command never fetched is still in the page as SUBMIT, and the backend finds it there by itself.
    if (this.state.busy && this.ring().state === TpmifState.Finish) this.takeResponse();
  }
}
