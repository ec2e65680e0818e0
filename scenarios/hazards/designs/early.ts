/**
 * A frontend that accepts commands as soon as its ring is offered and has no limit of time, and a backend on a
 * hypervisor whose bind raises no event.
 */
import type { BackendServices } from '../../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../../backend/tpmback/v2.js';
import type { GuestServices } from '../../../frontend/tpmfront/tpmfront.js';
import { V2Tpmfront } from '../../../frontend/tpmfront/v2.js';
import type { DONE } from '../../../hypervisor/steps.js';

export class EarlyTpmfront extends V2Tpmfront {
  readonly name = 'early';

  constructor(services: GuestServices) {
    super(services, 'early', {});
  }

  override accepts(): boolean {
    return this.state.ring_ref !== 0 && !this.connectTask.running && !this.state.busy;
  }
}

/** The bit is gone before anybody can see it. */
export class SilentBindTpmback extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override bindChannel(): string | typeof DONE {
    const next = super.bindChannel();
    const { host, domain } = this.services;
    if (this.state.port !== 0) host.events.acknowledge(domain, this.state.port);
    return next;
  }
}
