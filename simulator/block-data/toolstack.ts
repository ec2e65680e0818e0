/**
 * The toolstack of a world of block data: attaches the disk, saves, restores, migrates or snapshots its guest, detaches
 * the disk. The order of the steps is libxl's as recorded, but where a plan's name says that it is another.
 *
 * A source that has left stays as a shell until its backend has let go of its pages, as a domain does on Xen.
 */

import { writeDomainNodes } from '../../backend/toolstack-nodes.js';
import { DomainState, SuspendResult } from '../../hypervisor/domain.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { DONE, Task, task } from '../../hypervisor/steps.js';
import { bool, layout, u32 } from '../../protocol/layout.js';
import type { BlockSlot } from './machine.js';
import {
  closeVbd,
  detachVbd,
  removeVbdNodes,
  type ScriptWrites,
  type VbdPlace,
  vbdState,
  writeScriptNode,
  writeVbdNodes,
} from './toolstack-nodes.js';

/**
 * `restore`: saved and restored on the same host. `migrate`: the target runs before the source's disk is closed, as
 * recorded; `migrate-closes-first`: it waits for Closed. Snapshots take an image of memory and one of the disk:
 * `together` while the guest is suspended, `drained` when the backend has nothing left to do, `memory-first` with the disk
 * at any time after the guest goes on, `disk-first` with the disk at any time before it suspends.
 */
export type BlockPlan =
  | 'none'
  | 'cancel'
  | 'restore'
  | 'migrate'
  | 'migrate-closes-first'
  | 'snapshot-together'
  | 'snapshot-drained'
  | 'snapshot-memory-first'
  | 'snapshot-disk-first'
  | 'detach'
  | 'attach-hangs'
  | 'power-off'
  | 'destroy';

export const BlockToolstackState = layout('toolstack', {
  /** The disk is being attached to the target, else to the source. */
  to_target: bool,
  memory_saved: bool,
  disk_saved: bool,
  script_step: u32,
  run: u32,
  attach: u32,
});

export interface BlockToolstackPlace {
  readonly address: number;
  readonly plan: BlockPlan;
  readonly source: BlockSlot;
  readonly target: BlockSlot;
  readonly script: ScriptWrites;
  /** Copies the disk to its image. */
  readonly saveDisk: () => void;
  /** Image of the guest and image of the disk are complete. */
  readonly onSnapshot: () => void;
}

const attach = task<BlockToolstack>('attach', {
  create_vbd: (toolstack) => toolstack.createVbd(),
  await_backend: { when: (toolstack) => toolstack.backendWaits(), run: (toolstack) => toolstack.backendReady() },
  script: (toolstack) => toolstack.script(),
  // Only where the script hangs.
  kill_script: (toolstack) => toolstack.close(),
  await_closed: { when: (toolstack) => toolstack.closed(), run: (toolstack) => toolstack.removeNodes() },
});

const run = task<BlockToolstack>('run', {
  copy_disk_first: (toolstack) => toolstack.copyDisk(),
  ask: { when: (toolstack) => toolstack.mayAsk(), run: (toolstack) => toolstack.ask() },
  await_suspend: { when: (toolstack) => toolstack.source.guest.suspended, run: (toolstack) => toolstack.suspended() },
  await_drained: { when: (toolstack) => toolstack.source.backend.driver.idle, run: () => 'save_memory' },
  save_memory: (toolstack) => toolstack.saveMemory(),
  copy_disk: (toolstack) => toolstack.copyDisk(),
  close_source: (toolstack) => toolstack.close(),
  await_closed: { when: (toolstack) => toolstack.closed(), run: (toolstack) => toolstack.removeNodes() },
  create_target: (toolstack) => toolstack.createTarget(),
  attach_target: (toolstack) => toolstack.attachTarget(),
  unpause: { when: (toolstack) => toolstack.attached, run: (toolstack) => toolstack.unpause() },
  close_old_source: (toolstack) => toolstack.close(),
  await_old_closed: { when: (toolstack) => toolstack.closed(), run: (toolstack) => toolstack.removeNodes() },
  reap: { when: (toolstack) => toolstack.sourceUnmapped(), run: (toolstack) => toolstack.reap() },
  power_off: { when: (toolstack) => toolstack.mayAsk(), run: (toolstack) => toolstack.source.guest.front.shutdown() },
  await_off: { when: (toolstack) => !toolstack.source.guest.front.closing, run() {} },
  pause: { when: (toolstack) => toolstack.attached, run: (toolstack) => toolstack.pause() },
  detach: { when: (toolstack) => toolstack.attached, run: (toolstack) => toolstack.detach() },
  await_detached: { when: (toolstack) => toolstack.closed(), run: (toolstack) => toolstack.removeNodes() },
});

const FIRST_STEP: { readonly [P in BlockPlan]?: string } = {
  detach: 'detach',
  'snapshot-disk-first': 'copy_disk_first',
  'power-off': 'power_off',
  destroy: 'pause',
};

export class BlockToolstack {
  readonly state: ReturnType<typeof BlockToolstackState.view>;
  readonly source: BlockSlot;
  readonly runTask: Task<BlockToolstack>;
  readonly attachTask: Task<BlockToolstack>;
  readonly #place: BlockToolstackPlace;

  constructor(memory: JournaledMemory, place: BlockToolstackPlace) {
    this.#place = place;
    this.source = place.source;
    this.state = BlockToolstackState.view(memory).at(place.address);
    this.runTask = new Task(memory, run, this, place.address + BlockToolstackState.offset.run);
    this.attachTask = new Task(memory, attach, this, place.address + BlockToolstackState.offset.attach);
  }

  /** First boot of the source, with its disk. */
  boot(): void {
    this.#createDomain(this.source);
    this.source.domain.resume(SuspendResult.ResumedInNewDomain);
    this.attachTask.start();
  }

  /** Begins what the plan says. */
  begin(): void {
    const { plan } = this.#place;
    if (plan === 'none' || plan === 'attach-hangs') return;
    this.runTask.start(FIRST_STEP[plan] ?? 'ask');
  }

  createVbd(): void {
    this.state.script_step = 0;
    writeVbdNodes(this.#attaching.toolstackStore, this.#vbd(this.#attaching));
  }

  backendWaits(): boolean {
    return vbdState(this.#attaching.toolstackStore, this.#vbd(this.#attaching)) === '2';
  }

  backendReady(): string {
    return this.#place.plan === 'attach-hangs' ? 'kill_script' : 'script';
  }

  script(): string | typeof DONE {
    const { state } = this;
    const { script } = this.#place;
    const write = script[state.script_step] as ScriptWrites[number];
    writeScriptNode(this.#attaching.scriptStore, this.#vbd(this.#attaching), write);
    state.script_step += 1;
    return state.script_step < script.length ? 'script' : DONE;
  }

  mayAsk(): boolean {
    const { guest } = this.source;
    return this.attached && guest.domain.running && guest.watching;
  }

  /** No disk is being attached: one thing is done to a domain at a time. */
  get attached(): boolean {
    return !this.attachTask.running;
  }

  ask(): string {
    this.source.guest.manageTask.start();
    return 'await_suspend';
  }

  suspended(): string | typeof DONE {
    const { plan } = this.#place;
    if (plan === 'cancel') return this.#resumeSource();
    return plan === 'snapshot-drained' ? 'await_drained' : 'save_memory';
  }

  saveMemory(): string | typeof DONE {
    const { plan, source } = this.#place;
    source.domain.save(source.image);
    this.state.memory_saved = true;
    this.#judge();
    switch (plan) {
      case 'snapshot-memory-first':
        this.#resumeSource();
        return 'copy_disk';
      case 'snapshot-disk-first':
        return this.#resumeSource();
      case 'snapshot-together':
      case 'snapshot-drained':
        return 'copy_disk';
      default:
        return plan === 'migrate' ? 'create_target' : 'close_source';
    }
  }

  copyDisk(): string | typeof DONE {
    const { plan } = this.#place;
    this.#place.saveDisk();
    this.state.disk_saved = true;
    this.#judge();
    if (plan === 'snapshot-disk-first') return 'ask';
    return plan === 'snapshot-memory-first' ? DONE : this.#resumeSource();
  }

  close(): void {
    closeVbd(this.source.toolstackStore, this.#vbd(this.source));
  }

  closed(): boolean {
    const state = vbdState(this.source.toolstackStore, this.#vbd(this.source));
    return state === null || state === '6';
  }

  removeNodes(): string | typeof DONE {
    const { plan, target } = this.#place;
    removeVbdNodes(this.source.toolstackStore, this.#vbd(this.source));
    if (plan === 'detach' || plan === 'attach-hangs') return DONE;
    if (plan === 'power-off' || plan === 'destroy') return 'reap';
    return target.domain.state === DomainState.Free ? 'create_target' : 'reap';
  }

  createTarget(): void {
    const { target, source } = this.#place;
    this.#createDomain(target);
    target.domain.restore(source.image);
  }

  attachTarget(): void {
    this.state.to_target = true;
    this.attachTask.start();
  }

  unpause(): string {
    const { target, plan } = this.#place;
    target.domain.resume(SuspendResult.ResumedInNewDomain);
    return plan === 'migrate' ? 'close_old_source' : 'reap';
  }

  sourceUnmapped(): boolean {
    const { driver, alive } = this.source.backend;
    return !alive || driver.state.handle === 0;
  }

  reap(): typeof DONE {
    const { source } = this;
    source.host.events.closeAll(source.domain);
    source.toolstackStore.domainDestroyed(source.domid);
    source.domain.destroy();
    return DONE;
  }

  /** The domain does not run any more. */
  pause(): string {
    this.source.domain.setState(DomainState.Paused);
    return 'close_source';
  }

  detach(): string {
    detachVbd(this.source.toolstackStore, this.#vbd(this.source));
    return 'await_detached';
  }

  #createDomain(slot: BlockSlot): void {
    const { domain, domid, toolstackStore, guestStore } = slot;
    domain.create(domid);
    toolstackStore.domainCreated(domid);
    writeDomainNodes(toolstackStore, domid);
    toolstackStore.introduce(domid);
    guestStore.connect();
  }

  /** The fast way: the guest's hypercall returns 1, and no device is touched. */
  #resumeSource(): typeof DONE {
    const { source } = this;
    source.toolstackStore.resumeDomain(source.domid);
    source.domain.resume(SuspendResult.Cancelled);
    return DONE;
  }

  #judge(): void {
    if (this.state.memory_saved && this.state.disk_saved) this.#place.onSnapshot();
  }

  get #attaching(): BlockSlot {
    return this.state.to_target ? this.#place.target : this.source;
  }

  #vbd(slot: BlockSlot): VbdPlace {
    return { frontend: slot.domid, backend: 0 };
  }
}
