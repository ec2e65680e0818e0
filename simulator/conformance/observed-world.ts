/**
 * A world whose steps are seen as a recording would show them: each step gives the observables it makes, in order.
 *
 * Two things are added that a recording can contain and no scenario has, because no driver takes part in them: a guest
 * that is paused for a while (`xl pause`), and one that is destroyed, after a panic or out of the blue (`xl destroy`).
 */
import { TpmbackV2 } from '../../backend/tpmback/v2.js';
import { DomainState } from '../../hypervisor/domain.js';
import { CHOICES_MAX } from '../explore/explore.js';
import type { StoreOperation } from '../store-client.js';
import { World } from '../world.js';
import type { WorldOptions } from '../world-options.js';
import type { Request, Roles } from './changes.js';
import { ringEvent, storeEvents } from './observables.js';

/** What one step shows. */
export interface Shown {
  /** Name of the step. */
  readonly step: string;
  /** Who made it: observables of one actor come in order. */
  readonly actor: string;
  readonly texts: readonly string[];
  /** It is a fault, or time passes: tried after everything else. */
  readonly late: boolean;
}

const NOTHING: readonly string[] = [];
const SIMULATED: Roles = { source: 1, target: 2 };

/** What somebody at the controls does once, beside the scenario. */
export type Interference = 'none' | 'pause' | 'destroy';

/** Choices that no world has. */
const PAUSE = -1;
const UNPAUSE = -2;
const DESTROY = -3;

export class ObservedWorld {
  readonly world: World;
  /** What the making of the world shows, by actor: empty where the guest is connected already. */
  readonly begin: ReadonlyMap<string, readonly string[]>;
  readonly #interference: Interference;
  readonly #choices = new Int32Array(CHOICES_MAX);
  #requests: Request[] = [];

  constructor(options: WorldOptions, interference: Interference) {
    this.#interference = interference;
    const listener = (operation: StoreOperation): void => {
      this.#requests.push(requestOf(operation));
    };
    this.world = new World({ ...options, reduction: false, listener });
    const begin = new Map<string, readonly string[]>();
    if (options.scenario.start === 'boot') {
      for (const who of ['toolstack', 'tpmback', 'guest'] as const) {
        const texts = this.#textsOf(this.#requests.filter((request) => request.who === who));
        if (texts.length > 0) begin.set(who === 'toolstack' ? who : `${who}1`, texts);
      }
    }
    this.begin = begin;
    this.#requests = [];
  }

  /** What can happen now; `interfered` says whether somebody has interfered before. */
  choices(interfered: boolean): readonly number[] {
    const count = this.world.enumerate(this.#choices);
    const choices = [...this.#choices.slice(0, count)];
    if (this.#interference === 'none') return choices;
    const { state } = this.world.machine.slots[0].domain;
    if (state === DomainState.Paused && this.#interference === 'pause') choices.push(UNPAUSE);
    if (!interfered && state === DomainState.Running) choices.push(this.#interference === 'pause' ? PAUSE : DESTROY);
    return choices;
  }

  /** Whether a choice is somebody's interference, which happens once. */
  interferes(choice: number): boolean {
    return choice === PAUSE || choice === DESTROY;
  }

  /** Takes a choice and returns what it shows. */
  step(choice: number): Shown {
    if (choice < 0) return { step: this.#interfere(choice), actor: 'lab', texts: [], late: true };
    const { world } = this;
    const step = world.describe(choice);
    const actor = /^[^./]+/.exec(step)?.[0] ?? '';
    const late = actor === 'time' || world.isFault(choice);
    const before = world.machine.slots.map(({ backend }) => handleOf(backend.driver));
    this.#requests = [];
    world.step(choice);
    const texts: string[] = [];
    world.machine.slots.forEach(({ backend }, slot) => {
      const role = slot === 0 ? 'source' : 'target';
      const after = handleOf(backend.driver);
      const answers = /\/finish$/.test(step) && after !== 0;
      // A process that dies is unmapped by its kernel, which nobody writes down.
      if (after !== before[slot] && actor === backend.name) texts.push(ringEvent(after === 0 ? 'UNMAP' : 'MAP', role));
      if (actor !== backend.name) return;
      if (/\/fetch$/.test(step) && backend.driver.tasks.some((task) => task.at('execute')))
        texts.push(ringEvent('FETCH', role));
      if (answers) texts.push(ringEvent('ANSWER', role));
    });
    texts.push(...this.#textsOf(this.#requests));
    return { step, actor, texts, late };
  }

  /** libxl pauses the domain that it destroys before it takes the devices away. */
  #interfere(choice: number): string {
    const { slots, toolstack } = this.world.machine;
    slots[0].domain.setState(choice === UNPAUSE ? DomainState.Running : DomainState.Paused);
    if (choice === DESTROY) toolstack.runTask.start('close_old_source');
    return choice === DESTROY ? 'lab/destroy' : choice === PAUSE ? 'lab/pause' : 'lab/unpause';
  }

  #textsOf(requests: readonly Request[]): readonly string[] {
    return requests.length === 0 ? NOTHING : storeEvents(requests, SIMULATED).map(({ text }) => text);
  }
}

/** Handle of the mapped page, 0 for none. */
function handleOf(driver: object): number {
  return driver instanceof TpmbackV2 ? driver.state.handle : 0;
}

function requestOf({ client, operation, path, value }: StoreOperation): Request {
  const guest = /^guest(\d+)$/.exec(client)?.[1];
  const who = guest !== undefined ? 'guest' : client === 'toolstack' ? 'toolstack' : 'tpmback';
  const absolute = path.startsWith('/') || path === '' ? path : `/local/domain/${guest ?? 0}/${path}`;
  return { who, domid: Number(guest ?? 0), operation, path: absolute, value, line: 0 };
}
