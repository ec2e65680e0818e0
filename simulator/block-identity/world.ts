/**
 * A world for one question: is the block device that a backend exposes the one that its script was given? On one host,
 * with its kernel's device table, a block script, a toolstack and a backend for each guest, and other users of the
 * host's devices. Everything they know lies in journaled memory, and the nodes in a journaled store.
 *
 * Not here: rings and requests, which make no difference to which device is open. A frontend is one bit, whether it has
 * a ring. Time passes only where nobody but a fault can act.
 */
import { ALL_AGENTS, type JournaledMemory } from '../../hypervisor/journaled-memory.js';
import type { MemoryMap } from '../../hypervisor/memory-map.js';
import { passTime, type TimerPlace, untilNext } from '../../hypervisor/timers.js';
import { ActorSpace } from '../actor-space.js';
import { type Actor, actor } from '../actors.js';
import type { StoreListener } from '../store-client.js';
import type { Recordable } from '../trace.js';
import { firstOracle, type OracleName } from '../world-state.js';
import { identityActors } from './identity-actors.js';
import { buildIdentityMachine, type IdentityMachine } from './machine.js';
import { judgeEnd, judgeStep } from './oracles.js';
import type { Design, IdentitySetting, Observation } from './setting.js';

export class IdentityWorld implements Recordable {
  readonly machine: IdentityMachine;
  readonly memory: JournaledMemory;
  atRest = false;
  reducing = false;
  readonly steps: ActorSpace;
  readonly #actors: readonly Actor[];
  readonly #time: Actor;

  constructor(design: Design, setting: IdentitySetting) {
    this.machine = buildIdentityMachine(design, setting);
    const { memory, guests } = this.machine;
    this.memory = memory;
    const timers: readonly TimerPlace[] = guests.flatMap(({ backend, toolstack }) =>
      [backend.openTimer, backend.closeTimer, toolstack.timer].map((address) => ({ address, ticking: () => true })),
    );
    this.#time = actor({
      name: 'time',
      agents: ALL_AGENTS,
      enabled: () => untilNext(memory, timers) > 0,
      run: () => passTime(memory, timers, untilNext(memory, timers)),
      describe: () => `time/${untilNext(memory, timers)} ms pass`,
    });
    this.#actors = [...identityActors(this.machine), this.#time];
    this.steps = new ActorSpace({ actors: this.#actors, time: this.#actors.length - 1 });
  }

  get violations(): number {
    return this.machine.host.world.violations;
  }

  get failed(): OracleName | undefined {
    return firstOracle(this.violations);
  }

  get lastFault(): string | null {
    return this.machine.host.lastFault;
  }

  /** What has happened in the steps taken since the world was made, in any schedule. */
  get observed(): ReadonlySet<Observation> {
    return this.machine.host.observed;
  }

  enumerate(choices: Int32Array, first = 0): number {
    const { watch, time } = this.steps;
    let end = first;
    this.atRest = true;
    for (let i = 0; i < time; i++) {
      const candidate = this.#actors[i] as Actor;
      if (watch !== null) watch.guard(i);
      if (!candidate.enabled()) continue;
      choices[end++] = i;
      this.atRest &&= candidate.fault;
    }
    if (watch !== null) watch.guard(time);
    if (this.atRest && this.#time.enabled()) {
      choices[end++] = time;
      this.atRest = false;
    }
    return end - first;
  }

  step(choice: number): void {
    const { host, guests } = this.machine;
    host.lastFault = null;
    try {
      (this.#actors[choice] as Actor).run();
    } catch (error) {
      host.fail('driver-fault', error instanceof Error ? error.message : String(error));
    }
    judgeStep(host, guests);
  }

  isFault(choice: number): boolean {
    return (this.#actors[choice] as Actor).fault;
  }

  describe(choice: number): string {
    return (this.#actors[choice] as Actor).describe();
  }

  quiescent(): void {
    const { host, guests } = this.machine;
    host.lastFault = null;
    judgeEnd(host, guests);
  }

  /** Names for everything in memory. */
  traceMap(): MemoryMap {
    return this.machine.map;
  }

  /** Hears every store request from now on; null for nobody. */
  listen(listener: StoreListener | null): void {
    for (const client of this.machine.clients) client.listener = listener;
  }
}
