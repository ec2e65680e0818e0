/**
 * The tpmfront of 2006, on the v1 ring: the wait in its suspend hook, and what that leads to.
 *
 * `suspend` takes the lock that every sender takes, waits for the response for a limited time, gives the command up
 * when the time is over, and writes Closing. The lock is released when a backend is next seen Connected. So when the
 * suspend is cancelled nobody ever releases it; and when the command is slow its response is lost.
 *
 * The options are the variants of the years 2005 to 2007.
 */
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { DONE, Task, type TaskDefinition, task } from '../../hypervisor/steps.js';
import { hasFired, setTimer, stopTimer } from '../../hypervisor/timers.js';
import { type AnyLayout, bool, layout, u8, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { TpmifTxRequest64 } from '../../protocol/tpmif-v1.js';
import { vtpmPaths } from '../../protocol/vtpm-paths.js';
import { DeviceNode, parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import { DRIVER_PFN, RING_PFN } from '../guest-memory.js';
import { type DriverTimer, type GuestServices, storeStep, type Tpmfront } from './tpmfront.js';
import { Connection } from './v2.js';

export interface WaitLoopOptions {
  /** Rounds of one second that `suspend` waits: 26 from October 2005, 301 from October 2006, 0 = without end (March 2007). */
  readonly rounds: number;
  /** When Closed or Closing is written: Closed before the wait (April 2006), Closing after it (May 2006 on), or never (2007). */
  readonly closes: 'before' | 'after' | 'never';
  /** Whether there is a `suspend_cancel` that releases the lock (March 2007). */
  readonly cancelHook: boolean;
}

/** The code that the mailing list discussed in November 2006. */
export const NOVEMBER_2006: WaitLoopOptions = { rounds: 301, closes: 'after', cancelHook: false };

const ROUND_MILLISECONDS = 1000;
const DATA_PFN = RING_PFN + 1;

const State = layout('tpmfront wait-loop', {
  connection: u8,
  xenbus_state: u8,
  tx_busy: bool,
  /** Taken by `suspend`; every sender waits for it. */
  suspend_lock: bool,
  backend_domid: u32,
  ring_ref: u32,
  data_ref: u32,
  port: u32,
  command: u32,
  transmit: u32,
  connect: u32,
  suspend: u32,
  wait: u32,
});

const transmit = task<WaitLoopTpmfront>(
  'transmit',
  { fill: (front) => front.fill(), grant: (front) => front.grant(), notify: (front) => front.notify() },
  { exclusive: true },
);

const connect = task<WaitLoopTpmfront>('connect', {
  allocate_ring: (front) => front.allocateRing(),
  publish_nodes: storeStep((front) => front.publishNodes()),
  watch_otherend: storeStep((front) => front.watchOtherend()),
  // Straight from 1 to 4: Initialised is never written.
  connected: storeStep((front) => front.switchState(XenbusState.Connected)),
});

const suspend = task<WaitLoopTpmfront>('suspend', {
  lock: { when: (front) => !front.state.suspend_lock, run: (front) => front.takeLock() },
  wait: { when: (front) => front.waitEnds(), run: (front) => front.endWait() },
  close: (front) => front.close(),
});

export class WaitLoopTpmfront implements Tpmfront {
  readonly name = 'wait-loop';
  readonly layout: AnyLayout = State;
  readonly tasks: readonly Task<never>[];
  readonly timers: readonly DriverTimer[];
  readonly state;
  readonly #services: GuestServices;
  readonly #memory: MachineMemory;
  readonly #options: WaitLoopOptions;
  readonly #entry;
  readonly #transmit: Task<never>;
  readonly #connect: Task<never>;
  readonly #suspend: Task<never>;

  constructor(services: GuestServices, options: WaitLoopOptions = NOVEMBER_2006) {
    const base = services.domain.page(DRIVER_PFN);
    const create = (
      definition: TaskDefinition<WaitLoopTpmfront>,
      field: 'transmit' | 'connect' | 'suspend',
    ): Task<never> =>
      new Task<never>(services.memory, definition as TaskDefinition<never>, this as never, base + State.offset[field]);
    this.#services = services;
    this.#memory = services.memory;
    this.#options = options;
    this.state = State.view(services.memory).at(base);
    this.#entry = TpmifTxRequest64.view(services.memory);
    this.#transmit = create(transmit, 'transmit');
    this.#connect = create(connect, 'connect');
    this.#suspend = create(suspend, 'suspend');
    this.tasks = [this.#transmit, this.#connect, this.#suspend];
    this.timers = [{ name: 'wait', address: this.#wait }];
  }

  get port(): number {
    return this.state.port;
  }

  get #wait(): number {
    return this.state.base + State.offset.wait;
  }

  get storeOpen(): boolean {
    return this.#services.storeOpen();
  }

  accepts(): boolean {
    const { state } = this;
    return state.connection === Connection.Connected && !state.tx_busy && !state.suspend_lock;
  }

  submit(command: number): void {
    this.state.command = command;
    this.#transmit.start();
  }

  probe(): void {
    this.state.backend_domid = Number(this.#services.store.read(this.#own(DeviceNode.BackendId)) ?? 0);
    this.state.xenbus_state = XenbusState.Initialising;
    this.#connect.start();
  }

  otherendChanged(): void {
    const { state } = this;
    const path = vtpmPaths(state.backend_domid, this.#services.domain.domid).back(DeviceNode.State);
    switch (parseXenbusState(this.#services.store.read(path))) {
      case XenbusState.Connected:
        if (state.connection !== Connection.Initialised) return;
        state.connection = Connection.Connected;
        state.suspend_lock = false;
        return;
      case XenbusState.Closing:
      case XenbusState.Closed:
        state.connection = Connection.Closed;
        this.switchState(XenbusState.Closed);
        return;
      default:
        return;
    }
  }

  /** Whatever the event is for, the bytes in the data page are taken for the response. */
  interrupt(): void {
    const { state } = this;
    if (!state.tx_busy || this.#transmit.running) return;
    const { domain, host } = this.#services;
    const length = this.#ring().size;
    state.tx_busy = false;
    host.grants.endAccess(domain, state.data_ref);
    state.data_ref = 0;
    this.#services.complete(domain.page(DATA_PFN), Math.min(length, PAGE_SIZE));
  }

  /** The lock is no recursive one: a second suspend waits like everybody until somebody releases it. */
  suspend(): void {
    if (this.state.suspend_lock) {
      this.#suspend.start('lock');
    } else {
      this.takeLock();
      this.#suspend.start('wait');
    }
  }

  takeLock(): void {
    const { rounds } = this.#options;
    this.state.suspend_lock = true;
    if (this.#options.closes === 'before') this.switchState(XenbusState.Closed);
    if (rounds > 0) setTimer(this.#memory, this.#wait, rounds * ROUND_MILLISECONDS);
  }

  suspended(): boolean {
    return !this.#suspend.running && !this.#connect.running;
  }

  suspendCancelled(): void {
    if (!this.#options.cancelHook) return;
    this.state.suspend_lock = false;
  }

  resume(): void {
    this.#services.unwatchOtherend();
    this.probe();
  }

  resumed(): boolean {
    return true;
  }

  allocateRing(): void {
    const { state } = this;
    const { domain, host } = this.#services;
    this.#memory.clear(domain.page(RING_PFN), PAGE_SIZE);
    state.ring_ref = host.grants.grantAccess(domain, state.backend_domid, RING_PFN);
    state.port = host.events.allocateUnbound(domain, state.backend_domid);
    state.connection = Connection.Initialised;
  }

  publishNodes(): void {
    const { store } = this.#services;
    store.transaction(() => {
      store.write(this.#own(DeviceNode.RingRef), String(this.state.ring_ref));
      store.write(this.#own(DeviceNode.EventChannel), String(this.state.port));
    });
  }

  watchOtherend(): void {
    this.#services.watchOtherend(this.state.backend_domid, this.#services.domain.domid);
  }

  switchState(xenbusState: XenbusState): void {
    if (this.state.xenbus_state === xenbusState) return;
    this.state.xenbus_state = xenbusState;
    this.#services.store.write(this.#own(DeviceNode.State), String(xenbusState));
  }

  fill(): void {
    const { words, length } = this.#services.commands.at(this.state.command);
    const data = this.#services.domain.page(DATA_PFN);
    this.#memory.writeWords(data, words, length);
    const entry = this.#ring();
    entry.addr = data;
    entry.size = length;
  }

  grant(): void {
    const { state } = this;
    const { domain, host } = this.#services;
    state.data_ref = host.grants.grantAccess(domain, state.backend_domid, DATA_PFN);
    this.#ring().ref = state.data_ref;
    state.tx_busy = true;
  }

  notify(): void {
    this.#services.host.events.send(this.#services.domain, this.state.port);
  }

  waitEnds(): boolean {
    return !this.state.tx_busy || hasFired(this.#memory, this.#wait);
  }

  /** When the time is over the command is given up: the flag is cleared and its user never hears of it. */
  endWait(): typeof DONE | undefined {
    stopTimer(this.#memory, this.#wait);
    this.state.tx_busy = false;
    return this.#options.closes === 'after' ? undefined : DONE;
  }

  close(): void {
    this.switchState(XenbusState.Closing);
  }

  #own(node: string): string {
    return vtpmPaths(this.state.backend_domid, this.#services.domain.domid).ownFront(node);
  }

  #ring(): ReturnType<typeof TpmifTxRequest64.view> {
    return this.#entry.at(this.#services.domain.page(RING_PFN));
  }
}
