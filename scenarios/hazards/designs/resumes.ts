/**
 * Frontends that differ from good ones in what they carry over a resume.
 */
import { QuiesceTpmfront } from '../../../frontend/tpmfront/quiesce.js';
import type { GuestServices } from '../../../frontend/tpmfront/tpmfront.js';
import { Connection, V2Tpmfront } from '../../../frontend/tpmfront/v2.js';
import { u32 } from '../../../protocol/layout.js';
import { MiniOsTpmfront } from './mini-os.js';

/** Takes a cancelled suspend for a restore: offers a new ring in the domain in which the old one is in use. */
export class ResumesInSourceTpmfront extends QuiesceTpmfront {
  override suspendCancelled(): void {
    super.suspendCancelled();
    this.resume();
  }
}

/** Straight from 1 to 4, and waits for its response in suspend. */
export class WaitingMiniOsTpmfront extends MiniOsTpmfront {
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

/** Keeps what it wrote last into its state node over a restore, though the new domain's node holds 1. */
export class StaleStateTpmfront extends WaitingMiniOsTpmfront {
  protected override reconnect(): void {
    const { xenbus_state } = this.state;
    super.reconnect();
    this.state.xenbus_state = xenbus_state;
  }

  override readOtherend(): void {
    const { xenbus_state } = this.state;
    super.readOtherend();
    this.state.xenbus_state = xenbus_state;
  }
}

/** Keeps the number of its domain over a restore, and looks for the backend of a domain that is no more. */
export class StaleDomidTpmfront extends V2Tpmfront<{ readonly domid: typeof u32 }> {
  readonly name = 'stale-domid';

  constructor(services: GuestServices) {
    super(services, 'stale-domid', { domid: u32 });
  }

  override watchOtherend(): void {
    const { services, state } = this;
    if (state.domid === 0) state.domid = services.domain.domid;
    services.watchOtherend(state.backend_domid, state.domid);
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

/** Connects again whenever it is told that its backend is connected. */
export class ConnectsTwiceTpmfront extends QuiesceTpmfront {
  protected override backendConnected(): void {
    if (this.state.connection === Connection.Connected) this.reconnect();
    else super.backendConnected();
  }
}
