/**
 * A backend whose every step others may interleave with, as far as it matters which device it opens: it watches
 * physical-device, goes through the steps of `backend/device-opening`, and exposes the device when the frontend has a
 * ring. It is the backend of a disk, or of a vTPM whose state lies on a volume of its own.
 */
import { DeviceOpening, type Next, type OpeningStep } from '../../backend/device-opening/opening.js';
import type { OpeningRules } from '../../backend/device-opening/rules.js';
import { OpeningState } from '../../backend/device-opening/state.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { Task, task } from '../../hypervisor/steps.js';
import { hasFired, setTimer } from '../../hypervisor/timers.js';
import { bool, bytes, layout, u32 } from '../../protocol/layout.js';
import { formatXenbusState, parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import type { StoreClient } from '../store-client.js';
import type { IdentityHost } from './host.js';
import { KernelTable } from './kernel-table.js';
import type { DevicePaths } from './nodes.js';

export const BackendState = layout('identity backend', {
  probe: u32,
  watch: u32,
  connect: u32,
  /** Timers: it takes so long to open and to close. */
  open_timer: u32,
  close_timer: u32,
  opening: bytes(OpeningState.size),
  alive: bool,
  exposed: bool,
});

const probe = task<IdentityBackend>('probe', {
  advertise: (backend) => backend.opening.announce(),
  watch: (backend) => backend.registerWatch(),
  init_wait: (backend) => backend.initWait(),
});

const watch = task<IdentityBackend>('watch', {
  event: { when: ({ store }) => store.hasEvent, run: (backend) => backend.takeEvents() },
  read_number: (backend) => backend.take('read_number'),
  read_mode: (backend) => backend.take('read_mode'),
  read: (backend) => backend.take('read'),
  open: { when: (backend) => backend.mayOpen(), run: (backend) => backend.take('open') },
  compare: (backend) => backend.take('compare'),
  opened: (backend) => backend.take('opened'),
});

const connect = task<IdentityBackend>('connect', {
  expose: { when: (backend) => backend.mayExpose(), run: (backend) => backend.expose() },
});

export interface BackendPlace {
  readonly name: string;
  readonly address: number;
  readonly guest: number;
  readonly paths: DevicePaths;
  readonly store: StoreClient;
  /** Whether the frontend has a ring. */
  readonly ring: () => boolean;
}

export class IdentityBackend {
  readonly name: string;
  readonly place: BackendPlace;
  readonly store: StoreClient;
  readonly state;
  readonly opening: DeviceOpening;
  readonly probeTask: Task<IdentityBackend>;
  readonly watchTask: Task<IdentityBackend>;
  readonly connectTask: Task<IdentityBackend>;
  readonly #memory: JournaledMemory;
  readonly #host: IdentityHost;

  constructor(host: IdentityHost, place: BackendPlace) {
    const { memory } = host;
    const { name, store, address, paths } = place;
    this.#memory = memory;
    this.#host = host;
    this.place = place;
    this.store = store;
    this.name = name;
    this.state = BackendState.view(memory).at(address);
    const { offset } = BackendState;
    this.opening = new DeviceOpening({
      memory,
      address: address + offset.opening,
      rules: rulesOf(host),
      devices: new KernelTable(host),
      store,
      path: paths.at,
      refuse: (errno, why) => {
        store.write(paths.error, `${errno} ${why}`);
        this.#switchTo(XenbusState.Closing);
      },
      report: (what) => {
        if (what === 'refuses') host.refusedBy(place.guest, host.kernel.disk(this.slot).life);
        if (what === 'retries') this.#waitAgain();
        host.observe(what);
      },
    });
    this.probeTask = new Task(memory, probe, this, address + offset.probe);
    this.watchTask = new Task(memory, watch, this, address + offset.watch);
    this.connectTask = new Task(memory, connect, this, address + offset.connect);
  }

  /** The slot it has open, or -1. */
  get slot(): number {
    return this.opening.state.descriptor - 1;
  }

  get openTimer(): number {
    return this.state.base + BackendState.offset.open_timer;
  }

  get closeTimer(): number {
    return this.state.base + BackendState.offset.close_timer;
  }

  /** The module is loaded, or the device is created. */
  start(): void {
    this.state.alive = true;
    this.store.connect();
    this.probeTask.start();
  }

  /** It dies with all it has open; the kernel or the daemon it lived in is gone. */
  crash(): void {
    this.opening.release();
    this.store.disconnect();
    this.#memory.clear(this.state.base, BackendState.size);
  }

  registerWatch(): void {
    this.opening.watch();
  }

  initWait(): void {
    this.#switchTo(XenbusState.InitWait);
    this.watchTask.start();
    this.connectTask.start();
  }

  takeEvents(): string {
    this.store.takeEvents();
    return this.opening.firstStep;
  }

  take(step: OpeningStep): string {
    const next: Next = this.opening.take(step);
    const { slowOpen } = this.#host.setting;
    if (next === 'open' && slowOpen > 0) setTimer(this.#memory, this.openTimer, slowOpen);
    return next ?? 'event';
  }

  mayOpen(): boolean {
    return this.#host.setting.slowOpen === 0 || hasFired(this.#memory, this.openTimer);
  }

  mayExpose(): boolean {
    return this.opening.state.verified && !this.state.exposed && this.place.ring();
  }

  expose(): string {
    const { store, place } = this;
    const { node, described } = place.paths;
    store.transaction(() => {
      if (store.read(node.State) === null) return;
      store.write(described, '1');
      store.write(node.State, formatXenbusState(XenbusState.Connected));
    });
    this.state.exposed = true;
    this.#host.observe(this.#host.kernel.disk(this.slot).life === 0 ? 'exposes-nothing' : 'exposes');
    return 'expose';
  }

  /** The toolstack wants the device gone, and nothing is under way. */
  mayClose(): boolean {
    const { state, store, place } = this;
    if (!state.alive || this.probeTask.running || store.peek(place.paths.node.Online) === '1') return false;
    if (!this.watchTask.at('event')) return false;
    return this.#host.setting.slowClose === 0 || hasFired(this.#memory, this.closeTimer);
  }

  close(): void {
    this.opening.release();
    this.#switchTo(XenbusState.Closed);
    this.store.disconnect();
    this.#memory.clear(this.state.base, BackendState.size);
  }

  /** A frontend that has not begun may begin after all. */
  #waitAgain(): void {
    const { store, place } = this;
    if (place.ring() || parseXenbusState(store.peek(place.paths.node.State)) !== XenbusState.Closing) return;
    if (store.peek(place.paths.node.Online) === '1') this.#switchTo(XenbusState.InitWait);
  }

  /** As xenbus_switch_state does: a directory that is gone is not made again. */
  #switchTo(to: XenbusState): void {
    const { State } = this.place.paths.node;
    if (this.store.peek(State) !== null) this.store.write(State, formatXenbusState(to));
  }
}

function rulesOf({ policy }: IdentityHost): OpeningRules {
  const { strict, identity, opened } = policy;
  return { strict, identity: identity ? 'claimed' : 'none', saysOpened: opened };
}
