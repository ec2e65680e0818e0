/**
 * A world in which the steps of a live run are taken: the choices of the simulator by their names, and the few things
 * that can happen to a live system and are in no scenario.
 */
import { withdrawSuspend } from '../../../backend/toolstack-nodes.js';
import { tpmbackFields } from '../../../backend/tpmback/tpmback-fields.js';
import { TpmbackV2 } from '../../../backend/tpmback/v2.js';
import { guestFields } from '../../../frontend/guest-fields.js';
import { DomainState, SuspendResult } from '../../../hypervisor/domain.js';
import { ALL_AGENTS } from '../../../hypervisor/journaled-memory.js';
import { passTime, untilNext } from '../../../hypervisor/timers.js';
import { assert } from '../../../protocol/assert.js';
import { fieldValue, type NamedField } from '../../../protocol/field-values.js';
import type { TracedRequest } from '../../../protocol/live-trace.js';
import { PAGE_SIZE } from '../../../protocol/memory.js';
import { CHOICES_MAX } from '../../explore/search.js';
import { backendAgent } from '../../frames.js';
import type { Slot } from '../../slot.js';
import { World } from '../../world.js';
import type { WorldOptions } from '../../world-options.js';
import { AnswerEngine } from './answer-engine.js';

/** A choice that there is. */
export interface NamedChoice {
  readonly choice: number;
  readonly name: string;
}

export class LiveWorld {
  readonly world: World;
  readonly engine = new AnswerEngine();
  readonly #choices = new Int32Array(CHOICES_MAX);
  readonly #guestFields: readonly (readonly NamedField[])[];
  readonly #backendFields: readonly (readonly NamedField[])[];
  /** The pages of backends that have had no guest yet. */
  readonly #unused: readonly Int32Array[];
  #requests: TracedRequest[] = [];

  /** The drivers are to be those of the v2 page. */
  constructor(options: WorldOptions) {
    this.world = new World({ ...options, engine: this.engine, reduction: false });
    const { slots } = this.world.machine;
    this.#guestFields = slots.map(({ guest }) => guestFields(guest));
    this.#backendFields = slots.map((slot) => tpmbackFields(this.backendOf(slot)));
    this.#unused = slots.map(({ backend: { page } }) =>
      this.world.memory.words.slice(page >>> 2, (page + PAGE_SIZE) >>> 2),
    );
    this.world.machine.world.backend_kills = 0;
  }

  /** Everything that can happen now, but deaths only where one is `deadly`: to find them takes long. */
  choices(deadly = false): readonly NamedChoice[] {
    const { world } = this;
    // Where one dies, none is left.
    if (deadly) world.machine.world.backend_kills = 1;
    const count = world.enumerate(this.#choices);
    return Array.from(this.#choices.subarray(0, count), (choice) => ({ choice, name: world.describe(choice) }));
  }

  /** Takes a choice; returns the store requests that it makes. */
  take(choice: number): readonly TracedRequest[] {
    return this.#heard(() => this.world.step(choice));
  }

  /** Does what no choice does; returns the store requests that it makes. */
  act(run: (world: LiveWorld) => void): readonly TracedRequest[] {
    return this.#heard(() => run(this));
  }

  /** How many commands the user issues. */
  get sessionLength(): number {
    return this.world.options.session.entries.length;
  }

  slot(index: number): Slot {
    return this.world.machine.slots[index] as Slot;
  }

  backendOf({ backend }: Slot): TpmbackV2 {
    assert(backend.driver instanceof TpmbackV2, 'live world: expected a backend of the v2 page');
    return backend.driver;
  }

  /** Values of the fields that are compared, of a guest or of its backend. */
  values(who: 'guest' | 'tpmback', slot: number): ReadonlyMap<string, number> {
    const fields = (who === 'guest' ? this.#guestFields : this.#backendFields)[slot] ?? [];
    const { memory } = this.world;
    return new Map(fields.map((field) => [field.name, fieldValue(memory, field)]));
  }

  /** Number of the slot from which the guest is moved, and of the one to which: they change with each migration. */
  get source(): number {
    return this.world.machine.toolstack.source.index;
  }

  get target(): number {
    return 1 - this.source;
  }

  get targetExists(): boolean {
    return this.exists(this.target);
  }

  exists(slot: number): boolean {
    return this.slot(slot).exists;
  }

  runs(slot: number): boolean {
    return this.exists(slot) && this.slot(slot).domain.running;
  }

  /** It has done what it was told, or given up. */
  get toolstackStands(): boolean {
    const { runTask, recoverTask } = this.world.machine.toolstack;
    return !runTask.running && !recoverTask.running;
  }

  /** Its next step is to let the source go on. */
  get toolstackResumes(): boolean {
    return this.world.machine.toolstack.recoverTask.at('resume_source');
  }

  /** It waits for an acknowledgement, or for the suspend. */
  get withdrawable(): boolean {
    const { runTask } = this.world.machine.toolstack;
    return (runTask.at('await_acknowledgement') || runTask.at('await_suspend')) && this.runs(this.source);
  }

  /** A guest that has moved is moved on, or back. */
  tellToolstack(): void {
    const { toolstack } = this.world.machine;
    this.#everybody();
    if (!toolstack.source.exists) toolstack.turn();
    toolstack.runTask.start();
  }

  /** The source has stopped in its hypercall. */
  get sourceSuspended(): boolean {
    return this.slot(this.source).domain.state === DomainState.Suspended;
  }

  /** The next step of the toolstack is to let the target run. */
  get handedOver(): boolean {
    return this.world.machine.toolstack.runTask.at('unpause_target');
  }

  /** Gives up, and is about to let the source go on although the target is still there. */
  giveUpAtOnce(): void {
    this.giveUp();
    this.world.machine.toolstack.recoverTask.start('resume_source');
  }

  /** A guest that does not run is taken away with its backend, and the toolstack goes on as one that has seen to that. */
  takeAway(slot: number): void {
    const { toolstack } = this.world.machine;
    const { runTask, recoverTask } = toolstack;
    this.endBackend(slot);
    if (slot === this.source) {
      toolstack.removeSource();
      if (!this.handedOver) runTask.stop();
      return;
    }
    toolstack.removeTarget();
    runTask.stop();
    if (this.sourceSuspended) recoverTask.start('resume_source');
    else recoverTask.stop();
  }

  giveUp(): void {
    this.#everybody();
    this.world.machine.toolstack.loseConnection();
  }

  withdraw(): void {
    const { toolstack, clients, hosts } = this.world.machine;
    this.#everybody();
    const { source } = toolstack;
    const store = clients.filter(({ name }) => name === 'toolstack')[hosts.indexOf(source.host)];
    assert(store !== undefined, 'live world: expected a toolstack with a store on each host');
    withdrawSuspend(store, source.domid);
    toolstack.runTask.stop();
  }

  backendLives(slot: number): boolean {
    return this.slot(slot).backend.alive;
  }

  /** It has had a guest, and is not as it was when it was started. */
  backendUsed(slot: number): boolean {
    const { page } = this.slot(slot).backend;
    const { words } = this.world.memory;
    return this.#unused[slot]?.some((word, i) => words[(page >>> 2) + i] !== word) ?? false;
  }

  /** The process of a backend ends; nothing happens to what it has written into the store. */
  endBackend(slot: number): void {
    const { backend } = this.slot(slot);
    this.#everybody();
    if (backend.alive) backend.kill();
  }

  startBackend(slot: number): void {
    this.slot(slot).backend.start();
  }

  /** `fresh`: its kernel boots, because it had done nothing before. */
  restartGuest(slot: number, fresh: boolean): void {
    const { guest, guestStore, domain, host } = this.slot(slot);
    this.#everybody();
    guestStore.disconnect();
    guestStore.connect();
    if (fresh) {
      guest.boot();
      return;
    }
    guest.registerWatches();
    if (guest.front.port !== 0 && !guest.manageTask.at('gnttab_resume'))
      host.events.raiseSpurious(domain, guest.front.port);
  }

  /** In a new domain a kernel registers its watches; a live process that began before it did has registered them already. */
  registersAgain(slot: number): boolean {
    const { domain, guestStore } = this.slot(slot);
    return domain.suspendResult !== SuspendResult.Cancelled && guestStore.watches;
  }

  forgetWatches(slot: number): void {
    const { guestStore } = this.slot(slot);
    this.#everybody();
    guestStore.disconnect();
    guestStore.connect();
  }

  /** The guest sends the event of its tpmfront. */
  notify(slot: number): void {
    const { guest, domain, host } = this.slot(slot);
    this.#everybody();
    host.events.send(domain, guest.front.port);
  }

  /** The nearest limit of a guest is reached. */
  passTime(slot: number): void {
    const { guest } = this.slot(slot);
    const { memory } = this.world;
    const ticking = (): boolean => true;
    const places = [guest.freezeTimer, ...guest.front.timers.map(({ address }) => address)].map((address) => ({
      address,
      ticking,
    }));
    this.#everybody();
    const milliseconds = untilNext(memory, places);
    if (milliseconds > 0) passTime(memory, places, milliseconds);
  }

  /** The backend looks at its nodes although nothing has fired. */
  lookAgain(slot: number): void {
    const place = this.slot(slot);
    this.world.memory.current = backendAgent(slot);
    this.backendOf(place).watchesFired();
    this.#everybody();
  }

  /** The guest handles a watch event that does not wait; `step` is the name of the step that would have handled it. */
  watchAgain(slot: number, step: string): void {
    const { guest, domain } = this.slot(slot);
    const [, token = '', path = ''] = /\/(\S+) (.*)$/.exec(step) ?? [];
    this.world.memory.current = domain.agent;
    if (guest.watching && domain.running) guest.watchFired(path, token);
    this.#everybody();
  }

  #everybody(): void {
    this.world.memory.current = ALL_AGENTS;
  }

  #heard(body: () => void): readonly TracedRequest[] {
    const requests: TracedRequest[] = [];
    this.#requests = requests;
    this.world.listen(({ operation, path, value }) => {
      if (!operation.startsWith('TRANSACTION')) this.#requests.push([operation, path, value]);
    });
    try {
      body();
    } finally {
      this.#everybody();
      this.world.listen(null);
    }
    return requests;
  }
}
