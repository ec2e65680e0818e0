/**
 * The block script of the toolstack: finds the guest's device or attaches its file to a loop device, looks whether it is
 * shared, and writes the nodes; later it detaches what it has attached. Design P is the stock shell script, the others
 * are a program that keeps the device open and takes number and diskseq from its descriptor.
 *
 * It may be killed between any two steps; then its descriptor is closed and its lock is free, and nothing else is done.
 */
import { publishIdentity, withdrawIdentity } from '../../backend/identity-nodes.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { DONE, type StepResult, Task, task } from '../../hypervisor/steps.js';
import { layout, u8, u32, u64 } from '../../protocol/layout.js';
import type { DeviceNumber } from '../../protocol/physical-device.js';
import type { StoreClient } from '../store-client.js';
import type { IdentityHost } from './host.js';
import { Content, type GendiskKind, SLOTS } from './kernel.js';
import { BOOT_IDS, type DevicePaths, devicePath, devicePaths } from './nodes.js';
import { writtenNumber, writtenSequence } from './script-values.js';
import type { ScriptRules, Source } from './setting.js';

export const ScriptState = layout('script', {
  add: u32,
  remove: u32,
  diskseq: u64,
  /** Slot of the device it is about + 1, of the one it has open + 1. */
  found: u8,
  descriptor: u8,
  /** `ScriptResult`. */
  result: u8,
});

export const ScriptResult = { None: 0, Success: 1, Failure: 2 } as const;

const add = task<BlockScript>('add', {
  lock: { when: (script) => script.mayLock(), run: (script) => script.lock() },
  look: (script) => script.look(),
  find: (script) => script.find(),
  attach: (script) => script.attach(),
  record: (script) => script.record(),
  identify: (script) => script.identify(),
  share: (script) => script.share(),
  publish: (script) => script.publish(),
  publish_identity: (script) => script.publishIdentity(),
  publish_number: (script) => script.publishNumber(),
  status: (script) => script.status(),
  unlock: (script) => script.unlock(),
  verify: { when: (script) => script.mayVerify(), run: (script) => script.verify() },
  wait_opened: { when: (script) => script.isOpened(), run: () => 'exit' },
  exit: (script) => script.exit(ScriptResult.Success),
  fail: (script) => script.fail(),
});

const remove = task<BlockScript>('remove', {
  find: (script) => script.findAttached(),
  open: (script) => script.openAttached(),
  compare: (script) => script.compareAttached(),
  clear: (script) => script.clear(),
  close: (script) => script.exit(ScriptResult.Success),
});

export interface ScriptPlace {
  readonly name: string;
  /** Who holds the lock when this one does; from 1. */
  readonly number: number;
  readonly address: number;
  readonly guest: number;
  readonly paths: DevicePaths;
  readonly store: StoreClient;
  /** What it is given: volume or file A or B. */
  readonly content: number;
  /** It knows no identity. */
  readonly isOld: boolean;
  /** The diskseq of what the backend has open, as sysfs shows it; null while it has nothing open. */
  readonly opened: () => number | null;
}

const KIND_OF: { readonly [S in Source]: GendiskKind } = {
  volume: 'volume',
  file: 'loop',
  partition: 'disk',
  removable: 'drive',
};

export class BlockScript {
  readonly place: ScriptPlace;
  readonly state;
  readonly addTask: Task<BlockScript>;
  readonly removeTask: Task<BlockScript>;
  readonly #memory: JournaledMemory;
  readonly #host: IdentityHost;
  readonly #kind: GendiskKind;
  readonly #rules: ScriptRules;

  constructor(host: IdentityHost, place: ScriptPlace) {
    this.#memory = host.memory;
    this.#host = host;
    this.place = place;
    this.#kind = KIND_OF[host.setting.source];
    this.#rules = host.setting.script;
    this.state = ScriptState.view(host.memory).at(place.address);
    this.addTask = new Task(host.memory, add, this, place.address + ScriptState.offset.add);
    this.removeTask = new Task(host.memory, remove, this, place.address + ScriptState.offset.remove);
  }

  get running(): boolean {
    return this.addTask.running || this.removeTask.running;
  }

  get finished(): boolean {
    return this.state.result !== ScriptResult.None;
  }

  startAdd(): void {
    this.#memory.clear(this.state.base, ScriptState.size);
    this.addTask.start();
  }

  startRemove(): void {
    this.#memory.clear(this.state.base, ScriptState.size);
    this.removeTask.start();
  }

  /** SIGKILL. */
  kill(): void {
    this.#host.world.killed = true;
    this.#end(ScriptResult.Failure);
  }

  mayLock(): boolean {
    return !this.#rules.lock || this.#host.world.lock === 0;
  }

  lock(): void {
    if (this.#rules.lock) this.#host.world.lock = this.place.number;
  }

  look(): string | undefined {
    const { node } = this.place.paths;
    if (!this.#rules.overwrites && this.place.store.read(node.PhysicalDevice) !== null) {
      this.#host.observe('exits-early');
      return 'exit';
    }
    return undefined;
  }

  find(): string {
    const { kernel } = this.#host;
    if (this.#kind !== 'loop') {
      const slot = kernel.findContent(this.#kind, this.place.content);
      if (slot < 0) return 'fail';
      // The stock script asks for the number of a name and opens nothing.
      if (this.#knowsIdentity && !this.#open(slot)) return 'fail';
      this.#mean(slot);
      return this.#knowsIdentity ? 'identify' : 'share';
    }
    const slot = kernel.findFree('loop');
    if (slot < 0) return 'fail';
    this.state.found = slot + 1;
    if (!this.#rules.readsTooEarly) return this.#rules.oneCall && this.#knowsIdentity ? this.attach() : 'attach';
    this.#readSequence();
    return 'attach';
  }

  attach(): string {
    const { kernel } = this.#host;
    const slot = this.state.found - 1;
    if (!kernel.attach(slot, this.place.content, this.place.guest, this.#deletes)) {
      this.#host.observe('attach-fails');
      return 'fail';
    }
    if (this.#knowsIdentity || this.#deletes) this.#open(slot);
    this.#mean(slot);
    return 'record';
  }

  record(): string {
    this.place.store.write(this.place.paths.node.Node, this.#path);
    return this.#knowsIdentity && !this.#rules.readsTooEarly ? 'identify' : 'share';
  }

  identify(): void {
    this.#readSequence();
  }

  share(): string | undefined {
    if (this.#rules.sharing === 'none') return this.#firstToPublish();
    const { store } = this.place;
    for (let guest = 1; guest <= this.#host.truths.length; guest++) {
      if (guest === this.place.guest) continue;
      const { node } = devicePaths(this.#host.setting.use, guest);
      if (store.read(node.PhysicalDevice) !== this.#number()) continue;
      if (this.#rules.sharing === 'identity' && store.read(node.Identity) !== this.#sequence()) continue;
      this.#host.observe('busy');
      store.write(this.place.paths.node.HotplugStatus, 'busy');
      if (this.#host.truth(guest).meant !== this.#host.truth(this.place.guest).meant)
        this.#host.fail('no-false-refusal', `${this.place.name} takes a device for shared that nobody else has`);
      return 'fail';
    }
    return this.#firstToPublish();
  }

  publish(): string {
    const { store, paths } = this.place;
    const { number, sequence, overwrites } = this.#rules;
    if (number === 'hex' && sequence === 'hex' && !overwrites) {
      const bootId = this.#host.setting.bootId ? (BOOT_IDS[this.#host.world.boot] as string) : null;
      const identity = { ...this.#device(), diskseq: BigInt(this.state.diskseq), bootId };
      if (publishIdentity(store, paths.directory, identity) === 'written') return 'status';
      this.#host.observe('exits-early');
      return 'unlock';
    }
    store.transaction(() => {
      this.#writeIdentity();
      this.#writeNumber();
    });
    return 'status';
  }

  publishIdentity(): string {
    this.#writeIdentity();
    return this.#rules.order === 'identity-first' ? 'publish_number' : 'status';
  }

  publishNumber(): string {
    this.#writeNumber();
    return this.#knowsIdentity && this.#rules.order === 'number-first' ? 'publish_identity' : 'status';
  }

  status(): void {
    const { store, paths } = this.place;
    store.write(paths.node.PhysicalDevicePath, this.#path);
    store.write(paths.node.HotplugStatus, 'connected');
  }

  unlock(): string {
    this.#unlock();
    if (this.#rules.verifies && !this.#knowsIdentity) return 'verify';
    return this.#host.policy.opened && this.#knowsIdentity ? 'wait_opened' : 'exit';
  }

  mayVerify(): boolean {
    return this.place.opened() !== null;
  }

  verify(): string {
    return this.place.opened() === this.state.diskseq ? 'exit' : 'fail';
  }

  /** Nothing but `opened` ends the wait: a refusal may be followed by another try. The toolstack limits it. */
  isOpened(): boolean {
    return this.place.store.peek(this.place.paths.node.Opened) === '1';
  }

  fail(): StepResult {
    const { store, paths } = this.place;
    if (store.peek(paths.node.State) !== null && store.peek(paths.node.HotplugStatus) !== 'busy')
      store.write(paths.node.HotplugStatus, 'error');
    return this.exit(ScriptResult.Failure);
  }

  exit(result: number): StepResult {
    this.#end(result);
    return DONE;
  }

  findAttached(): StepResult {
    if (this.#kind !== 'loop') return this.exit(ScriptResult.Success);
    const { store, paths } = this.place;
    const name = store.read(paths.node.Node);
    if (name === null) {
      this.#host.observe('finds-no-record');
      return this.exit(ScriptResult.Success);
    }
    this.state.found = SLOTS.findIndex((slot) => devicePath(slot.name) === name) + 1;
    if (!this.#knowsIdentity) return 'open';
    const sequence = store.read(paths.node.Identity);
    this.state.diskseq = sequence === null ? 0 : Number.parseInt(sequence, 16);
    withdrawIdentity(store, paths.directory);
    return 'open';
  }

  openAttached(): StepResult {
    const slot = this.state.found - 1;
    if (!this.#open(slot)) return this.exit(ScriptResult.Success);
    return this.#knowsIdentity ? 'compare' : 'clear';
  }

  compareAttached(): StepResult {
    if (this.#host.kernel.disk(this.state.found - 1).diskseq === this.state.diskseq) return 'clear';
    this.#host.observe('refuses-detach');
    return this.exit(ScriptResult.Failure);
  }

  clear(): void {
    const slot = this.state.found - 1;
    const { kernel } = this.#host;
    const { life } = kernel.disk(slot);
    if (life === 0) return;
    if (life !== this.#host.truth(this.place.guest).meant)
      this.#host.fail('right-device', `${this.place.name} detaches ${SLOTS[slot]?.name}, which is somebody else's`);
    this.#host.observe(kernel.clear(slot) ? 'marks-autoclear' : 'detaches');
  }

  get #knowsIdentity(): boolean {
    return (this.#host.policy.identity || this.#rules.alwaysIdentity) && !this.place.isOld;
  }

  get #deletes(): boolean {
    return this.#host.setting.deletesOnClose ?? this.#host.policy.opened;
  }

  /** A partition is one above its disk. */
  #device(): DeviceNumber {
    const { major, minor } = SLOTS[this.state.found - 1] as DeviceNumber;
    return { major, minor: this.#kind === 'disk' ? minor + 1 : minor };
  }

  get #path(): string {
    return devicePath((SLOTS[this.state.found - 1] as { name: string }).name);
  }

  #number(): string {
    return writtenNumber(this.#device(), this.#rules.number);
  }

  #sequence(): string {
    return writtenSequence(this.state.diskseq, this.#rules.sequence);
  }

  #firstToPublish(): string {
    if (!this.#knowsIdentity) return 'publish_number';
    switch (this.#rules.order) {
      case 'transaction':
        return 'publish';
      case 'identity-first':
        return 'publish_identity';
      case 'number-first':
        return 'publish_number';
    }
  }

  #writeIdentity(): void {
    const { store, paths } = this.place;
    store.write(paths.node.Identity, this.#sequence());
    if (this.#host.setting.bootId) store.write(paths.node.BootId, BOOT_IDS[this.#host.world.boot] as string);
  }

  #writeNumber(): void {
    this.place.store.write(this.place.paths.node.PhysicalDevice, this.#number());
  }

  /** From now on this is the device that must be exposed. */
  #mean(slot: number): void {
    this.state.found = slot + 1;
    const truth = this.#host.truth(this.place.guest);
    truth.meant = this.#host.kernel.disk(slot).life;
    if (this.#rules.verifies) this.#readSequence();
  }

  #readSequence(): void {
    this.state.diskseq = this.#host.kernel.disk(this.state.found - 1).diskseq;
  }

  #open(slot: number): boolean {
    if (!this.#host.kernel.open(slot)) return false;
    this.state.descriptor = slot + 1;
    return true;
  }

  #unlock(): void {
    if (this.#host.world.lock === this.place.number) this.#host.world.lock = 0;
  }

  #end(result: number): void {
    const { state } = this;
    if (state.descriptor > 0) this.#host.kernel.close(state.descriptor - 1);
    state.descriptor = 0;
    this.#unlock();
    this.addTask.stop();
    this.removeTask.stop();
    state.result = result;
  }
}

/** What the first guest is given, and the others. */
export const GIVEN: { readonly first: number; readonly other: number } = { first: Content.A, other: Content.B };
