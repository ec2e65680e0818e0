/**
 * A guest with a virtual disk: its kernel's suspend and resume, its user, its store connection, and one blkfront.
 *
 * The order of the steps is that of `frontend/guest.ts`. Freezing does not wait for the disk: what is in flight when
 * the domain suspends was asked for by threads that write back in the background. The request to suspend is a call
 * here and no node, as that conversation is explored with the vTPM.
 */

import type { BlockProbe } from '../../hypervisor/block-probe.js';
import { type Domain, DomainState, SuspendResult } from '../../hypervisor/domain.js';
import type { Host } from '../../hypervisor/host.js';
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { DONE, Task, task } from '../../hypervisor/steps.js';
import type { BlkifAbi } from '../../protocol/blkif.js';
import type { RingShape } from '../../protocol/ring.js';
import { vbdPaths } from '../../protocol/vbd-paths.js';
import { DeviceNode } from '../../protocol/xenbus.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';
import { Blkfront, type BlkfrontServices } from './blkfront.js';
import { BlockKernelState, KERNEL_PFN, USER_OFFSET } from './memory.js';
import type { BlkfrontRules } from './rules.js';
import { type BlockOperation, BlockUser, type BlockUserKind } from './user.js';

export const OTHEREND_TOKEN = 'otherend';

export interface BlockGuestPlace {
  readonly slot: number;
  readonly domain: Domain;
  readonly host: Host;
  readonly store: StoreAccess;
  readonly probe: BlockProbe;
  readonly rules: BlkfrontRules;
  readonly abi: BlkifAbi;
  readonly shape: RingShape;
  readonly operations: readonly BlockOperation[];
  readonly user: BlockUserKind;
  /** A driver of another design. */
  readonly createFrontend?: ((services: BlkfrontServices) => Blkfront) | undefined;
  /** The domain stops in its suspend hypercall. */
  readonly onSuspend: () => void;
}

const manage = task<BlockGuest>('kernel', {
  freeze_tasks: (guest) => {
    guest.kernel.frozen = true;
  },
  xs_suspend: (guest) => {
    guest.kernel.store_suspended = true;
  },
  suspend: (guest) => guest.hypercall(),
  gnttab_resume: { when: (guest) => guest.domain.running, run: (guest) => guest.resumeTables() },
  xs_resume: (guest) => guest.resumeStore(),
  dpm_resume: (guest) => guest.resumeDevices(),
  thaw_tasks: { when: (guest) => guest.front.resumed(), run: (guest) => guest.thaw() },
});

export class BlockGuest {
  readonly slot: number;
  readonly domain: Domain;
  readonly host: Host;
  readonly front: Blkfront;
  readonly user: BlockUser;
  readonly kernel: ReturnType<typeof BlockKernelState.view>;
  readonly manageTask: Task<BlockGuest>;
  readonly #place: BlockGuestPlace;

  constructor(memory: MachineMemory, place: BlockGuestPlace) {
    const { slot, domain, host, store, probe, rules, abi, shape } = place;
    this.slot = slot;
    this.domain = domain;
    this.host = host;
    this.#place = place;
    const page = domain.page(KERNEL_PFN);
    this.kernel = BlockKernelState.view(memory).at(page);
    this.manageTask = new Task(memory, manage, this, page + BlockKernelState.offset.manage);
    this.user = new BlockUser(memory, {
      address: page + USER_OFFSET,
      operations: place.operations,
      kind: place.user,
      accepts: () => !this.kernel.frozen && this.front.accepts(),
      submit: (request) => this.front.submit(request),
    });
    const createFrontend = place.createFrontend ?? ((services) => new Blkfront(services));
    this.front = createFrontend({
      slot,
      memory,
      domain,
      host,
      store,
      probe,
      rules,
      abi,
      shape,
      storeOpen: () => !this.kernel.store_suspended,
      answered: (number, value) => {
        probe.answered(slot, number, value);
        this.user.answered(number);
      },
      failed: (number) => {
        probe.failed(slot, number);
        this.user.failed(number);
      },
      watchOtherend: (backend, frontend) => this.#watchOtherend(backend, frontend),
      unwatchOtherend: () => this.#unwatchOtherend(),
      otherendWatched: () => this.kernel.otherend_watched,
    });
  }

  /** Whether the one thread for watch events is free: it runs handshakes and the suspend, too. */
  get watching(): boolean {
    return !this.manageTask.running && !this.front.connectTask.running;
  }

  get suspended(): boolean {
    return this.domain.state === DomainState.Suspended;
  }

  /**
   * Handles one watch event. One of the path from before a resume may still be queued: the bus drops it. A device whose
   * own directory is gone is removed first: that event comes before any of the other end, which is closed in the same
   * transaction, so the bus of this guest looks instead of watching.
   */
  watchFired(path: string): void {
    const { kernel } = this;
    if (!kernel.otherend_watched || path !== otherendState(kernel.otherend_backend, kernel.otherend_frontend)) return;
    const own = vbdPaths(kernel.otherend_backend, this.domain.domid).ownFront(DeviceNode.State);
    if (this.#place.store.read(own) === null) this.front.remove();
    else this.front.otherendChanged();
  }

  hypercall(): void {
    this.domain.setState(DomainState.Suspended);
    this.#place.onSuspend();
  }

  /** Tables of a new domain are empty; those of a cancelled suspend are as they were. */
  resumeTables(): void {
    if (this.#cancelled) return;
    this.host.grants.reset(this.domain);
    this.host.events.forget(this.domain);
  }

  resumeStore(): void {
    const { kernel } = this;
    kernel.store_suspended = false;
    if (this.#cancelled || !kernel.otherend_watched) return;
    this.#place.store.watch(otherendState(kernel.otherend_backend, kernel.otherend_frontend), OTHEREND_TOKEN);
  }

  resumeDevices(): void {
    if (!this.#cancelled && this.front.known) this.front.resume();
  }

  thaw(): typeof DONE {
    this.kernel.frozen = false;
    return DONE;
  }

  get #cancelled(): boolean {
    return this.domain.suspendResult === SuspendResult.Cancelled;
  }

  #watchOtherend(backend: number, frontend: number): void {
    const { kernel } = this;
    kernel.otherend_watched = true;
    kernel.otherend_backend = backend;
    kernel.otherend_frontend = frontend;
    this.#place.store.watch(otherendState(backend, frontend), OTHEREND_TOKEN);
  }

  #unwatchOtherend(): void {
    const { kernel } = this;
    if (!kernel.otherend_watched) return;
    this.#place.store.unwatch(otherendState(kernel.otherend_backend, kernel.otherend_frontend), OTHEREND_TOKEN);
    kernel.otherend_watched = false;
  }
}

function otherendState(backend: number, frontend: number): string {
  return vbdPaths(backend, frontend).back(DeviceNode.State);
}
