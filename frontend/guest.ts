/**
 * A guest: its kernel's suspend and resume, its user of the TPM, its store connection, and one tpmfront.
 *
 * The order of the steps is that of Linux's drivers/xen/manage.c as recorded on Xen 4.17. The thread that handles
 * watch events runs the suspend itself, so no watch is handled from the request until the last device has resumed.
 */
import { type Domain, DomainState, SuspendResult } from '../hypervisor/domain.js';
import type { HostCalls } from '../hypervisor/host.js';
import type { MachineMemory } from '../hypervisor/machine-memory.js';
import type { CommandProbe } from '../hypervisor/probes.js';
import { DONE, Task, task } from '../hypervisor/steps.js';
import { hasFired, setTimer, stopTimer } from '../hypervisor/timers.js';
import { digestMemory } from '../protocol/digest.js';
import { vtpmPaths } from '../protocol/vtpm-paths.js';
import { DeviceNode, DomainNode } from '../protocol/xenbus.js';
import type { StoreAccess } from '../xenstore-sim/store-access.js';
import type { CommandTable } from './command-pool.js';
import { KERNEL_PFN, KernelState, RequestState, USER_OFFSET, UserState } from './guest-memory.js';
import type { GuestServices, Tpmfront } from './tpmfront/tpmfront.js';

export const SHUTDOWN_TOKEN = 'shutdown';
export const OTHEREND_TOKEN = 'otherend';

/** Linux gives up to freeze its tasks after this time. */
export const FREEZE_MILLISECONDS = 20_000;

/**
 * How the user waits for an answer: `sleep` wrote O_NONBLOCK and does something else, so that a suspend may fall
 * inside its command; `block` waits in the kernel, and freezing tasks waits for it; `interrupted` does not wait, as
 * after a signal, and issues the next command as soon as the driver takes one.
 */
export type UserKind = 'sleep' | 'block' | 'interrupted';

/**
 * `linux` is that of today. The others differ in one thing:
 *   without-store-cancel  a cancelled suspend does not release the store (before January 2007)
 *   suspends-twice        a CPU comes online during the suspend, which is cancelled and begun anew (February 2007)
 *   honours-errors        a driver's suspend that returns an error ends the suspend; the bus of today only logs it
 *   late-step-fails       a step after the devices' suspend fails, and the kernel goes on as if it had been restored
 *   late-step-cancels     the same step fails, and the kernel goes on as if its suspend had been cancelled
 */
export type KernelKind =
  | 'linux'
  | 'without-store-cancel'
  | 'suspends-twice'
  | 'honours-errors'
  | 'late-step-fails'
  | 'late-step-cancels';

export interface GuestPlace {
  readonly slot: number;
  readonly domain: Domain;
  readonly host: HostCalls;
  readonly store: StoreAccess;
  readonly commands: CommandTable;
  readonly probe: CommandProbe;
  readonly user: UserKind;
  readonly kernel: KernelKind;
  readonly sequenceBits: number;
  /** The domain stops in its suspend hypercall; the hypervisor tells the store's watchers. */
  readonly onSuspend: () => void;
  /** Where answers go; absent where they are only counted. */
  readonly receiver?: AnswerReceiver;
}

/** A user that is more than a counter. */
export interface AnswerReceiver {
  /** The answer to its command: `length` bytes at `address`, which are the driver's own from then on. */
  answered(address: number, length: number): void;
  failed(errno: number): void;
}

const issue = task<Guest>('user', {
  issue: {
    when: (guest) => guest.mayIssue(),
    run: (guest) => guest.issueNext(),
  },
});

const manage = task<Guest>('kernel', {
  acknowledge: (guest) => guest.acknowledge(),
  freeze_tasks: {
    when: (guest) => guest.frozenOrLate(),
    run: (guest) => guest.freeze(),
  },
  dpm_suspend: (guest) => guest.suspendDevices(),
  xs_suspend: { when: (guest) => guest.front.suspended(), run: (guest) => guest.suspendStore() },
  suspend: (guest) => guest.hypercall(),
  gnttab_resume: { when: (guest) => guest.domain.running, run: (guest) => guest.resumeTables() },
  xs_resume: (guest) => guest.resumeStore(),
  dpm_resume: (guest) => guest.resumeDevices(),
  thaw_tasks: { when: (guest) => guest.front.resumed(), run: (guest) => guest.thaw() },
  // Only of a kernel that suspends twice.
  suspend_cancel: (guest) => guest.takeBack(),
  dpm_suspend_again: (guest) => guest.suspendDevices(),
  xs_suspend_again: { when: (guest) => guest.front.suspended(), run: (guest) => guest.suspendStoreAgain() },
});

export class Guest {
  readonly slot: number;
  readonly domain: Domain;
  readonly host: HostCalls;
  readonly front: Tpmfront;
  readonly kernel;
  readonly user;
  readonly manageTask: Task<Guest>;
  readonly userTask: Task<Guest>;
  readonly #memory: MachineMemory;
  readonly #place: GuestPlace;

  constructor(memory: MachineMemory, place: GuestPlace, createFront: (services: GuestServices) => Tpmfront) {
    this.slot = place.slot;
    this.domain = place.domain;
    this.host = place.host;
    this.#memory = memory;
    this.#place = place;
    const page = place.domain.page(KERNEL_PFN);
    this.kernel = KernelState.view(memory).at(page);
    this.user = UserState.view(memory).at(page + USER_OFFSET);
    this.manageTask = new Task(memory, manage, this, page + KernelState.offset.manage);
    this.userTask = new Task(memory, issue, this, page + USER_OFFSET + UserState.offset.issue);
    this.front = createFront(this.#services());
  }

  get freezeTimer(): number {
    return this.kernel.base + KernelState.offset.freeze_timer;
  }

  /** First boot: watches and the device. The user is started by whoever wants one. */
  boot(): void {
    const { store } = this.#place;
    store.watch(DomainNode.ControlShutdown, SHUTDOWN_TOKEN);
    store.write(DomainNode.FeatureSuspend, '1');
    this.front.probe();
  }

  /** Whether a watch event may be handled now. */
  get watching(): boolean {
    return !this.manageTask.running && !this.kernel.store_suspended;
  }

  /** Its kernel is somewhere in a suspend or resume, or has not come back from one whole. */
  get stuck(): boolean {
    return this.manageTask.running || this.kernel.frozen || this.kernel.store_suspended;
  }

  /** Handles one watch event. */
  watchFired(path: string, token: string): void {
    if (token === SHUTDOWN_TOKEN) {
      if (this.#place.store.read(DomainNode.ControlShutdown) === 'suspend') this.manageTask.start();
      return;
    }
    // An event of the path from before a resume may still be queued: the bus drops it.
    const { kernel } = this;
    if (kernel.otherend_watched && path === otherendState(kernel.otherend_backend, kernel.otherend_frontend)) {
      this.front.otherendChanged();
    }
  }

  mayIssue(): boolean {
    if (this.kernel.frozen) return false;
    const waits = this.user.request === RequestState.Waiting && this.#place.user !== 'interrupted';
    return !waits && this.front.accepts();
  }

  issueNext(): string | typeof DONE {
    const { user } = this;
    const command = user.position;
    if (command >= this.#place.commands.sessionLength) return DONE;
    user.position = command + 1;
    user.request = RequestState.Waiting;
    user.errno = 0;
    this.#place.probe.issued(this.slot, command);
    this.front.submit(command);
    return 'issue';
  }

  /** Read and cleared in one transaction, so that a request withdrawn at the same moment is not taken. */
  acknowledge(): string | typeof DONE {
    const { store } = this.#place;
    let taken = false;
    store.transaction(() => {
      taken = store.read(DomainNode.ControlShutdown) === 'suspend';
      if (taken) store.write(DomainNode.ControlShutdown, '');
    });
    return taken ? this.#acknowledged() : DONE;
  }

  /** Goes on after the acknowledgement, which is in the store: whoever wrote it could not write down that it had. */
  goOnAcknowledged(): void {
    this.manageTask.start(this.#acknowledged());
  }

  #acknowledged(): string {
    setTimer(this.#memory, this.freezeTimer, FREEZE_MILLISECONDS);
    return 'freeze_tasks';
  }

  frozenOrLate(): boolean {
    return (
      this.#place.user !== 'block' ||
      this.user.request !== RequestState.Waiting ||
      hasFired(this.#memory, this.freezeTimer)
    );
  }

  /** A task that cannot be frozen ends the suspend after the acknowledgement; nobody is told. */
  freeze(): string | typeof DONE {
    const late = this.#place.user === 'block' && this.user.request === RequestState.Waiting;
    stopTimer(this.#memory, this.freezeTimer);
    if (late) return DONE;
    this.kernel.frozen = true;
    return 'dpm_suspend';
  }

  suspendDevices(): string | undefined {
    const errno = this.front.suspend() ?? 0;
    return errno !== 0 && this.#place.kernel === 'honours-errors' ? 'thaw_tasks' : undefined;
  }

  /** Requests are one step each, so none is open. */
  suspendStore(): string | undefined {
    this.kernel.store_suspended = true;
    const { kernel } = this.#place;
    if (kernel === 'late-step-fails' || kernel === 'late-step-cancels') return 'gnttab_resume';
    return kernel === 'suspends-twice' ? 'suspend_cancel' : undefined;
  }

  suspendStoreAgain(): string {
    this.kernel.store_suspended = true;
    return 'suspend';
  }

  /** First the store, then the devices. */
  takeBack(): void {
    this.kernel.store_suspended = false;
    this.front.suspendCancelled();
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

  /** In a new domain every watch is registered again, newest first, and fires at once. */
  resumeStore(): void {
    const { kernel: kind } = this.#place;
    const { kernel } = this;
    const cancelled = this.#cancelled;
    if (cancelled && kind === 'without-store-cancel') return;
    kernel.store_suspended = false;
    if (!cancelled) this.registerWatches();
  }

  /** What a new connection to the store needs: every watch again, newest first. */
  registerWatches(): void {
    const { kernel } = this;
    const { store } = this.#place;
    if (kernel.otherend_watched)
      store.watch(otherendState(kernel.otherend_backend, kernel.otherend_frontend), OTHEREND_TOKEN);
    store.watch(DomainNode.ControlShutdown, SHUTDOWN_TOKEN);
  }

  resumeDevices(): void {
    if (this.#cancelled) this.front.suspendCancelled();
    else this.front.resume();
  }

  thaw(): typeof DONE {
    this.kernel.frozen = false;
    return DONE;
  }

  /** Where no hypercall was made, it has returned nothing: there stands what the last one did. */
  get #cancelled(): boolean {
    return this.domain.suspendResult === SuspendResult.Cancelled || this.#place.kernel === 'late-step-cancels';
  }

  #services(): GuestServices {
    const { slot, domain, host, store, commands, probe, sequenceBits } = this.#place;
    return {
      slot,
      memory: this.#memory,
      domain,
      host,
      store,
      commands,
      probe,
      sequenceBits,
      storeOpen: () => !this.kernel.store_suspended,
      complete: (address, length) => {
        probe.answered(slot, digestMemory(this.#memory, address, length));
        this.#place.receiver?.answered(address, length);
        this.user.request = RequestState.Answered;
      },
      fail: (errno) => {
        probe.failed(slot, errno);
        this.#place.receiver?.failed(errno);
        this.user.request = RequestState.Failed;
        this.user.errno = errno;
      },
      watchOtherend: (backendDomid, frontendDomid) => {
        this.kernel.otherend_watched = true;
        this.kernel.otherend_backend = backendDomid;
        this.kernel.otherend_frontend = frontendDomid;
        store.watch(otherendState(backendDomid, frontendDomid), OTHEREND_TOKEN);
      },
      unwatchOtherend: () => {
        const { kernel } = this;
        if (!kernel.otherend_watched) return;
        store.unwatch(otherendState(kernel.otherend_backend, kernel.otherend_frontend), OTHEREND_TOKEN);
        kernel.otherend_watched = false;
      },
    };
  }
}

function otherendState(backend: number, frontend: number): string {
  return vtpmPaths(backend, frontend).back(DeviceNode.State);
}
