/**
 * The seam between a run and what decides its order: a scheduler picks one of the choices there are, step by step.
 *
 * Everything it decides comes from the `Random` it is given, so a run is a function of world, scheduler and seed.
 */
import type { Explorable } from '../explore/search.js';
import type { Random } from '../random.js';

/** What can be fuzzed: `World`, and smaller worlds made for one question. It begins where its journal is empty. */
export interface Fuzzable extends Explorable {
  readonly actorCount: number;
  /** Number of the actor of a choice, from 0 to `actorCount` - 1. */
  actorOf(choice: number): number;
  /** What a choice of the present state does, as a number above 0 and below 2^31. */
  stepId(choice: number): number;
  /** Name of a choice of the present state. */
  describe(choice: number): string;
}

/** What there is to pick from. The faults that may strike stand behind everything else. */
export interface Offer {
  readonly world: Fuzzable;
  readonly choices: Int32Array;
  /** What each of them does, as a number (`Fuzzable.stepId`). */
  readonly ids: Int32Array;
  /** Choices before this index are no faults. */
  usual: number;
  /** Choices before this index exist. At least 1. */
  count: number;
  /** There are no choices but faults. */
  atRest: boolean;
  /** How many steps have been taken. */
  step: number;
}

export interface Scheduler {
  /** A run of about `length` steps begins, in a world in which at most `faults` faults can strike. */
  begin(world: Fuzzable, random: Random, length: number, faults: number): void;
  /** Index of the choice to take, or -1 to let no fault strike where only faults are left (`usual` is 0). */
  pick(offer: Offer): number;
}
