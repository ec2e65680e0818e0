/**
 * The steps of a world that is a list of actors, as a reduction sees them.
 */
import type { Actor } from './actors.js';
import type { GuardWatch, StepSpace } from './explore/step-space.js';

export interface ActorSpaceParts {
  readonly actors: readonly Actor[];
  /** Number of the actor that lets time pass. */
  readonly time?: number;
  /** Number of the first actor of each group, in order. */
  readonly groupStarts?: readonly number[];
  /** Choices from here on are kills: `storesMax` for each actor. */
  readonly killBase?: number;
  readonly storesMax?: number;
}

export class ActorSpace implements StepSpace {
  readonly actorCount: number;
  readonly groupCount: number;
  readonly time: number;
  restricted = false;
  watch: GuardWatch | null = null;
  remembering = false;
  readonly #actors: readonly Actor[];
  readonly #groups: Int32Array;
  readonly #killBase: number;
  readonly #storesMax: number;

  constructor({ actors, time, groupStarts, killBase, storesMax }: ActorSpaceParts) {
    this.#actors = actors;
    this.actorCount = actors.length;
    this.groupCount = groupStarts?.length ?? 0;
    this.time = time ?? -1;
    this.#killBase = killBase ?? Number.POSITIVE_INFINITY;
    this.#storesMax = storesMax ?? 1;
    this.#groups = new Int32Array(actors.length).fill(-1);
    groupStarts?.forEach((start, group) => {
      this.#groups.fill(group, start);
    });
  }

  groupOf(actor: number): number {
    return this.#groups[actor] as number;
  }

  positionWord(actor: number): number {
    return (this.#actors[actor] as Actor).positionWord;
  }

  isLazy(actor: number): boolean {
    const candidate = this.#actors[actor] as Actor;
    return candidate.fault || !candidate.urgent();
  }

  actorOf(choice: number): number {
    return choice < this.#killBase ? choice : Math.floor((choice - this.#killBase) / this.#storesMax);
  }

  isKill(choice: number): boolean {
    return choice >= this.#killBase;
  }
}
