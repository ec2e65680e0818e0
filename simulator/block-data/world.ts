/**
 * A world for one question: does what a guest writes to its disk survive suspend, restore, migration and the death of
 * its backend, as if each write were done once? A guest and its blkfront, a blkback on each host, one disk, a toolstack.
 *
 * What is judged is in `oracles.ts`. The disk is the right one here; which device a backend opens is another world.
 */

import { DEVICE_TOKEN } from '../../backend/device-opening/opening.js';
import { BlockUserState, KERNEL_PFN, USER_OFFSET } from '../../frontend/blkfront/memory.js';
import type { BlockProbe } from '../../hypervisor/block-probe.js';
import { DomainState, FIRST_GUEST_PFN } from '../../hypervisor/domain.js';
import {
  ALL_AGENTS,
  CrashSignal,
  type JournaledMemory,
  MemoryFault,
  NO_CRASH,
} from '../../hypervisor/journaled-memory.js';
import type { MemoryMap } from '../../hypervisor/memory-map.js';
import type { Task } from '../../hypervisor/steps.js';
import { assert } from '../../protocol/assert.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { vbdPaths } from '../../protocol/vbd-paths.js';
import { DeviceNode } from '../../protocol/xenbus.js';
import { ActorSpace } from '../actor-space.js';
import { type Actor, actor, TaskActor } from '../actors.js';
import type { StoreListener } from '../store-client.js';
import type { Recordable } from '../trace.js';
import { firstOracle, type OracleName, oracleBit } from '../world-state.js';
import type { Disk } from './disk.js';
import { whoWaits } from './hang.js';
import { hostileBlockActors } from './hostile.js';
import {
  type BlkbackProcess,
  type BlockMachine,
  type BlockSlot,
  type BlockWorldOptions,
  buildBlockMachine,
} from './machine.js';
import { blockMemoryNames } from './memory-names.js';
import { BlockOracles, HostileBlockOracles } from './oracles.js';
import { RingSanitizers } from './sanitizers.js';

export type { BlockWorldOptions } from './machine.js';

/** A choice below this is the number of an actor; above, it is a kill inside the next step of an actor. */
const KILL_BASE = 1 << 12;
const STORES_MAX = 1 << 11;

/** An actor, the process that can be killed inside it, and the spinlock of the guest it runs in. */
interface Place {
  readonly actor: Actor;
  readonly backend: BlkbackProcess | null;
  readonly slot: BlockSlot | null;
  readonly locked: Task<never> | null;
}

export class BlockWorld implements Recordable {
  readonly options: BlockWorldOptions;
  readonly memory: JournaledMemory;
  readonly machine: BlockMachine;
  lastFault: string | null = null;
  atRest = false;
  reducing = false;
  readonly steps: ActorSpace;
  readonly #places: Place[] = [];
  readonly #oracles: BlockOracles;
  #names: MemoryMap | null = null;
  readonly #probe: BlockProbe;
  readonly #sanitizers: RingSanitizers | null;

  constructor(options: BlockWorldOptions) {
    this.options = options;
    const judge = (): BlockProbe => this.#probe;
    this.machine = buildBlockMachine(
      options,
      {
        written: (slot, sector) => this.#look(() => judge().written(slot, sector)),
        answered: (slot, number, value) => this.#look(() => judge().answered(slot, number, value)),
        failed: (slot, number) => this.#look(() => judge().failed(slot, number)),
        nonsense: (slot, what) => this.#look(() => judge().nonsense(slot, what)),
      },
      () => this.#look(() => this.#oracles.snapshot(this.savedUser, this.machine.diskImage)),
    );
    const { memory, slots, disk } = this.machine;
    this.memory = memory;
    const fail = (oracle: OracleName, why: string): void => this.fail(oracle, why);
    const guests = slots.map(({ guest }) => guest);
    const { operations, hostile, sanitize } = options;
    this.#oracles = new BlockOracles({ disk, guests, operations, living: () => this.living.guest, fail });
    this.#probe = hostile === undefined ? this.#oracles : new HostileBlockOracles({ guests, fail });
    this.#sanitizers = sanitize === true ? new RingSanitizers(this.machine, slots[0].guest.front.services.shape) : null;
    memory.observer = this.#sanitizers;
    this.#addActors();
    const actors = this.#places.map((place) => place.actor);
    this.steps = new ActorSpace({ actors, killBase: KILL_BASE, storesMax: STORES_MAX });
    this.#boot();
  }

  get violations(): number {
    return this.memory.words[this.machine.state.base >>> 2] as number;
  }

  /** The first oracle that has failed, if one has. */
  get failed(): OracleName | undefined {
    return firstOracle(this.violations);
  }

  get backendName(): string {
    return this.machine.slots[0].backend.driver.name;
  }

  /** Names for everything in memory. */
  traceMap(): MemoryMap {
    return blockMemoryNames(this.machine);
  }

  /** Hears every store request from now on; null for nobody. */
  listen(listener: StoreListener | null): void {
    for (const client of this.machine.clients) client.listener = listener;
  }

  /** The slot whose guest lives: the target from when it runs. */
  get living(): BlockSlot {
    const [source, target] = this.machine.slots;
    return target.domain.running ? target : source;
  }

  get disk(): Disk {
    return this.machine.disk;
  }

  /** What the user in the image of the guest's memory has asked for and been told. */
  get savedUser(): { readonly position: number; readonly answered: number } {
    const page = (this.machine.slots[0].image + KERNEL_PFN - FIRST_GUEST_PFN) * PAGE_SIZE;
    const { position, answered } = BlockUserState.view(this.memory).at(page + USER_OFFSET);
    return { position, answered };
  }

  fail(oracle: OracleName, why: string): void {
    this.lastFault = why;
    this.memory.asHypervisor(() => {
      this.machine.state.violations |= oracleBit(oracle);
    });
  }

  enumerate(choices: Int32Array, first = 0): number {
    const { watch } = this.steps;
    let end = first;
    this.atRest = true;
    for (let index = 0; index < this.#places.length; index++) {
      const { actor: candidate, slot, locked } = this.#places[index] as Place;
      if (watch !== null) watch.guard(index);
      if (slot !== null && isHeld(slot) && !(locked?.running ?? false)) continue;
      if (!candidate.enabled()) continue;
      choices[end++] = index;
      this.atRest &&= candidate.fault;
    }
    if (this.options.killsBetween === 'steps' || this.machine.state.kills === 0) return end - first;
    return this.#enumerateKills(choices, first, end) - first;
  }

  step(choice: number): void {
    const killed = choice >= KILL_BASE;
    const place = this.#places[killed ? Math.floor((choice - KILL_BASE) / STORES_MAX) : choice] as Place;
    const { memory } = this;
    this.lastFault = null;
    memory.current = place.actor.agents;
    if (!place.actor.fault) this.#sanitizers?.begin(place.actor.agents);
    if (killed) memory.storesLeft = (choice - KILL_BASE) % STORES_MAX;
    try {
      place.actor.run();
    } catch (error) {
      if (!(error instanceof CrashSignal)) {
        memory.storesLeft = NO_CRASH;
        const oracle = error instanceof MemoryFault ? 'stray-memory' : 'driver-fault';
        this.#blame(place, oracle, error instanceof Error ? error.message : String(error));
      }
    } finally {
      memory.storesLeft = NO_CRASH;
      memory.current = ALL_AGENTS;
    }
    if (!place.actor.fault) this.#sanitize(place);
    if (killed && place.backend !== null) this.#kill(place.backend);
  }

  isFault(choice: number): boolean {
    return choice >= KILL_BASE || (this.#places[choice] as Place).actor.fault;
  }

  describe(choice: number): string {
    if (choice < KILL_BASE) return (this.#places[choice] as Place).actor.describe();
    const { actor: candidate, backend } = this.#places[Math.floor((choice - KILL_BASE) / STORES_MAX)] as Place;
    return `fault/kill ${backend?.name} in ${candidate.describe()} after store ${(choice - KILL_BASE) % STORES_MAX}`;
  }

  /** The end: everything asked is answered, nobody waits, and each block holds what was written last. */
  quiescent(): void {
    const hang = whoWaits(this.machine.toolstack, this.living.guest, this.options);
    if (hang !== null) this.fail('no-hang', hang);
    else if (this.options.hostile === undefined) this.#oracles.settled();
  }

  /** Takes the first choice again and again until nothing but a fault is left to happen. */
  settle(): void {
    const choices = new Int32Array(4096);
    for (let steps = 0; this.enumerate(choices) > 0 && !this.atRest; steps++) {
      assert(steps < 10_000, 'block world: it does not come to rest');
      this.step(choices[0] as number);
    }
    assert(this.violations === 0, `block world: ${this.lastFault}`);
  }

  /** What a step did that no driver may; what the hostile end does to itself does not count. */
  #blame({ backend, slot }: Place, oracle: OracleName, why: string): void {
    const { hostile } = this.options;
    const own = hostile === 'frontend' ? slot : hostile === 'backend' ? backend : null;
    if (own === null) this.fail(oracle, why);
  }

  #sanitize(place: Place): void {
    const sanitizers = this.#sanitizers;
    if (sanitizers === null) return;
    if (sanitizers.end()) {
      const who = place.slot?.domain.name ?? place.backend?.name;
      this.#blame(place, 'stray-memory', `${who} takes an entry that a producer beyond the ring offers`);
    }
    const twice = sanitizers.loadedTwice;
    if (twice === 0) return;
    this.#names ??= this.traceMap();
    this.#blame(place, 'stray-memory', `${this.#names.describe(twice)} is loaded twice in one step`);
  }

  /** Looks at all memory, on behalf of nobody. */
  #look(judge: () => void): void {
    this.memory.asHypervisor(() => {
      judge();
      return 0;
    });
  }

  #addActors(): void {
    const { toolstack, slots } = this.machine;
    for (const slot of slots) {
      this.#addGuest(slot);
      this.#addBackend(slot);
    }
    for (const task of [toolstack.attachTask, toolstack.runTask] as Task<never>[]) {
      const grain = task.definition.name === 'attach' && this.options.start !== 'boot' ? 'coarse' : 'fine';
      const inner = new TaskActor({ owner: 'toolstack', agents: ALL_AGENTS, task, grain });
      this.#places.push({ actor: inner, backend: null, slot: null, locked: null });
    }
    for (const hostile of hostileBlockActors(this.machine, this.options))
      this.#places.push({ actor: hostile, backend: null, slot: null, locked: null });
    assert(this.#places.length < KILL_BASE, 'block world: too many actors');
  }

  #addGuest(slot: BlockSlot): void {
    const { domain, guest, guestStore, host } = slot;
    const { front } = guest;
    const agents = domain.agent;
    const add = (inner: Actor, locked: Task<never> | null = null): void => {
      const enabled = (): boolean => domain.running && inner.enabled();
      const { positionWord } = inner;
      const run = (): void => inner.run();
      const wrapped = actor({ name: '', agents, enabled, run, describe: () => inner.describe(), positionWord });
      this.#places.push({ actor: wrapped, backend: null, slot, locked });
    };
    const owner = `${domain.name}.blkfront`;
    const { grain = 'fine' } = this.options;
    for (const task of [front.queue.sendTask, front.queue.receiveTask] as Task<never>[])
      add(new TaskActor({ owner, agents, task, grain }), task);
    for (const task of [front.connectTask, front.recoverTask] as Task<never>[])
      add(new TaskActor({ owner, agents, task, grain: task.definition.name === 'connect' ? 'coarse' : 'fine' }));
    add(new TaskActor({ owner: domain.name, agents, task: guest.user.task as Task<never>, grain: 'fine' }));
    add(new TaskActor({ owner: domain.name, agents, task: guest.manageTask as Task<never>, grain: 'coarse' }));
    add(
      actor({
        name: `${owner}/interrupt`,
        agents,
        enabled: () => front.port !== 0 && host.events.deliverable(domain, front.port),
        run: () => {
          host.events.acknowledge(domain, front.port);
          front.interrupt();
        },
      }),
    );
    add(
      actor({
        name: `${domain.name}.xenwatch`,
        agents,
        enabled: () => guest.watching && guestStore.hasEvent,
        run: () => {
          const event = guestStore.nextEvent();
          guestStore.takeEvent();
          if (event !== undefined) guest.watchFired(event.path);
        },
      }),
    );
    const ownState = vbdPaths(0, slot.domid).front(DeviceNode.State);
    add(
      actor({
        name: `${owner}/probe`,
        agents,
        enabled: () => guest.watching && !front.known && slot.toolstackStore.peek(ownState) === '1',
        run: () => front.probe(),
      }),
    );
  }

  #addBackend(slot: BlockSlot): void {
    const { backend, host } = slot;
    const { driver, store, name, agent: agents } = backend;
    const add = (inner: Actor, killable: BlkbackProcess | null): void => {
      this.#places.push({ actor: inner, backend: killable, slot: null, locked: null });
    };
    const { grain = 'fine' } = this.options;
    for (const task of [driver.serveTask, ...driver.requests.tasks] as Task<never>[])
      add(new TaskActor({ owner: name, agents, task, grain }), backend);
    add(new TaskActor({ owner: name, agents, task: driver.connectTask as Task<never>, grain: 'coarse' }), backend);
    add(
      actor({
        name: `${name}/interrupt`,
        agents,
        enabled: () =>
          driver.port !== 0 && driver.interruptible && host.events.deliverable(backend.domain, driver.port),
        run: () => {
          host.events.acknowledge(backend.domain, driver.port);
          driver.interrupt();
        },
      }),
      backend,
    );
    add(
      actor({
        name: `${name}/watches`,
        agents,
        enabled: () => backend.alive && store.hasEvent,
        run: () => {
          driver.watchesFired(store.takeEvents(DEVICE_TOKEN));
        },
      }),
      backend,
    );
    if ((this.options.kills ?? 0) === 0) return;
    const restart = { name: `supervisor/restart ${name}`, enabled: () => !backend.alive, run: () => backend.start() };
    add(actor({ ...restart, agents: ALL_AGENTS }), null);
    const mayDie = (): boolean =>
      backend.alive && this.machine.state.kills > 0 && slot.domain.state !== DomainState.Free;
    const kill = { name: `fault/kill ${name}`, enabled: mayDie, run: () => this.#kill(backend) };
    add(actor({ ...kill, agents: ALL_AGENTS }), null);
  }

  #kill(backend: BlkbackProcess): void {
    this.memory.asHypervisor(() => {
      this.machine.state.kills -= 1;
    });
    backend.kill();
    if (this.options.cacheDiesWithBackend === true) this.disk.losePower();
  }

  /** A kill between two stores of a backend's step: how many there are is found by taking the step back. */
  #enumerateKills(choices: Int32Array, first: number, end: number): number {
    const { memory, lastFault } = this;
    let next = end;
    for (let at = first; at < end; at++) {
      const index = choices[at] as number;
      if ((this.#places[index] as Place).backend === null) continue;
      if (this.steps.watch !== null) this.steps.watch.kill(index);
      const mark = memory.journalLength;
      const { hashLow, hashHigh } = memory;
      this.step(index);
      const stores = memory.journalLength - mark;
      memory.undo(mark, hashLow, hashHigh);
      assert(stores <= STORES_MAX, `block world: a step of ${stores} stores has too many places to die at`);
      for (let store = 1; store < stores; store++) choices[next++] = KILL_BASE + index * STORES_MAX + store;
    }
    this.lastFault = lastFault;
    return next;
  }

  #boot(): void {
    const { toolstack, slots, state } = this.machine;
    for (const { backend } of slots) backend.start();
    toolstack.boot();
    if (this.options.start !== 'boot') this.settle();
    if (this.options.operations.length > 0) slots[0].guest.user.task.start();
    toolstack.begin();
    this.memory.asHypervisor(() => {
      state.kills = this.options.kills ?? 0;
      state.hostile_stores = this.options.hostile === undefined ? 0 : (this.options.hostileStores ?? 1);
    });
    this.memory.reset();
  }
}

/** A task of the guest holds the lock of the ring, with interrupts off. */
function isHeld({ guest }: BlockSlot): boolean {
  return guest.front.queue.sendTask.running || guest.front.queue.receiveTask.running;
}
