/**
 * The part of blkback that opens its device: it watches physical-device, reads the nodes, opens by number, compares what
 * it has opened with the identity that the script wrote, and only then exposes it to the frontend.
 *
 * A refusal is seen: state Closing, and an error node that names what was expected and found. The numbers are given up
 * with it, so that a later write is tried again; a device that was taken stays.
 */
import { compareIdentity, type DeviceIdentity, mismatchText } from '../../backend/device-identity.js';
import { readIdentity } from '../../backend/identity-nodes.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { Task, task } from '../../hypervisor/steps.js';
import { hasFired, setTimer } from '../../hypervisor/timers.js';
import { bool, layout, u8, u32, u64 } from '../../protocol/layout.js';
import {
  type DeviceNumber,
  formatDeviceNumber,
  type NodeRefusal,
  refusalText,
  scanPhysicalDevice,
} from '../../protocol/physical-device.js';
import { formatXenbusState, XenbusState } from '../../protocol/xenbus.js';
import type { StoreClient } from '../store-client.js';
import type { IdentityHost } from './host.js';
import { BOOT_IDS, type VbdPaths } from './nodes.js';

export const BackendState = layout('blkback', {
  probe: u32,
  watch: u32,
  connect: u32,
  /** Timers: it takes so long to open and to close. */
  opening: u32,
  closing: u32,
  major: u32,
  minor: u32,
  /** The identity that was read, and whether there was one. */
  diskseq: u64,
  claims_diskseq: bool,
  /** Place in `BOOT_IDS` of the boot id that was read + 2; 1 for an unknown one, 0 for none. */
  boot: u8,
  alive: bool,
  writable: bool,
  /** Slot of the open device + 1. */
  descriptor: u8,
  /** The numbers are taken: another write does not change them. */
  taken: bool,
  verified: bool,
  exposed: bool,
  refused: bool,
});

const WATCH_TOKEN = 'physical-device';

const probe = task<IdentityBackend>('probe', {
  advertise: (backend) => backend.advertise(),
  watch: (backend) => backend.registerWatch(),
  init_wait: (backend) => backend.initWait(),
});

const watch = task<IdentityBackend>('watch', {
  event: { when: ({ store }) => store.hasEvent, run: (backend) => backend.takeEvents() },
  read_number: (backend) => backend.readNumber(),
  read_mode: (backend) => backend.readMode(),
  read: (backend) => backend.readAll(),
  open: { when: (backend) => backend.mayOpen(), run: (backend) => backend.open() },
  compare: (backend) => backend.compare(),
  opened: (backend) => backend.sayOpened(),
});

const connect = task<IdentityBackend>('connect', {
  expose: { when: (backend) => backend.mayExpose(), run: (backend) => backend.expose() },
});

export interface BackendPlace {
  readonly address: number;
  readonly guest: number;
  readonly paths: VbdPaths;
  readonly store: StoreClient;
  /** Whether the frontend has a ring. */
  readonly ring: () => boolean;
}

export class IdentityBackend {
  readonly name: string;
  readonly place: BackendPlace;
  readonly store: StoreClient;
  readonly state;
  readonly probeTask: Task<IdentityBackend>;
  readonly watchTask: Task<IdentityBackend>;
  readonly connectTask: Task<IdentityBackend>;
  readonly #memory: JournaledMemory;
  readonly #host: IdentityHost;

  constructor(host: IdentityHost, place: BackendPlace) {
    const { memory } = host;
    this.#memory = memory;
    this.#host = host;
    this.place = place;
    this.store = place.store;
    this.name = `blkback${place.guest}`;
    this.state = BackendState.view(memory).at(place.address);
    const { offset } = BackendState;
    this.probeTask = new Task(memory, probe, this, place.address + offset.probe);
    this.watchTask = new Task(memory, watch, this, place.address + offset.watch);
    this.connectTask = new Task(memory, connect, this, place.address + offset.connect);
  }

  /** The slot it has open, or -1. */
  get slot(): number {
    return this.state.descriptor - 1;
  }

  get openTimer(): number {
    return this.state.base + BackendState.offset.opening;
  }

  get closeTimer(): number {
    return this.state.base + BackendState.offset.closing;
  }

  /** The module is loaded, or the device is created. */
  start(): void {
    this.state.alive = true;
    this.store.connect();
    this.probeTask.start();
  }

  /** It dies with all it has open; the kernel or the daemon it lived in is gone. */
  crash(): void {
    this.#release();
    this.store.disconnect();
    this.#memory.clear(this.state.base, BackendState.size);
  }

  advertise(): void {
    if (this.#host.policy.opened) this.store.write(this.place.paths.node.Opened, '0');
  }

  registerWatch(): void {
    this.store.watch(this.place.paths.node.PhysicalDevice, WATCH_TOKEN);
  }

  initWait(): void {
    this.#switchTo(XenbusState.InitWait);
    this.watchTask.start();
    this.connectTask.start();
  }

  takeEvents(): string {
    this.store.takeEvents();
    return this.#host.policy.strict ? 'read' : 'read_number';
  }

  readNumber(): string {
    const text = this.store.read(this.place.paths.node.PhysicalDevice);
    if (text === null) return this.#ignore();
    const found = scanPhysicalDevice(text);
    if (found.outcome === 'ignored') return this.#ignore();
    if (found.outcome === 'refused') return this.#refuseMalformed(found.refusal);
    if (this.state.taken) return this.#keep(found.device);
    this.#want(found.device);
    return 'read_mode';
  }

  readMode(): string {
    const mode = this.store.read(this.place.paths.node.Mode);
    if (mode === null) return this.#refuseMalformed(NO_MODE);
    this.state.writable = mode === 'w';
    return this.#beginOpening();
  }

  /** Everything in one transaction: neither a number of one moment and a mode of another, nor half an identity. */
  readAll(): string {
    const { store, state } = this;
    const { directory, node } = this.place.paths;
    const inside = { read: (path: string) => store.read(path), transaction: (body: () => void) => body() };
    let claim: ReturnType<typeof readIdentity> = null;
    let mode: string | null = null;
    store.transaction(() => {
      claim = readIdentity(inside, directory);
      mode = store.read(node.Mode);
    });
    const found = claim as ReturnType<typeof readIdentity>;
    if (found === null) return this.#ignore();
    if (!found.ok) return this.#refuseMalformed(found.refusal);
    if (mode === null) return this.#refuseMalformed(NO_MODE);
    const { diskseq, bootId } = found.value;
    if (state.taken) return this.#keep(found.value, diskseq);
    this.#want(found.value);
    state.writable = mode === 'w';
    state.claims_diskseq = diskseq !== null;
    state.diskseq = Number(diskseq ?? 0n);
    state.boot = bootId === null ? 0 : BOOT_IDS.indexOf(bootId) + 2;
    return this.#beginOpening();
  }

  mayOpen(): boolean {
    return this.#host.setting.slowOpen === 0 || hasFired(this.#memory, this.openTimer);
  }

  open(): string {
    const { state } = this;
    const { kernel } = this.#host;
    const slot = kernel.find(state.major, state.minor);
    if (slot < 0 || !kernel.open(slot)) {
      this.#host.observe('finds-nothing');
      return this.#refuse(`2 device ${formatDeviceNumber(this.#number)}: expected a device, found none`);
    }
    state.descriptor = slot + 1;
    state.taken = state.major !== 0 || state.minor !== 0;
    if (this.#host.policy.identity) return 'compare';
    this.#accept();
    return 'event';
  }

  compare(): string {
    const { life, diskseq } = this.#host.kernel.disk(this.slot);
    const found = { ...this.#number, diskseq: BigInt(diskseq), bootId: BOOT_IDS[this.#host.world.boot] ?? null };
    const mismatch = compareIdentity(this.#claim(), found);
    if (mismatch !== null) {
      this.#host.refusedBy(this.place.guest, life);
      this.#release();
      this.#host.observe('refuses');
      return this.#refuse(`19 ${mismatchText(mismatch)}`);
    }
    this.#accept();
    return this.#host.policy.opened ? 'opened' : 'event';
  }

  sayOpened(): string {
    const { Opened } = this.place.paths.node;
    // The toolstack may have removed the directory meanwhile.
    if (this.store.peek(Opened) !== null) this.store.write(Opened, '1');
    return 'event';
  }

  mayExpose(): boolean {
    const { state } = this;
    return state.verified && !state.exposed && this.place.ring();
  }

  expose(): string {
    const { store, place } = this;
    store.transaction(() => {
      if (store.read(place.paths.node.State) === null) return;
      store.write(place.paths.node.Sectors, '1');
      store.write(place.paths.node.State, formatXenbusState(XenbusState.Connected));
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
    this.#release();
    this.#switchTo(XenbusState.Closed);
    this.store.disconnect();
    this.#memory.clear(this.state.base, BackendState.size);
  }

  #accept(): void {
    if (this.state.refused) this.#host.observe('retries');
    this.state.refused = false;
    this.state.verified = true;
  }

  #ignore(): string {
    this.#host.observe('ignores');
    return 'event';
  }

  #want({ major, minor }: DeviceNumber): void {
    this.state.major = major;
    this.state.minor = minor;
  }

  /** The device was opened before: it stays, whatever the nodes say now. */
  #keep({ major, minor }: DeviceNumber, diskseq: bigint | null = null): string {
    const { state } = this;
    const same = major === state.major && minor === state.minor;
    if (!same || (diskseq !== null && diskseq !== BigInt(state.diskseq))) this.#host.observe('keeps-old');
    return 'event';
  }

  #beginOpening(): string {
    const { slowOpen } = this.#host.setting;
    if (slowOpen > 0) setTimer(this.#memory, this.openTimer, slowOpen);
    return 'open';
  }

  #refuseMalformed(refusal: NodeRefusal | string): string {
    this.#host.observe('malformed');
    return this.#refuse(`22 ${typeof refusal === 'string' ? refusal : refusalText(refusal)}`);
  }

  #refuse(text: string): string {
    const { state } = this;
    this.store.write(this.place.paths.error, text);
    this.#switchTo(XenbusState.Closing);
    state.refused = true;
    state.taken = false;
    state.verified = false;
    return 'event';
  }

  #release(): void {
    if (this.state.descriptor === 0) return;
    this.#host.kernel.close(this.slot);
    this.state.descriptor = 0;
  }

  /** As xenbus_switch_state does: a directory that is gone is not made again. */
  #switchTo(to: XenbusState): void {
    const { State } = this.place.paths.node;
    if (this.store.peek(State) !== null) this.store.write(State, formatXenbusState(to));
  }

  get #number(): DeviceNumber {
    return { major: this.state.major, minor: this.state.minor };
  }

  #claim(): DeviceIdentity {
    const { claims_diskseq, diskseq, boot } = this.state;
    const bootId = boot === 0 ? null : (BOOT_IDS[boot - 2] ?? 'unknown');
    return { ...this.#number, diskseq: claims_diskseq ? BigInt(diskseq) : null, bootId };
  }
}

const NO_MODE = 'mode: expected r or w, found nothing';
