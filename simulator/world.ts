/**
 * A world: one or two hosts, a guest on the first, a toolstack, and all that can happen next.
 *
 * The world is built and brought to the point where the guest is connected in one fixed order; from there on every
 * step is a choice. All state is in `memory`, so a choice is taken back by undoing the journal.
 */
import { recordedEngine } from '../backend/tpm/recorded.js';
import { CommandPool } from '../frontend/command-pool.js';
import { ownCommands } from '../frontend/own-commands.js';
import {
  ALL_AGENTS,
  CrashSignal,
  type JournaledMemory,
  MemoryFault,
  NO_CRASH,
} from '../hypervisor/journaled-memory.js';
import type { MemoryMap } from '../hypervisor/memory-map.js';
import { passTime, type TimerPlace, untilNext } from '../hypervisor/timers.js';
import { assert } from '../protocol/assert.js';
import { ActorSpace } from './actor-space.js';
import type { Actor, ActorGroup } from './actors.js';
import { actor, groupOf, TaskActor } from './actors.js';
import { DoubleFetch } from './double-fetch.js';
import type { Explorable } from './explore/search.js';
import { traceMap } from './field-changes.js';
import { buildMachine, type Machine } from './machine.js';
import { RememberedOffers } from './remembered/remembered-offers.js';
import type { Slot } from './slot.js';
import type { StoreListener } from './store-client.js';
import { backendGroup, deviceGroup, guestGroup, timersOf, toolstackGroup } from './world-actors.js';
import type { WorldOptions } from './world-options.js';
import { firstOracle, type OracleName, oracleBit } from './world-state.js';

/** A choice below this is the number of an actor; above, it is a kill inside the next step of an actor. */
const KILL_BASE = 1 << 12;
const STORES_MAX = 1 << 11;
/** Where actor and kill lie in a step's number. A world has fewer than 1024 actors, a task fewer than 64 steps. */
const STEP_ACTOR_SHIFT = 6;
const STEP_KILL_SHIFT = 16;
/** More steps than any two drivers need to get connected. */
const SETTLE_STEPS_MAX = 10_000;
/** Of the groups, the first three are of the source's host, then comes the toolstack, then the target's host. */
const TOOLSTACK_GROUP = 3;
const TARGET_GROUPS = 4;
/** Of what a group offers: somebody acts before any time passes; there is more than faults. */
const URGENT = 1;
const ACTS = 2;

export class World implements Explorable {
  readonly options: WorldOptions;
  readonly memory: JournaledMemory;
  readonly map: MemoryMap;
  readonly machine: Machine;
  /** What went wrong in the step that was taken last, when an oracle of the machine itself failed. */
  lastFault: string | null = null;
  /** Nothing but a fault could happen in the state that was enumerated last: if none strikes, this is the end. */
  atRest = false;
  /** Whether steps that commute with all others are taken first. An exploration that finds a cycle goes without. */
  reducing: boolean;
  readonly steps: ActorSpace;
  readonly #actors: Actor[] = [];
  readonly #groups: ActorGroup[];
  readonly #groupStart: number[] = [];
  readonly #time: number;
  readonly #timers: readonly TimerPlace[];
  readonly #violations: number;
  /** Of the choices enumerated so far: somebody acts before any time passes; none is more than a fault. */
  #urgent = false;
  #onlyFaults = true;
  readonly #doubleFetch: DoubleFetch | null;
  #offers: RememberedOffers | null = null;

  constructor(options: WorldOptions) {
    this.options = options;
    this.reducing = options.reduction ?? true;
    const engine = options.engine ?? recordedEngine(options.session);
    const count = Math.min(options.commands ?? Number.POSITIVE_INFINITY, options.session.entries.length);
    const pool = new CommandPool(options.session.entries.slice(0, count), ownCommands());
    this.machine = buildMachine(options, engine, pool);
    this.memory = this.machine.memory;
    this.map = this.machine.map;
    this.#violations = this.machine.world.base >>> 2;
    this.#timers = timersOf(this.machine);
    this.#doubleFetch = options.sanitize === true ? new DoubleFetch(this.memory, this.machine.slots) : null;
    this.memory.observer = this.#doubleFetch;

    this.#groups = [
      ...slotGroups(this.machine, this.machine.slots[0]),
      toolstackGroup(this.machine),
      ...slotGroups(this.machine, this.machine.slots[1]),
    ];
    for (const group of this.#groups) {
      this.#groupStart.push(this.#actors.length);
      this.#actors.push(...group.actors);
    }
    this.#time = this.#actors.length;
    const time = actor({
      name: 'time',
      agents: ALL_AGENTS,
      enabled: () => untilNext(this.memory, this.#timers) > 0,
      run: () => passTime(this.memory, this.#timers, untilNext(this.memory, this.#timers)),
      describe: () => `time/${untilNext(this.memory, this.#timers)} ms pass`,
    });
    this.#groups.push(groupOf(() => false, [time]));
    this.#actors.push(time);
    assert(this.#actors.length < KILL_BASE, 'world: too many actors');
    this.steps = new ActorSpace({
      actors: this.#actors,
      time: this.#time,
      groupStarts: this.#groupStart,
      killBase: KILL_BASE,
      storesMax: STORES_MAX,
    });
    if (options.listener !== undefined) this.listen(options.listener);
    this.#boot();
  }

  /** Bit set of the oracles that have failed. */
  get violations(): number {
    return this.memory.words[this.#violations] as number;
  }

  /** The first oracle that has failed, if one has. */
  get failed(): OracleName | undefined {
    return firstOracle(this.violations);
  }

  /**
   * Puts every choice of the present state into `choices` from index `first` on, and returns how many there are. The
   * order is the same in equal states. Afterwards `atRest` says whether nothing but faults is left to happen.
   */
  enumerate(choices: Int32Array, first = 0): number {
    this.#urgent = false;
    this.#onlyFaults = true;
    let end = first;
    const independence = this.reducing ? this.machine.independence() : 'none';
    this.steps.restricted = independence !== 'none';
    switch (independence) {
      case 'source-first':
        end = this.#enumerateGroups(choices, first, 0, TARGET_GROUPS);
        // Faults need not strike, so they alone cannot stand for what is put off.
        if (this.#onlyFaults) end = this.#enumerateGroups(choices, end, TARGET_GROUPS, this.#groups.length);
        break;
      case 'toolstack-first':
        end = this.#enumerateGroups(choices, first, TOOLSTACK_GROUP, this.#groups.length);
        if (this.#onlyFaults) end = this.#enumerateGroups(choices, end, 0, TOOLSTACK_GROUP);
        break;
      case 'none':
        end = this.#enumerateGroups(choices, first, 0, this.#groups.length);
        break;
    }
    if (this.steps.watch !== null) this.steps.watch.guard(this.#time);
    if (!this.#urgent && (this.#actors[this.#time] as Actor).enabled()) {
      choices[end++] = this.#time;
      this.#onlyFaults = false;
    }
    this.atRest = this.#onlyFaults;
    return this.#enumerateKills(choices, first, end) - first;
  }

  /** Puts the choices of the groups `from` to `to` - 1 into `choices` from index `end` on; returns where they end. */
  #enumerateGroups(choices: Int32Array, end: number, from: number, to: number): number {
    if (this.steps.remembering && this.steps.watch === null) return this.#recallGroups(choices, end, from, to);
    let next = end;
    for (let g = from; g < to; g++) next = this.#enumerateGroup(choices, next, g);
    return next;
  }

  #enumerateGroup(choices: Int32Array, end: number, g: number): number {
    const { memory } = this;
    const { watch } = this.steps;
    const group = this.#groups[g] as ActorGroup;
    if (watch !== null) watch.group(g);
    if (!group.active()) return end;
    let next = end;
    const start = this.#groupStart[g] as number;
    const { actors, positions } = group;
    const exclusive = exclusiveOf(group);
    for (let i = 0; i < actors.length; i++) {
      const position = positions[i] as number;
      // Whoever learns footprints must see whose condition is looked at.
      if (position >= 0 && watch === null && memory.word(position) === 0) continue;
      const candidate = actors[i] as Actor;
      if (exclusive !== null && candidate !== exclusive && candidate.agents === exclusive.agents) continue;
      if (watch !== null) watch.guard(start + i);
      if (!candidate.enabled()) continue;
      choices[next++] = start + i;
      if (candidate.fault) continue;
      this.#onlyFaults = false;
      if (!this.#urgent) this.#urgent = candidate.urgent();
    }
    return next;
  }

  /** The same, of groups that were asked before while they stood before the same. */
  #recallGroups(choices: Int32Array, end: number, from: number, to: number): number {
    this.#offers ??= new RememberedOffers(this.memory, this.#groups.length, (group, into) => this.#ask(group, into));
    const remembered = this.#offers;
    remembered.beginState();
    let next = end;
    for (let g = from; g < to; g++) {
      const offer = remembered.of(g);
      const { offers } = remembered;
      const flags = offers[offer] as number;
      if ((flags & URGENT) !== 0) this.#urgent = true;
      if ((flags & ACTS) !== 0) this.#onlyFaults = false;
      const last = offer + 2 + (offers[offer + 1] as number);
      for (let at = offer + 2; at < last; at++) choices[next++] = offers[at] as number;
    }
    return next;
  }

  /** What a group offers by itself. */
  #ask(g: number, choices: Int32Array): { readonly count: number; readonly flags: number } {
    const urgent = this.#urgent;
    const onlyFaults = this.#onlyFaults;
    this.#urgent = false;
    this.#onlyFaults = true;
    try {
      const count = this.#enumerateGroup(choices, 0, g);
      return { count, flags: (this.#urgent ? URGENT : 0) | (this.#onlyFaults ? 0 : ACTS) };
    } finally {
      this.#urgent = urgent;
      this.#onlyFaults = onlyFaults;
    }
  }

  /** Takes a choice of the present state. Never throws for what a driver does: that is an oracle's failure. */
  step(choice: number): void {
    this.lastFault = null;
    const killed = choice >= KILL_BASE;
    const index = killed ? Math.floor((choice - KILL_BASE) / STORES_MAX) : choice;
    const chosen = this.#actors[index] as Actor;
    const { memory } = this;
    memory.current = chosen.agents;
    this.#doubleFetch?.begin();
    if (killed) memory.storesLeft = (choice - KILL_BASE) % STORES_MAX;
    try {
      chosen.run();
    } catch (error) {
      if (!(error instanceof CrashSignal)) this.#fault(error);
    }
    memory.storesLeft = NO_CRASH;
    memory.current = ALL_AGENTS;
    if (this.#doubleFetch !== null && this.#doubleFetch.address !== 0) {
      this.lastFault = `${this.map.describe(this.#doubleFetch.address)} is loaded twice in one step`;
      this.machine.oracles.fail('stray-memory');
    }
    if (killed && chosen.backend !== null) {
      this.machine.world.backend_kills -= 1;
      chosen.backend.kill();
    }
  }

  /** Whether a choice is a fault that strikes. */
  isFault(choice: number): boolean {
    return choice >= KILL_BASE || (this.#actors[choice] as Actor).fault;
  }

  /** How many actors there are. */
  get actorCount(): number {
    return this.#actors.length;
  }

  /** The number of the actor, from 0, whose choice this is. A kill belongs to the one that is killed in its step. */
  actorOf(choice: number): number {
    return this.steps.actorOf(choice);
  }

  /**
   * A number for what a choice of the present state does: which actor, at which step of its task, and after which store
   * it is killed. The same in all worlds of equal options; unlike the name it does not say what an event is about.
   */
  stepId(choice: number): number {
    const index = this.actorOf(choice);
    const chosen = this.#actors[index] as Actor;
    const position = chosen instanceof TaskActor ? (this.memory.words[chosen.task.address >>> 2] as number) : 0;
    const killed = choice < KILL_BASE ? 0 : ((choice - KILL_BASE) % STORES_MAX) + 1;
    return (killed << STEP_KILL_SHIFT) | (index << STEP_ACTOR_SHIFT) | position;
  }

  /** Name of a choice of the present state. */
  describe(choice: number): string {
    if (choice < KILL_BASE) return (this.#actors[choice] as Actor).describe();
    const index = Math.floor((choice - KILL_BASE) / STORES_MAX);
    const stores = (choice - KILL_BASE) % STORES_MAX;
    const { backend, describe } = this.#actors[index] as Actor;
    return `fault/kill ${backend?.name} in ${describe.call(this.#actors[index])} after store ${stores}`;
  }

  /** To be called where the world is at rest: judges the end. */
  quiescent(): void {
    this.machine.oracles.quiescent();
  }

  /** Names for everything in memory. */
  traceMap(): MemoryMap {
    return traceMap(this.machine);
  }

  /** Hears every store request from now on; null for nobody. */
  listen(listener: StoreListener | null): void {
    for (const client of this.machine.clients) client.listener = listener;
  }

  /** A kill between two stores of a backend's step: how many there are is found by taking the step back. */
  #enumerateKills(choices: Int32Array, first: number, end: number): number {
    const { machine, memory } = this;
    if (this.options.scenario.faults.backendKills === 0 || machine.world.backend_kills === 0) return end;
    const { lastFault } = this;
    let next = end;
    for (let i = first; i < end; i++) {
      const index = choices[i] as number;
      if ((this.#actors[index] as Actor).backend === null) continue;
      if (this.steps.watch !== null) this.steps.watch.kill(index);
      const mark = memory.journalLength;
      const { hashLow, hashHigh } = memory;
      this.step(index);
      const stores = memory.journalLength - mark;
      memory.undo(mark, hashLow, hashHigh);
      assert(stores <= STORES_MAX, `world: a step of ${stores} stores has more places to die at than are told apart`);
      for (let k = 1; k < stores; k++) choices[next++] = KILL_BASE + index * STORES_MAX + k;
    }
    this.lastFault = lastFault;
    return next;
  }

  #fault(error: unknown): void {
    const { oracles } = this.machine;
    oracles.reset();
    this.memory.storesLeft = NO_CRASH;
    if (error instanceof MemoryFault) {
      this.lastFault = `${error.access} of ${this.map.describe(error.address)}, which it may not touch`;
      oracles.fail('stray-memory');
    } else {
      this.lastFault = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      oracles.fail('driver-fault');
    }
  }

  /** The guest is made and connected, in the order in which things become possible. */
  #boot(): void {
    const { machine, memory } = this;
    const [source] = machine.slots;
    for (const slot of machine.slots) slot.backend.start();
    memory.current = ALL_AGENTS;
    machine.toolstack.create(source);
    memory.current = source.domain.agent;
    source.guest.boot();
    memory.current = ALL_AGENTS;
    if (this.options.scenario.start === 'connected') this.settle();
    source.guest.userTask.start();
    if (this.options.scenario.plan.operation !== 'none') machine.toolstack.runTask.start();
    machine.arm(this.options.scenario.faults);
    memory.reset();
  }

  /** Takes the first choice again and again until nothing is left to happen. Before any fault is armed. */
  settle(): void {
    const choices = new Int32Array(1024);
    const wrong = ~oracleBit('no-hang');
    for (let step = 0; (this.violations & wrong) === 0 && this.enumerate(choices) > 0; step++) {
      assert(step < SETTLE_STEPS_MAX, `world: the drivers do not come to rest: ${this.describe(choices[0] as number)}`);
      this.step(choices[0] as number);
    }
    assert(
      (this.violations & wrong) === 0,
      `world: the drivers do not get connected: ${this.lastFault ?? this.failed}`,
    );
  }
}

function slotGroups(machine: Machine, slot: Slot): readonly ActorGroup[] {
  return [guestGroup(machine, slot), backendGroup(machine, slot), deviceGroup(slot)];
}

function exclusiveOf(group: ActorGroup): Actor | null {
  const { exclusive } = group;
  for (let i = 0; i < exclusive.length; i++) {
    const candidate = exclusive[i] as ActorGroup['exclusive'][number];
    if (candidate.task.running) return candidate;
  }
  return null;
}
