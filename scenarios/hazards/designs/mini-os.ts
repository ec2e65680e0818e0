/**
 * A frontend that goes from state 1 straight to 4, as that of mini-os, and a backend to which only state 3 means that
 * the ring may be mapped.
 */
import type { BackendServices } from '../../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../../backend/tpmback/v2.js';
import { VtpmDirectory } from '../../../backend/tpmback/vtpm-directory.js';
import type { GuestServices } from '../../../frontend/tpmfront/tpmfront.js';
import { Connection, V2Tpmfront } from '../../../frontend/tpmfront/v2.js';
import { type TaskDefinition, task } from '../../../hypervisor/steps.js';
import { XenbusState } from '../../../protocol/xenbus.js';

const connect = task<MiniOsTpmfront>('connect', {
  read_otherend: (front) => front.readOtherend(),
  allocate_ring: (front) => front.allocateRing(),
  publish_nodes: (front) => front.publishNodes(),
  connected: (front) => front.connectAtOnce(),
  watch_otherend: (front) => front.watchOtherend(),
});

export class MiniOsTpmfront extends V2Tpmfront {
  readonly name = 'mini-os';

  constructor(services: GuestServices) {
    super(services, 'mini-os', {}, connect as TaskDefinition<never>);
  }

  connectAtOnce(): void {
    this.switchState(XenbusState.Connected);
    this.state.connection = Connection.Initialised;
  }
}

class SeesOnlyThree extends VtpmDirectory {
  override frontendState(): XenbusState {
    const state = super.frontendState();
    return state === XenbusState.Connected ? XenbusState.Initialising : state;
  }
}

export class OnlyOnThreeTpmback extends TpmbackV2 {
  override readonly directory: VtpmDirectory;

  constructor(services: BackendServices) {
    super(services, false);
    this.directory = new SeesOnlyThree(services);
  }
}
