/**
 * A world for one question: does a guest's talk with its xenstored survive suspend, cancel, restore and migration, at
 * every byte? Nothing is in it but a guest, its ring, a daemon on each host, and a toolstack.
 *
 * Rings are small, so that messages are split within few steps, and begin at any index. Judged are: each reply is the
 * right one (`right-answer`), neither side meets nonsense in the stream (`in-step`), and nobody waits for ever or has
 * missed the last change of the watched node (`no-hang`).
 */
import { DomainState } from '../../hypervisor/domain.js';
import { ALL_AGENTS, type JournaledMemory } from '../../hypervisor/journaled-memory.js';
import type { Task } from '../../hypervisor/steps.js';
import { assert } from '../../protocol/assert.js';
import { XenstoreInterface, XsRingError } from '../../protocol/xs-ring.js';
import { XsType } from '../../protocol/xs-wire.js';
import { ActorSpace } from '../actor-space.js';
import { type Actor, actor, TaskActor } from '../actors.js';
import type { Explorable } from '../explore/search.js';
import type { StoreClient } from '../store-client.js';
import { type OracleName, oracleBit } from '../world-state.js';
import type { RingDaemon } from './daemon.js';
import type { RingGuest } from './guest.js';
import { buildRingMachine, type HostileStore, type RingWorldOptions, WATCHED } from './machine.js';
import type { RingToolstack } from './toolstack.js';

export type { HostileStore, RingWorldOptions } from './machine.js';

/** Steps that, in the coarser grain, follow the one before them at once. */
const INSIDE_A_CHUNK: ReadonlySet<string> = new Set([
  'publish',
  'release',
  'notify',
  'deliver',
  'signal_put',
  'signal_take',
  'look',
  'handle',
  'next_event',
]);

export class RingWorld implements Explorable {
  readonly options: RingWorldOptions;
  readonly memory: JournaledMemory;
  readonly guests: readonly RingGuest[];
  readonly daemons: readonly RingDaemon[];
  readonly toolstack: RingToolstack;
  readonly stores: readonly StoreClient[];
  lastFault: string | null = null;
  atRest = false;
  reducing = false;
  readonly steps: ActorSpace;
  readonly #actors: Actor[] = [];
  readonly #state;

  constructor(options: RingWorldOptions) {
    const machine = buildRingMachine(options, (ask, found) =>
      this.fail('right-answer', `${JSON.stringify(ask)} is answered ${JSON.stringify(found)}`),
    );
    this.options = options;
    this.memory = machine.memory;
    this.guests = machine.guests;
    this.daemons = machine.daemons;
    this.stores = machine.stores;
    this.toolstack = machine.toolstack;
    this.#state = machine.state;
    this.#addActors();
    this.steps = new ActorSpace({ actors: this.#actors });
    this.#boot();
  }

  get violations(): number {
    return this.memory.words[this.#state.base >>> 2] as number;
  }

  /** The guest that exists, or undefined while none does. */
  get guest(): RingGuest | undefined {
    return this.guests.find(({ domain }) => domain.state !== DomainState.Free);
  }

  /** An oracle has failed. */
  fail(oracle: OracleName, why: string): void {
    this.lastFault = why;
    this.memory.asHypervisor(() => {
      this.#state.violations |= oracleBit(oracle);
    });
  }

  enumerate(choices: Int32Array, first = 0): number {
    const { watch } = this.steps;
    let end = first;
    this.atRest = true;
    for (let i = 0; i < this.#actors.length; i++) {
      const candidate = this.#actors[i] as Actor;
      if (watch !== null) watch.guard(i);
      if (!candidate.enabled()) continue;
      choices[end++] = i;
      this.atRest &&= candidate.fault;
    }
    return end - first;
  }

  step(choice: number): void {
    const { memory } = this;
    const chosen = this.#actors[choice] as Actor;
    this.lastFault = null;
    memory.current = chosen.agents;
    try {
      chosen.run();
    } catch (error) {
      memory.current = ALL_AGENTS;
      this.fail('driver-fault', error instanceof Error ? error.message : String(error));
    } finally {
      memory.current = ALL_AGENTS;
    }
    this.#judgeStream();
  }

  isFault(choice: number): boolean {
    return (this.#actors[choice] as Actor).fault;
  }

  describe(choice: number): string {
    return (this.#actors[choice] as Actor).describe();
  }

  /** The end: everything asked is answered, nobody is inside a suspend, and the last change has been seen. */
  quiescent(): void {
    const hang = this.#hang();
    if (hang !== null) this.fail('no-hang', hang);
  }

  #hang(): string | null {
    const { guest, options } = this;
    if (guest === undefined || this.toolstack.task.running) return 'the toolstack waits';
    if (guest.suspend.task.running) return 'the kernel waits in a suspend or resume';
    if (guest.callers.userTask.running) return 'the user waits for an answer';
    if (guest.ring.state.watches_held || guest.ring.state.suspending) return 'the store connection stays locked';
    if (!guest.callers.xenwatchTask.at('event')) return 'the handler of events waits';
    if (options.writes === null) return null;
    const value = this.#storeOf(guest).peek(`/local/domain/${guest.domid}/${WATCHED}`);
    const { seen } = guest.callers;
    return seen === value ? null : `the guest has seen ${seen}, the store has ${value}`;
  }

  /** Takes the first choice again and again until nothing is left to happen. */
  settle(): void {
    const choices = new Int32Array(64);
    for (let steps = 0; this.enumerate(choices) > 0; steps++) {
      assert(steps < 10_000, 'ring world: it does not come to rest');
      this.step(choices[0] as number);
    }
  }

  /** A ring that is given up, or a message that made no sense: the two sides are not at the same byte any more. */
  #judgeStream(): void {
    for (const guest of this.guests) {
      if (guest.domain.state === DomainState.Free) continue;
      if (guest.ring.state.nonsense > 0) this.fail('in-step', `${guest.domain.name} reads nonsense`);
    }
    for (const { state, place } of this.daemons)
      if (state.ignored) this.fail('in-step', `${place.name} has given the ring up`);
  }

  #storeOf(guest: RingGuest): StoreClient {
    return this.stores[guest.host.storeCell] as StoreClient;
  }

  #addActors(): void {
    const { options } = this;
    const whole = options.grain === 'chunk';
    const add = (owner: string, agents: number, tasks: readonly Task<never>[], active: () => boolean): void => {
      for (const task of tasks) {
        const inner = new TaskActor({ owner, agents, task, grain: 'fine' });
        const { name } = task.definition;
        const enabled = (): boolean => active() && inner.enabled();
        const run = (): void => {
          inner.run();
          while (whole && INSIDE_A_CHUNK.has(task.next)) inner.run();
        };
        const { positionWord } = inner;
        this.#actors.push(actor({ name, agents, enabled, run, describe: () => inner.describe(), positionWord }));
      }
    };
    for (const guest of this.guests) {
      const { domain, ring, suspend, callers } = guest;
      const tasks = [ring.transmitTask, ring.receiveTask, callers.userTask, callers.xenwatchTask] as Task<never>[];
      add(domain.name, domain.agent, tasks, () => guest.moving);
      add(domain.name, domain.agent, [suspend.task as Task<never>], () => domain.running);
      this.#actors.push(
        actor({
          name: `${domain.name}.xenbus/interrupt`,
          agents: domain.agent,
          enabled: () => guest.moving && guest.interrupted,
          run: () => guest.interrupt(),
        }),
      );
    }
    for (const daemon of this.daemons) {
      add(daemon.place.name, daemon.place.agent, [daemon.task as Task<never>], () => true);
    }
    add('toolstack', ALL_AGENTS, [this.toolstack.task as Task<never>], () => true);
    for (const store of options.hostile ?? []) this.#addHostile(store);
    if (options.writes === null) return;
    const write = (): void => {
      const { guest } = this;
      if (guest === undefined) return;
      this.#state.writes -= 1;
      const value = String((options.writes ?? 0) - this.#state.writes);
      this.#storeOf(guest).write(`/local/domain/${guest.domid}/${WATCHED}`, value);
    };
    const home = (guest: RingGuest): boolean =>
      this.#storeOf(guest).peek(`/local/domain/${guest.domid}/${WATCHED}`) !== null;
    this.#actors.push(
      actor({
        name: 'dom0/write',
        agents: ALL_AGENTS,
        enabled: () => this.#state.writes > 0 && this.guest !== undefined && home(this.guest),
        run: write,
      }),
    );
  }

  #addHostile({ field, to, by = 0 }: HostileStore): void {
    const page = XenstoreInterface.view(this.memory);
    for (const { domain, page: address } of this.guests) {
      this.#actors.push(
        actor({
          name: `fault/${domain.name} stores ${field}`,
          agents: domain.agent,
          enabled: () => domain.running && this.#state.strikes > 0,
          run: () => {
            this.memory.asHypervisor(() => {
              this.#state.strikes -= 1;
            });
            const here = page.at(address);
            here[field] = to ?? here[field] + by;
          },
        }),
      );
    }
  }

  #boot(): void {
    const { options, toolstack, memory } = this;
    const [guest] = this.guests as [RingGuest];
    for (const store of this.stores) store.connect();
    toolstack.boot();
    const page = XenstoreInterface.view(memory).at(guest.page);
    for (const index of ['req_cons', 'req_prod', 'rsp_cons', 'rsp_prod'] as const)
      page[index] = options.startIndex ?? 0;
    guest.callers.xenwatchTask.start();
    if (options.writes !== null) {
      const slot = guest.ring.registerWatch(WATCHED, 't');
      this.settle();
      const { type } = guest.ring.take(slot);
      assert(type === XsType.WATCH, 'ring world: the watch is refused');
    }
    this.settle();
    assert(page.error === XsRingError.None && this.violations === 0, `ring world: ${this.lastFault}`);
    this.#state.writes = options.writes ?? 0;
    this.#state.strikes = (options.hostile ?? []).length > 0 ? 1 : 0;
    if (options.asks.length > 0) guest.callers.userTask.start();
    if (options.plan !== 'none') toolstack.task.start();
    memory.reset();
  }
}
