/**
 * Strategy random walk: every choice that is no fault is as probable as any other.
 *
 * It is the yardstick of the others. It finds what most orders show, and rarely what needs one actor to be held back
 * for long: of n actors, one that stays behind for k steps has a probability of about (1 - 1/n)^k.
 */
import type { Random } from '../random.js';
import { FaultMoments } from './fault-moments.js';
import type { Fuzzable, Offer, Scheduler } from './scheduler.js';

export class RandomWalk implements Scheduler {
  readonly #faults = new FaultMoments();
  #random: Random | null = null;

  begin(_world: Fuzzable, random: Random, length: number, faults: number): void {
    this.#random = random;
    this.#faults.begin(random, length, faults);
  }

  pick({ usual, count, step }: Offer): number {
    const random = this.#random as Random;
    if (count > usual && this.#faults.due(step, usual === 0)) return usual + random.index(count - usual);
    return usual === 0 ? -1 : random.index(usual);
  }
}
