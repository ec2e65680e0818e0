/**
 * The toolstack: suspend, save, send, restore, cancel, clone, destroy, after libxl and xl.
 *
 * Each step is atomic and the toolstack may die before any of them; then a successor looks at what is there and
 * brings the domain back: it goes on with the copy that runs, else it resumes the source where it stands.
 */

import {
  backendState,
  requestSuspend,
  suspendAcknowledged,
  type VtpmPlace,
  withdrawSuspend,
} from '../backend/toolstack-nodes.js';
import { QUIESCE_NODE, QUIESCED_NODE } from '../backend/tpmback/v2.js';
import { DomainState, SuspendResult } from '../hypervisor/domain.js';
import { ALL_AGENTS, type JournaledMemory } from '../hypervisor/journaled-memory.js';
import { DONE, Task, task } from '../hypervisor/steps.js';
import { hasFired, setTimer, stopTimer } from '../hypervisor/timers.js';
import { assert } from '../protocol/assert.js';
import { vtpmPaths } from '../protocol/vtpm-paths.js';
import { DeviceNode } from '../protocol/xenbus.js';
import { ACKNOWLEDGE_MILLISECONDS, type Plan, SUSPEND_MILLISECONDS } from './plan.js';
import type { Slot } from './slot.js';
import type { StoreClient } from './store-client.js';
import { closeVtpm, removeVtpmNodes, writeDomainNodes, writeVtpmNodes } from './toolstack-requests.js';
import { ToolstackState } from './toolstack-state.js';

export interface ToolstackPlace {
  readonly address: number;
  readonly plan: Plan;
  readonly source: Slot;
  readonly target: Slot;
  /** The vTPM needs node `instance`. */
  readonly instance: boolean;
  readonly storeOf: (slot: Slot) => StoreClient;
  /** A snapshot (image of the domain and of its vTPM) is complete and may be used from now on. */
  readonly onSnapshot: () => void;
  /** A domain has begun to run. */
  readonly onRun: (slot: Slot) => void;
  /** The images of a checkpoint are kept when the guest goes on. */
  readonly keepsCheckpoint: boolean;
}

const run = task<Toolstack>('run', {
  request_suspend: (toolstack) => toolstack.requestSuspend(),
  await_acknowledgement: {
    when: (toolstack) => toolstack.acknowledged(),
    run: (toolstack) => toolstack.takeAcknowledgement(),
  },
  await_suspend: {
    when: (toolstack) => toolstack.sourceSuspended() || toolstack.late(),
    run: (toolstack) => toolstack.takeSuspend(),
  },
  drain_vtpm: (toolstack) => toolstack.drain(),
  await_drain: { when: (toolstack) => toolstack.drained(), run: () => 'save_memory' },
  save_memory: (toolstack) => toolstack.saveMemory(),
  save_vtpm: { when: (toolstack) => !toolstack.source.device.busy, run: (toolstack) => toolstack.saveDevice() },
  close_source: (toolstack) => toolstack.closeSource(),
  await_source_closed: { when: (toolstack) => toolstack.sourceClosed(), run: (toolstack) => toolstack.removeSource() },
  create_target: (toolstack) => toolstack.createTarget(),
  restore_memory: (toolstack) => toolstack.restoreMemory(),
  restore_vtpm: (toolstack) => toolstack.restoreDevice(),
  create_vtpm: (toolstack) => toolstack.createVtpm(),
  await_backend: { when: (toolstack) => toolstack.targetWaits(), run() {} },
  unpause_target: (toolstack) => toolstack.unpauseTarget(),
  close_old_source: (toolstack) => toolstack.closeSource(),
  await_old_source_closed: {
    when: (toolstack) => toolstack.sourceClosed(),
    run: (toolstack) => toolstack.removeSource(),
  },
  // Only after the guest was lost, and there is a checkpoint.
  close_lost_source: (toolstack) => toolstack.closeSource(),
  await_lost_source_closed: {
    when: (toolstack) => toolstack.sourceClosed() && !toolstack.source.device.busy,
    run: (toolstack) => toolstack.removeLostSource(),
  },
});

const recover = task<Toolstack>('successor', {
  look: (toolstack) => toolstack.look(),
  await_target_closed: { when: (toolstack) => toolstack.targetClosed(), run: (toolstack) => toolstack.removeTarget() },
  resume_source: (toolstack) => toolstack.resumeSource(),
});

export class Toolstack {
  readonly state;
  readonly runTask: Task<Toolstack>;
  readonly recoverTask: Task<Toolstack>;
  readonly plan: Plan;
  readonly #memory: JournaledMemory;
  readonly #place: ToolstackPlace;

  constructor(memory: JournaledMemory, place: ToolstackPlace) {
    this.#memory = memory;
    this.#place = place;
    this.plan = place.plan;
    this.state = ToolstackState.view(memory).at(place.address);
    this.runTask = new Task(memory, run, this, place.address + ToolstackState.offset.run);
    this.recoverTask = new Task(memory, recover, this, place.address + ToolstackState.offset.recover);
  }

  get source(): Slot {
    return this.state.turned ? this.#place.target : this.#place.source;
  }

  get #target(): Slot {
    return this.state.turned ? this.#place.source : this.#place.target;
  }

  /** The guest has moved, and nothing is left of where it was: what comes next begins where it is. */
  turn(): void {
    assert(!this.source.exists && this.#target.domain.running, 'toolstack: expected a guest that has moved');
    this.state.turned = !this.state.turned;
  }

  get timer(): number {
    return this.#place.address + ToolstackState.offset.timer;
  }

  /** Both images are complete, and all the toolstack or its successor does next is on the target's host. */
  get onTargetHost(): boolean {
    if (!this.state.device_saved || this.recoverTask.at('resume_source')) return false;
    return !this.runTask.at('close_source') && !this.runTask.at('close_old_source');
  }

  /** Makes the domain with its vTPM, and lets it run. */
  create(slot: Slot): void {
    const store = this.#place.storeOf(slot);
    slot.domain.create(slot.domid);
    store.domainCreated(slot.domid);
    writeDomainNodes(store, slot.domid);
    store.introduce(slot.domid);
    slot.guestStore.connect();
    writeVtpmNodes(store, this.#vtpm(slot));
    slot.volume?.publish(store, slot.domid);
    slot.device.manufacture();
    slot.domain.resume(SuspendResult.ResumedInNewDomain);
  }

  requestSuspend(): void {
    requestSuspend(this.#store, this.source.domid);
    if (this.plan.timeouts) setTimer(this.#memory, this.timer, ACKNOWLEDGE_MILLISECONDS);
  }

  acknowledged(): boolean {
    return this.late() || suspendAcknowledged(this.#store, this.source.domid);
  }

  takeAcknowledgement(): string | typeof DONE {
    if (!this.plan.timeouts) return 'await_suspend';
    if (this.late() && withdrawSuspend(this.#store, this.source.domid)) {
      stopTimer(this.#memory, this.timer);
      return DONE;
    }
    setTimer(this.#memory, this.timer, SUSPEND_MILLISECONDS);
    return 'await_suspend';
  }

  late(): boolean {
    return hasFired(this.#memory, this.timer);
  }

  sourceSuspended(): boolean {
    return this.source.domain.state === DomainState.Suspended;
  }

  /** A guest that is late is left alone: after this time-out nobody resumes it. */
  takeSuspend(): string | typeof DONE {
    stopTimer(this.#memory, this.timer);
    if (!this.sourceSuspended()) return DONE;
    if (this.plan.ends === 'cancelled') return this.#cancel();
    return this.plan.drain ? 'drain_vtpm' : 'save_memory';
  }

  drain(): void {
    this.#store.write(this.#node(QUIESCE_NODE), '1');
  }

  drained(): boolean {
    return this.#store.peek(this.#node(QUIESCED_NODE)) !== null;
  }

  saveMemory(): string | typeof DONE {
    this.source.domain.save(this.source.memoryImage);
    if (this.plan.ends === 'save-fails') return this.#cancel();
    return 'save_vtpm';
  }

  saveDevice(): string | typeof DONE {
    if (this.#moves) this.source.device.save(this.source.deviceImage);
    this.state.device_saved = true;
    if (this.plan.operation === 'checkpoint') {
      this.#place.onSnapshot();
      return this.#cancel();
    }
    return this.plan.operation === 'save-restore' ? 'close_source' : 'create_target';
  }

  /** A successor may find it closed already: 5 written over 6 would never be answered. */
  closeSource(): void {
    if (!this.sourceClosed()) closeVtpm(this.#store, this.#vtpm(this.source));
  }

  sourceClosed(): boolean {
    return isClosed(backendState(this.#store, this.#vtpm(this.source)));
  }

  removeSource(): string | typeof DONE {
    removeVtpmNodes(this.#store, this.#vtpm(this.source));
    this.source.end();
    return this.plan.operation === 'save-restore' && !this.#target.exists ? 'create_target' : DONE;
  }

  createTarget(): void {
    this.#target.domain.create(this.#target.domid);
    const store = this.#place.storeOf(this.#target);
    store.domainCreated(this.#target.domid);
    writeDomainNodes(store, this.#target.domid);
  }

  restoreMemory(): string | typeof DONE {
    if (this.plan.ends === 'restore-fails') {
      this.#target.domain.destroy();
      return this.#cancel();
    }
    this.#target.domain.restore(this.source.memoryImage);
    return 'restore_vtpm';
  }

  restoreDevice(): void {
    if (this.#moves) {
      this.#target.device.load(this.source.deviceImage);
      return;
    }
    // A new vTPM makes its own state; the toolstack may not touch it.
    this.#memory.current = ALL_AGENTS;
    this.#target.device.manufacture();
  }

  createVtpm(): void {
    const store = this.#place.storeOf(this.#target);
    store.introduce(this.#target.domid);
    this.#target.guestStore.connect();
    writeVtpmNodes(store, this.#vtpm(this.#target));
    this.#target.volume?.publish(store, this.#target.domid);
  }

  /** libxl goes on when the backend of the new domain is at 2. */
  targetWaits(): boolean {
    return backendState(this.#place.storeOf(this.#target), this.#vtpm(this.#target)) === '2';
  }

  unpauseTarget(): string | typeof DONE {
    // Of a guest and a vTPM that were put together from different moments, what the drivers do is judged.
    if (!this.state.mixed) this.#place.onSnapshot();
    this.#target.domain.resume(SuspendResult.ResumedInNewDomain);
    this.#discardImages();
    this.#place.onRun(this.#target);
    return this.source.exists ? 'close_old_source' : DONE;
  }

  /** The stream of a migration is on its way, of which nothing has been restored yet. */
  get streaming(): boolean {
    return this.plan.operation === 'migrate' && this.runTask.at('restore_memory');
  }

  /** The target has all of the stream, and has not been told to go on. */
  get shakingHands(): boolean {
    return this.plan.operation === 'migrate' && (this.runTask.at('create_vtpm') || this.runTask.at('await_backend'));
  }

  /** The stream ends after `bytes` bytes; both ends notice, and the source takes the migration back. */
  cutStream(bytes: number): void {
    if (bytes > 0) this.#target.receivePart(this.source, bytes);
    this.loseConnection();
  }

  /** The connection to the target's host ends, and the source takes the migration back. */
  loseConnection(): void {
    this.runTask.stop();
    this.recoverTask.start();
  }

  /** There is a checkpoint of a guest that runs, and nothing else to do. */
  get mayRestoreCheckpoint(): boolean {
    const { state, source } = this;
    return state.checkpoint_kept && source.domain.running && !this.runTask.running && !this.recoverTask.running;
  }

  /** The guest crashes and is restored from the checkpoint; its vTPM too, unless `mixed`. */
  restoreCheckpoint(mixed: boolean): void {
    this.state.checkpoint_kept = false;
    this.state.mixed = mixed;
    this.source.domain.setState(DomainState.Crashed);
    this.runTask.start('close_lost_source');
  }

  removeLostSource(): string {
    if (this.state.mixed) this.source.device.save(this.source.deviceImage);
    removeVtpmNodes(this.#store, this.#vtpm(this.source));
    this.source.end();
    return 'create_target';
  }

  /** What a successor finds, it finishes or takes back. */
  look(): string | typeof DONE {
    if (this.#target.exists && this.#target.domain.running) {
      if (this.source.exists) this.runTask.start('close_old_source');
      return DONE;
    }
    if (!this.source.exists || !this.sourceSuspended()) return DONE;
    // A save to a file has taken the devices away: there is no way back, only on.
    if (this.state.device_saved && this.#store.peek(this.#frontState()) === null) {
      this.runTask.start('await_source_closed');
      return DONE;
    }
    if (this.#target.exists) {
      if (this.#target.attached && !this.targetClosed())
        closeVtpm(this.#place.storeOf(this.#target), this.#vtpm(this.#target));
      return 'await_target_closed';
    }
    return 'resume_source';
  }

  targetClosed(): boolean {
    const state = backendState(this.#place.storeOf(this.#target), this.#vtpm(this.#target));
    return isClosed(state) || !this.#target.attached;
  }

  removeTarget(): void {
    removeVtpmNodes(this.#place.storeOf(this.#target), this.#vtpm(this.#target));
    this.#target.end();
  }

  /** The fast way: the guest's hypercall returns 1, and no device is touched. */
  resumeSource(): typeof DONE {
    const quiesce = this.#node(QUIESCE_NODE);
    if (this.#store.read(quiesce) !== null) {
      this.#store.transaction(() => {
        this.#store.remove(this.#node(QUIESCED_NODE));
        this.#store.remove(quiesce);
      });
    }
    if (this.state.device_saved && this.#place.keepsCheckpoint) this.#keepCheckpoint();
    else this.#discardImages();
    this.#store.resumeDomain(this.source.domid);
    const asNew = this.plan.giveUp === 'as-new-domain';
    this.source.domain.resume(asNew ? SuspendResult.ResumedInNewDomain : SuspendResult.Cancelled);
    this.#place.onRun(this.source);
    return DONE;
  }

  #discardImages(): void {
    this.source.discardImages();
    this.state.device_saved = false;
  }

  #keepCheckpoint(): void {
    this.state.checkpoint_kept = true;
    this.state.device_saved = false;
  }

  #cancel(): typeof DONE {
    if (this.plan.giveUp === 'leaves-suspended') return DONE;
    this.recoverTask.start('resume_source');
    return DONE;
  }

  get #moves(): boolean {
    return this.plan.vtpmState !== 'left-behind';
  }

  get #store(): StoreClient {
    return this.#place.storeOf(this.source);
  }

  #vtpm(slot: Slot): VtpmPlace {
    return { frontend: slot.domid, backend: 0, instance: this.#place.instance };
  }

  #frontState(): string {
    return vtpmPaths(0, this.source.domid).front(DeviceNode.State);
  }

  /** A node in the directory of the source's backend. */
  #node(name: string): string {
    return vtpmPaths(0, this.source.domid).back(name);
  }
}

function isClosed(state: string | null): boolean {
  return state === null || state === '6';
}
