/**
 * The toolstack of one guest: makes the backend directory, waits for InitWait (10 s), runs the block script (40 s, then
 * SIGKILL), starts the guest, and takes the device away again when the script fails or the plan says so. Durations and
 * order are libxl's.
 */
import { DONE, type StepResult, Task, task } from '../../hypervisor/steps.js';
import { hasFired, setTimer, stopTimer } from '../../hypervisor/timers.js';
import { bool, layout, u8, u32, u64 } from '../../protocol/layout.js';
import { formatDeviceNumber, formatDiskSequence } from '../../protocol/physical-device.js';
import { formatXenbusState, parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import type { StoreClient } from '../store-client.js';
import type { IdentityBackend } from './backend.js';
import { DomainIs, type IdentityHost } from './host.js';
import { Content, SLOTS } from './kernel.js';
import type { DevicePaths } from './nodes.js';
import { type BlockScript, ScriptResult } from './script.js';

export const ToolstackState = layout('toolstack', {
  run: u32,
  timer: u32,
  /** What is kept for later: slot + 1 and diskseq. */
  noted_sequence: u64,
  noted: u8,
  /** Which script it has started last. */
  script: u8,
  added: bool,
  dead: bool,
  /** The guest has been rebooted, or moved. */
  again: bool,
});

const INIT_WAIT_MILLISECONDS = 10_000;
const SCRIPT_MILLISECONDS = 40_000;
const CLOSED_MILLISECONDS = 10_000;

const run = task<IdentityToolstack>('run', {
  script: { when: (toolstack) => toolstack.backendWaits(), run: (toolstack) => toolstack.startScript(0) },
  wait_script: { when: (toolstack) => toolstack.scriptEnds(), run: (toolstack) => toolstack.judgeScript() },
  kill: (toolstack) => toolstack.killScript(),
  unpause: (toolstack) => toolstack.unpause(),
  in_use: { when: (toolstack) => toolstack.isSettled(), run: (toolstack) => toolstack.afterUse() },
  second_script: (toolstack) => toolstack.startScript(1),
  suspend: (toolstack) => toolstack.suspend(),
  resume: (toolstack) => toolstack.resume(),
  move: (toolstack) => toolstack.move(),
  note: (toolstack) => toolstack.note(),
  write_note: (toolstack) => toolstack.writeNote(),
  teardown: (toolstack) => toolstack.tearDown(),
  wait_closed: { when: (toolstack) => toolstack.isClosed(), run: (toolstack) => toolstack.afterClose() },
  remove_script: (toolstack) => toolstack.startRemove(),
  wait_removed: { when: (toolstack) => toolstack.scriptEnds(), run: (toolstack) => toolstack.afterRemove() },
  forget: (toolstack) => toolstack.forget(),
  forget_first: (toolstack) => toolstack.forgetFirst(),
});

export interface ToolstackPlace {
  readonly address: number;
  readonly guest: number;
  readonly paths: DevicePaths;
  readonly store: StoreClient;
  readonly backend: IdentityBackend;
  /** The second one for the plans with two. */
  readonly scripts: readonly BlockScript[];
}

export class IdentityToolstack {
  readonly place: ToolstackPlace;
  readonly state;
  readonly task: Task<IdentityToolstack>;
  readonly #host: IdentityHost;

  constructor(host: IdentityHost, place: ToolstackPlace) {
    this.#host = host;
    this.place = place;
    this.state = ToolstackState.view(host.memory).at(place.address);
    this.task = new Task(host.memory, run, this, place.address + ToolstackState.offset.run);
  }

  get timer(): number {
    return this.place.address + ToolstackState.offset.timer;
  }

  /** Begins what the plan says. */
  start(): void {
    const { setting } = this.#host;
    this.createNodes();
    this.#truth.domain = setting.hotAdd || setting.plan === 'udev' ? DomainIs.Running : DomainIs.Built;
    this.#setTimer(INIT_WAIT_MILLISECONDS);
    this.task.start(setting.plan === 'kept' ? 'note' : 'script');
  }

  createNodes(): void {
    const { store, paths } = this.place;
    store.transaction(() => {
      store.write(paths.node.State, formatXenbusState(XenbusState.Initialising));
      store.write(paths.node.Online, '1');
      store.write(paths.node.Mode, this.#host.setting.mode);
    });
    this.#truth.meant_writable = this.#host.setting.mode === 'w';
  }

  /** It dies; what it has started goes on. */
  die(): void {
    this.task.stop();
    stopTimer(this.#host.memory, this.timer);
    this.state.dead = true;
  }

  backendWaits(): boolean {
    return this.#backendState() === XenbusState.InitWait || this.#fired;
  }

  startScript(which: number): string {
    if (which === 0 && this.#backendState() !== XenbusState.InitWait) return 'teardown';
    this.state.script = which;
    this.#script.startAdd();
    const { plan } = this.#host.setting;
    if (plan === 'twice') this.place.scripts[1]?.startAdd();
    // Nobody limits the time of a script that udev runs.
    if (plan === 'udev') stopTimer(this.#host.memory, this.timer);
    else this.#setTimer(SCRIPT_MILLISECONDS);
    return 'wait_script';
  }

  scriptEnds(): boolean {
    return this.#script.finished || this.#fired;
  }

  judgeScript(): string {
    const { result } = this.#script.state;
    if (result === ScriptResult.None) return 'kill';
    if (result === ScriptResult.Success) return 'unpause';
    if (this.#host.setting.plan === 'again' && this.state.script === 0) return 'second_script';
    return this.#addFails();
  }

  killScript(): string {
    this.#host.observe('times-out');
    this.#script.kill();
    return this.#addFails();
  }

  unpause(): StepResult {
    this.#truth.domain = DomainIs.Running;
    this.state.added = true;
    stopTimer(this.#host.memory, this.timer);
    switch (this.#host.setting.plan) {
      case 'add':
      case 'twice':
      case 'udev':
      case 'kept':
        return DONE;
      default:
        return this.state.again || this.state.script === 1 ? DONE : 'in_use';
    }
  }

  /** The backend has done with the device what it will do. */
  isSettled(): boolean {
    const { state, opening } = this.place.backend;
    return state.exposed || opening.state.refused;
  }

  afterUse(): StepResult {
    switch (this.#host.setting.plan) {
      case 'again':
        return this.place.backend.opening.state.refused ? 'second_script' : DONE;
      case 'cancel':
      case 'resume':
        return this.place.backend.state.exposed ? 'suspend' : DONE;
      case 'reboot-host':
      case 'migrate':
      case 'migrate-copied':
        return 'move';
      default:
        return 'teardown';
    }
  }

  suspend(): StepResult {
    this.#truth.domain = DomainIs.Built;
    return 'resume';
  }

  /** A cancelled suspend touches no backend; a resume in a new domain makes it close and open the device anew. */
  resume(): StepResult {
    this.#truth.domain = DomainIs.Running;
    if (this.#host.setting.plan !== 'resume') return DONE;
    this.#host.world.resumed = true;
    this.#restartBackend();
    return DONE;
  }

  /** To another kernel: the host boots, or the guest moves to another host. */
  move(): StepResult {
    const { setting, world } = this.#host;
    this.place.backend.crash();
    this.state.again = true;
    world.kernel = 1;
    world.boot = 1;
    if (setting.plan === 'migrate') {
      this.place.store.remove(this.place.paths.directory);
      this.createNodes();
      this.#truth.domain = DomainIs.Built;
      this.#setTimer(INIT_WAIT_MILLISECONDS);
    } else {
      this.place.store.write(this.place.paths.node.State, formatXenbusState(XenbusState.Initialising));
    }
    this.#truth.ring = false;
    if (setting.plan === 'reboot-host') this.#truth.meant = 0;
    else this.#truth.meant = this.#host.kernel.disk(this.#host.kernel.findContent('volume', Content.A)).life;
    if (setting.plan !== 'reboot-host') this.place.backend.start();
    return setting.plan === 'migrate' ? 'script' : DONE;
  }

  /** Somebody looks at the device, and notes its numbers. */
  note(): string {
    const { kernel } = this.#host;
    const slot = kernel.findContent('volume', Content.A);
    if (slot < 0) return this.#addFails();
    this.state.noted = slot + 1;
    this.state.noted_sequence = kernel.disk(slot).diskseq;
    this.#truth.meant = kernel.disk(slot).life;
    return 'write_note';
  }

  /** Hours later. */
  writeNote(): string {
    const { store, paths } = this.place;
    store.transaction(() => {
      if (this.#host.policy.identity)
        store.write(paths.node.Identity, formatDiskSequence(BigInt(this.state.noted_sequence)));
      store.write(
        paths.node.PhysicalDevice,
        formatDeviceNumber(SLOTS[this.state.noted - 1] as { major: number; minor: number }),
      );
    });
    return 'unpause';
  }

  tearDown(): string {
    const { store, paths, backend } = this.place;
    store.transaction(() => {
      store.write(paths.node.Online, '0');
      store.write(paths.node.State, formatXenbusState(XenbusState.Closing));
    });
    if (!this.#host.setting.hotAdd) this.#truth.domain = DomainIs.Absent;
    if (this.#host.setting.slowClose > 0) setTimer(this.#host.memory, backend.closeTimer, this.#host.setting.slowClose);
    this.#setTimer(CLOSED_MILLISECONDS);
    return 'wait_closed';
  }

  isClosed(): boolean {
    return this.#backendState() === XenbusState.Closed || this.#fired;
  }

  afterClose(): string {
    return this.#host.setting.forgetsFirst ? 'forget_first' : 'remove_script';
  }

  startRemove(): string {
    this.state.script = 0;
    this.#script.startRemove();
    this.#setTimer(SCRIPT_MILLISECONDS);
    return 'wait_removed';
  }

  /** A script that fails to remove is not minded. */
  afterRemove(): StepResult {
    this.#script.kill();
    stopTimer(this.#host.memory, this.timer);
    return this.#host.setting.forgetsFirst ? DONE : 'forget';
  }

  forget(): StepResult {
    this.place.store.remove(this.place.paths.directory);
    this.#truth.ring = false;
    if (this.#host.setting.plan !== 'reboot-guest' || this.state.again) return DONE;
    this.state.again = true;
    this.createNodes();
    this.#truth.domain = DomainIs.Built;
    this.place.backend.start();
    this.#setTimer(INIT_WAIT_MILLISECONDS);
    return 'script';
  }

  forgetFirst(): string {
    this.place.store.remove(this.place.paths.directory);
    return 'remove_script';
  }

  get #script(): BlockScript {
    return this.place.scripts[this.state.script] as BlockScript;
  }

  get #truth() {
    return this.#host.truth(this.place.guest);
  }

  get #fired(): boolean {
    return hasFired(this.#host.memory, this.timer);
  }

  #setTimer(milliseconds: number): void {
    setTimer(this.#host.memory, this.timer, milliseconds);
  }

  #backendState(): XenbusState {
    return parseXenbusState(this.place.store.peek(this.place.paths.node.State));
  }

  #addFails(): string {
    this.#host.observe('add-fails');
    if (this.place.backend.slot >= 0) this.#host.observe('open-though-failed');
    return 'teardown';
  }

  #restartBackend(): void {
    const { backend, store, paths } = this.place;
    backend.crash();
    this.#truth.ring = false;
    store.write(paths.node.State, formatXenbusState(XenbusState.Initialising));
    backend.start();
  }
}
