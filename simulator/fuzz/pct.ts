/**
 * Strategy PCT: random priorities with few changes (S. Burckhardt, P. Kothari, M. Musuvathi and S. Nagarakatte, "A
 * Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010).
 *
 * Each actor has a priority drawn at the beginning, and the one with the highest priority that can act does. At d - 1
 * steps, drawn among the k that a run is expected to have, whoever would act gets a priority below all first ones. A
 * bug of depth d, one that needs d steps in a certain order, is found in a run with probability 1 / (n k^(d-1)) at
 * least, n being the number of actors.
 *
 * Where this differs from the paper: what has a priority is an actor (a task, an interrupt handler, a queue of events),
 * not a thread; a step is a named step of a driver, not an instruction; k is an estimate from one run, so a run that
 * turns out longer has no change in its last part; and faults strike at moments of their own, outside the bound. In a
 * world that takes steps which commute first (`Explorable.reducing`) the bound speaks of the orders that are left.
 */
import type { Random } from '../random.js';
import { FaultMoments } from './fault-moments.js';
import type { Fuzzable, Offer, Scheduler } from './scheduler.js';

const DEPTH_MAX = 16;

export class Pct implements Scheduler {
  readonly #depth: number;
  readonly #faults = new FaultMoments();
  /** By actor; the higher acts. First priorities are `depth` and above, each once; later ones are below. */
  #priorities = new Int32Array(64);
  readonly #changes = new Int32Array(DEPTH_MAX);
  #random: Random | null = null;

  /** `depth` is the d above, 1 to 16. */
  constructor(depth: number) {
    this.#depth = depth;
  }

  begin(world: Fuzzable, random: Random, length: number, faults: number): void {
    const { actorCount } = world;
    this.#random = random;
    if (this.#priorities.length < actorCount) this.#priorities = new Int32Array(actorCount);
    const priorities = this.#priorities;
    // Fisher and Yates, from the inside out.
    for (let i = 0; i < actorCount; i++) {
      const at = random.index(i + 1);
      priorities[i] = priorities[at] as number;
      priorities[at] = this.#depth + i;
    }
    for (let i = 0; i < this.#depth - 1; i++) this.#changes[i] = random.index(length);
    this.#faults.begin(random, length, faults);
  }

  pick({ world, choices, usual, count, step }: Offer): number {
    if (count > usual && this.#faults.due(step, usual === 0))
      return usual + (this.#random as Random).index(count - usual);
    if (usual === 0) return -1;
    let best = this.#highest(world, choices, usual);
    for (let i = 0; i < this.#depth - 1; i++) {
      if (this.#changes[i] !== step) continue;
      this.#priorities[world.actorOf(choices[best] as number)] = i;
      best = this.#highest(world, choices, usual);
    }
    return best;
  }

  #highest(world: Fuzzable, choices: Int32Array, usual: number): number {
    const priorities = this.#priorities;
    let best = 0;
    let highest = -1;
    for (let i = 0; i < usual; i++) {
      const priority = priorities[world.actorOf(choices[i] as number)] as number;
      if (priority <= highest) continue;
      highest = priority;
      best = i;
    }
    return best;
  }
}
