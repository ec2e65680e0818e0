/**
 * One run: takes steps from the beginning of a world to its end, writes down what was taken, and goes back by undoing
 * the journal. The arrays are made once; a step allocates nothing here.
 *
 * A run ends when an oracle fails, when nothing is left to happen, or after `STEPS_MAX` steps. Where it is broken off
 * there, it may have gone round: that is a failure when a state came again, and going on like that is fair.
 */
import { cycleFault } from '../explore/fair-cycles.js';
import { CHOICES_MAX } from '../explore/search.js';
import { fairCycleAtEnd } from '../lasso.js';
import type { Random } from '../random.js';
import { oracleBit } from '../world-state.js';
import type { Coverage } from './coverage.js';
import { OfferTable } from './offer-table.js';
import type { Fuzzable, Offer, Scheduler } from './scheduler.js';

export const STEPS_MAX = 4096;
/** Steps of the shortest part of a run that is searched for a way round. */
const FIRST_PART = 64;

/** The beginning of a known schedule of the same world, which is taken without looking at what else there is. */
export interface Prefix {
  readonly choices: Int32Array;
  readonly length: number;
}

export interface RunSettings {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** About how many steps a run of this world has, and how many faults can strike in it. */
  readonly length: number;
  readonly faults: number;
  /** Hears of every step; null for nobody. */
  readonly coverage: Coverage | null;
  readonly prefix?: Prefix | undefined;
}

export class Runner {
  /** Of the last run: choices, numbers of the steps, and the hash of the state after each. */
  readonly choices = new Int32Array(STEPS_MAX);
  readonly ids = new Int32Array(STEPS_MAX);
  readonly lows = new Int32Array(STEPS_MAX);
  readonly highs = new Int32Array(STEPS_MAX);
  /** How many choices there were at each step; 0 where nobody looked. */
  readonly offers = new Int32Array(STEPS_MAX);
  length = 0;
  /** Bit set of the oracles that failed in it. */
  violations = 0;
  /** What the machine reported, when a driver threw or touched memory it may not. */
  fault: string | null = null;
  readonly #offered = new Int32Array(CHOICES_MAX);
  readonly #offeredIds = new Int32Array(CHOICES_MAX);
  readonly #faults = new Int32Array(CHOICES_MAX);
  readonly #known = new OfferTable();

  /** Runs `world`, which stands at its beginning and does so again afterwards. Returns the oracles that failed. */
  run(world: Fuzzable, { scheduler, random, length, faults, coverage, prefix }: RunSettings): number {
    const { memory } = world;
    this.length = 0;
    this.violations = 0;
    this.fault = null;
    const kept = Math.min(prefix?.length ?? 0, STEPS_MAX);
    for (let i = 0; i < kept && this.violations === 0; i++) {
      const choice = prefix?.choices[i] as number;
      this.#take(world, choice, world.stepId(choice), 0, coverage);
    }
    scheduler.begin(world, random, length, faults);
    const known = this.#known;
    const number = known.numberOf(world);
    const offer = { world, choices: this.#offered, ids: this.#offeredIds, usual: 0, count: 0, atRest: false, step: 0 };
    while (this.violations === 0 && this.length < STEPS_MAX) {
      if (!known.find(number, memory, offer)) {
        this.#look(world, offer);
        // An end at which an oracle fails is judged anew each time.
        if (offer.atRest && this.#judge(world)) break;
        known.add(number, memory, offer);
      }
      if (offer.count === 0) break;
      // Where the world has none that is counted, faults are choices like any other.
      if (faults === 0) offer.usual = offer.count;
      offer.step = this.length;
      const picked = scheduler.pick(offer);
      if (picked < 0) break;
      this.#take(world, offer.choices[picked] as number, offer.ids[picked] as number, offer.count, coverage);
    }
    memory.undo(0, 0, 0);
    if (this.violations === 0 && this.length === STEPS_MAX) this.#judgeRound(world);
    return this.violations;
  }

  /** Looks for a fair way round in ever longer parts of the run, which is cut off where one ends. */
  #judgeRound(world: Fuzzable): void {
    for (let part = FIRST_PART; part <= this.length; part *= 2) {
      const end = this.#endOfRound(part);
      const steps = end === 0 ? 0 : fairCycleAtEnd(world, this.choices.subarray(0, end));
      if (steps === 0) continue;
      this.length = end;
      this.violations = oracleBit('no-hang');
      this.fault = cycleFault(steps);
      return;
    }
  }

  /** Of the ways round in the first `part` steps, the end of the longest, which is the fairest; 0 when there is none. */
  #endOfRound(part: number): number {
    const first = new Map<string, number>();
    let longest = 0;
    let end = 0;
    for (let i = 0; i < part; i++) {
      const key = `${this.lows[i]} ${this.highs[i]}`;
      const before = first.get(key);
      if (before === undefined) first.set(key, i);
      else if (i - before > longest) {
        longest = i - before;
        end = i + 1;
      }
    }
    return end;
  }

  /** Asks the world what there is to choose from. */
  #look(world: Fuzzable, offer: Offer): void {
    const { choices, ids } = offer;
    const count = world.enumerate(choices);
    offer.count = count;
    offer.atRest = world.atRest;
    offer.usual = this.#faultsLast(world, count);
    for (let i = 0; i < count; i++) ids[i] = world.stepId(choices[i] as number);
  }

  #take(world: Fuzzable, choice: number, id: number, offers: number, coverage: Coverage | null): void {
    const { memory } = world;
    const at = this.length++;
    const mark = memory.journalLength;
    this.choices[at] = choice;
    this.offers[at] = offers;
    this.ids[at] = id;
    world.step(choice);
    this.lows[at] = memory.hashLow;
    this.highs[at] = memory.hashHigh;
    if (coverage !== null) coverage.step(memory, id, mark);
    this.violations = world.violations;
    if (this.violations !== 0) this.fault = world.lastFault;
  }

  /** Judges the end; true when an oracle fails there. Where faults may still strike, nothing of it stays behind. */
  #judge(world: Fuzzable): boolean {
    const { memory } = world;
    const { hashLow, hashHigh, journalLength } = memory;
    world.quiescent();
    this.violations = world.violations;
    memory.undo(journalLength, hashLow, hashHigh);
    return this.violations !== 0;
  }

  /** Moves the faults behind the other choices, both in their order; returns how many others there are. */
  #faultsLast(world: Fuzzable, count: number): number {
    const offered = this.#offered;
    let usual = 0;
    let faults = 0;
    for (let i = 0; i < count; i++) {
      const choice = offered[i] as number;
      if (world.isFault(choice)) this.#faults[faults++] = choice;
      else offered[usual++] = choice;
    }
    for (let i = 0; i < faults; i++) offered[usual + i] = this.#faults[i] as number;
    return usual;
  }
}
