/**
 * What groups of actors offer, remembered. Which members of a group can act is a pure function of the places of memory
 * that their conditions look at, so before the same of them they need not be asked again.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { DecisionTree, UNSEEN } from './decision-tree.js';
import { StepRecorder } from './step-recorder.js';

/** Asks a group: puts its choices into `choices` from 0 on, and what else is to be known of them into `flags`. */
export type Ask = (group: number, choices: Int32Array) => { readonly count: number; readonly flags: number };

/** Bound of the offers, in words: 1 MiB. */
const OFFERS_MAX = 1 << 18;
const CHOICES_MAX = 4096;

export class RememberedOffers {
  /** Each offer: flags, how many choices, the choices. */
  offers = new Int32Array(CHOICES_MAX * 2);
  readonly #ask: Ask;
  readonly #tree: DecisionTree;
  readonly #recorder: StepRecorder;
  readonly #choices = new Int32Array(CHOICES_MAX);
  #end = 0;

  constructor(memory: JournaledMemory, ask: Ask) {
    this.#ask = ask;
    this.#tree = new DecisionTree(memory.places);
    this.#recorder = new StepRecorder(memory);
  }

  /** Where in `offers` that of the group in the present state begins. It stands there until the next is asked for. */
  of(group: number): number {
    const known = this.#tree.find(group);
    return known === UNSEEN ? this.#learn(group) : known;
  }

  #learn(group: number): number {
    const recorder = this.#recorder;
    recorder.begin();
    let asked: ReturnType<Ask>;
    try {
      asked = this.#ask(group, this.#choices);
    } finally {
      recorder.end();
    }
    if (this.#tree.full || this.#end > OFFERS_MAX) {
      this.#tree.clear();
      this.#end = 0;
    }
    const offer = this.#end;
    this.#end += 2 + asked.count;
    while (this.#end > this.offers.length) {
      const larger = new Int32Array(this.offers.length * 2);
      larger.set(this.offers);
      this.offers = larger;
    }
    this.offers[offer] = asked.flags;
    this.offers[offer + 1] = asked.count;
    this.offers.set(this.#choices.subarray(0, asked.count), offer + 2);
    this.#tree.add(group, recorder, offer);
    return offer;
  }
}
