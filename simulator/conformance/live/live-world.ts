/**
 * A world in which the steps of a live run are taken: the choices of the simulator by their names, and the few things
 * that can happen to a live system and are in no scenario.
 */
import { withdrawSuspend } from '../../../backend/toolstack-nodes.js';
import { tpmbackFields } from '../../../backend/tpmback/tpmback-fields.js';
import { TpmbackV2 } from '../../../backend/tpmback/v2.js';
import { guestFields } from '../../../frontend/guest-fields.js';
import { ALL_AGENTS } from '../../../hypervisor/journaled-memory.js';
import { passTime, untilNext } from '../../../hypervisor/timers.js';
import { assert } from '../../../protocol/assert.js';
import { fieldValue, type NamedField } from '../../../protocol/field-values.js';
import type { TracedRequest } from '../../../protocol/live-trace.js';
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
  #requests: TracedRequest[] = [];

  /** The drivers are to be those of the v2 page. */
  constructor(options: WorldOptions) {
    this.world = new World({ ...options, engine: this.engine, reduction: false });
    const { slots } = this.world.machine;
    this.#guestFields = slots.map(({ guest }) => guestFields(guest));
    this.#backendFields = slots.map((slot) => tpmbackFields(this.backendOf(slot)));
  }

  /** Everything that can happen now. */
  choices(): readonly NamedChoice[] {
    const { world } = this;
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

  get targetExists(): boolean {
    return this.exists(1);
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
    return (runTask.at('await_acknowledgement') || runTask.at('await_suspend')) && this.runs(0);
  }

  tellToolstack(): void {
    this.#everybody();
    this.world.machine.toolstack.runTask.start();
  }

  giveUp(): void {
    this.#everybody();
    this.world.machine.toolstack.loseConnection();
  }

  withdraw(): void {
    const { toolstack, clients } = this.world.machine;
    this.#everybody();
    const store = clients.find(({ name }) => name === 'toolstack');
    assert(store !== undefined, 'live world: expected a toolstack with a store');
    withdrawSuspend(store, this.slot(0).domid);
    toolstack.runTask.stop();
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
      this.world.listen(null);
    }
    return requests;
  }
}
