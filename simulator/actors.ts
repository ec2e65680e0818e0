/**
 * Actors: everything that can happen next, each with a name. A *choice* is the number of an actor; those of faults
 * carry a parameter.
 *
 * Actors come in groups that can be passed over at once: a domain that does not run offers nothing.
 */

import type { Task } from '../hypervisor/steps.js';
import type { BackendProcess } from './backend-process.js';

export interface Actor {
  /** Who may touch what while it runs: the agents of the memory. */
  readonly agents: number;
  /** The process that can be killed between two stores of what it does here. */
  readonly backend: BackendProcess | null;
  /** It is a fault: it may strike, and need not. */
  readonly fault: boolean;
  /** Index of the word of memory that holds the position of its task; -1 where it has one step only. */
  readonly positionWord: number;
  enabled(): boolean;
  /** Whether no time passes while it can act. Faults need not strike, and nobody need ask for a suspend at once. */
  urgent(): boolean;
  run(): void;
  /** What would happen, as a schedule names it. Asked before it happens. */
  describe(): string;
}

export interface ActorGroup {
  /** Whether any of the actors can be enabled at all. */
  active(): boolean;
  readonly actors: readonly Actor[];
  /**
   * For each actor the word of memory that is 0 where it cannot act, or -1: most are tasks that do not run, and are
   * passed over without being asked.
   */
  readonly positions: Int32Array;
  /** Tasks that hold a spinlock while they run: nothing else of the group runs then. */
  readonly exclusive: readonly TaskActor[];
}

/** How much of a task one choice runs: one step, or all steps until it has to wait. */
export type Grain = 'fine' | 'coarse';

export interface TaskActorParts {
  /** Who the task belongs to, as schedules name it. */
  readonly owner: string;
  readonly agents: number;
  readonly task: Task<never>;
  readonly grain: Grain;
  /** The process that can be killed between two stores of the task. */
  readonly backend?: BackendProcess;
  /** A step before which time may pass. */
  readonly idleStep?: string;
}

/** The next step of a task, or in coarse grain the next steps. */
export class TaskActor implements Actor {
  readonly agents: number;
  readonly backend: BackendProcess | null;
  readonly task: Task<never>;
  readonly #owner: string;
  readonly #coarse: boolean;
  readonly #idleStep: string | null;
  readonly fault = false;
  readonly positionWord: number;

  constructor(parts: TaskActorParts) {
    this.#coarse = parts.grain === 'coarse';
    this.#idleStep = parts.idleStep ?? null;
    this.#owner = parts.owner;
    this.backend = parts.backend ?? null;
    this.agents = parts.agents;
    this.task = parts.task;
    this.positionWord = parts.task.address >>> 2;
  }

  enabled(): boolean {
    return this.task.ready();
  }

  urgent(): boolean {
    return this.#idleStep === null || !this.task.at(this.#idleStep);
  }

  run(): void {
    const { task } = this;
    task.step();
    if (this.#coarse) while (task.ready()) task.step();
  }

  describe(): string {
    return `${this.#owner}.${this.task.definition.name}/${this.task.next}`;
  }
}

/** Anything else, given as functions. */
export interface SimpleActor {
  readonly name: string;
  readonly agents: number;
  readonly backend?: BackendProcess;
  readonly enabled: () => boolean;
  readonly run: () => void;
  readonly describe?: () => string;
  /** Where it is the next step of a task. */
  readonly positionWord?: number;
}

export function actor(parts: SimpleActor): Actor {
  const { name, agents, backend = null, enabled, run, describe = () => name, positionWord = -1 } = parts;
  const fault = name.startsWith('fault/');
  return { agents, backend, fault, positionWord, enabled, urgent: () => !fault, run, describe };
}

export function groupOf(active: () => boolean, actors: readonly Actor[]): ActorGroup {
  const exclusive = actors.filter(
    (candidate): candidate is TaskActor => candidate instanceof TaskActor && candidate.task.definition.exclusive,
  );
  const positions = Int32Array.from(actors, (one) => (one instanceof TaskActor ? one.task.address >>> 2 : -1));
  return { active, actors, positions, exclusive };
}
