/**
 * What groups of actors offer, remembered. Which members of a group can act is a pure function of the places of memory
 * that their conditions look at, so before the same of them they need not be asked again. And in a state that is reached
 * from one whose offers are known, not even these places are looked at, unless the journal says that one of them was stored
 * to on the way.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { longer } from '../../protocol/allocate.js';
import { DecisionTree, UNSEEN } from './decision-tree.js';
import { recorderOf, type StepRecorder } from './step-recorder.js';

/** Asks a group: puts its choices into `choices` from 0 on, and what else is to be known of them into `flags`. */
export type Ask = (group: number, choices: Int32Array) => { readonly count: number; readonly flags: number };

/** Bound of the offers, in words: 1 MiB. */
const OFFERS_MAX = 1 << 18;
const CHOICES_MAX = 4096;
/** It is not known what a group offers. */
const UNKNOWN = -1;

export class RememberedOffers {
  /** Each offer: flags, how many choices, the choices. */
  offers = new Int32Array(CHOICES_MAX * 2);
  readonly #memory: JournaledMemory;
  readonly #groups: number;
  readonly #ask: Ask;
  readonly #offersMax: number;
  readonly #tree: DecisionTree;
  readonly #recorder: StepRecorder;
  readonly #choices = new Int32Array(CHOICES_MAX);
  /** For each place the groups that have looked at it: a bit set, in which groups past 32 share bits. */
  readonly #lookers: Int32Array;
  /** The states that the present one was reached from, and itself: how long the journal was, and the offer of each group. */
  #lengths = new Int32Array(1 << 6);
  #offered: Int32Array;
  #level = -1;
  #end = 0;

  /** `offersMax` bounds what is remembered. */
  constructor(memory: JournaledMemory, groups: number, ask: Ask, offersMax = OFFERS_MAX) {
    this.#memory = memory;
    this.#groups = groups;
    this.#lookers = new Int32Array(memory.places.length);
    this.#offered = new Int32Array(groups << 6);
    this.#ask = ask;
    this.#offersMax = offersMax;
    this.#tree = new DecisionTree(memory.places);
    this.#recorder = recorderOf(memory);
  }

  /** It is the present state that is asked about from now on. */
  beginState(): void {
    const { journalLength, journalKept } = this.#memory;
    const lengths = this.#lengths;
    let level = this.#level;
    while (level >= 0 && (lengths[level] as number) > journalKept) level--;
    this.#level = level;
    if (level >= 0 && lengths[level] === journalLength) return;
    const disturbed = level < 0 ? -1 : this.#lookersSince(lengths[level] as number);
    this.#push(journalLength);
    const groups = this.#groups;
    const offered = this.#offered;
    const begin = this.#level * groups;
    for (let group = 0; group < groups; group++)
      offered[begin + group] =
        ((disturbed >>> group) & 1) === 0 ? (offered[begin - groups + group] as number) : UNKNOWN;
  }

  /** Where in `offers` that of the group in the present state begins. It stands there until the next is asked for. */
  of(group: number): number {
    const known = this.#offered[this.#level * this.#groups + group] as number;
    if (known !== UNKNOWN) return known;
    const found = this.#tree.find(group);
    const offer = found === UNSEEN ? this.#learn(group) : found;
    this.#offered[this.#level * this.#groups + group] = offer;
    return offer;
  }

  /** The groups that have looked at what was stored to since the journal was `length` entries long. */
  #lookersSince(length: number): number {
    const memory = this.#memory;
    let lookers = 0;
    for (let entry = length; entry < memory.journalLength; entry++) {
      const word = memory.journalWord(entry);
      lookers |= this.#lookers[word >= 0 ? word : memory.placeOfCell(-1 - word)] as number;
    }
    return lookers;
  }

  /** One more level, for the present state. */
  #push(journalLength: number): void {
    const level = ++this.#level;
    if (level === this.#lengths.length) {
      this.#lengths = longer(this.#lengths);
      const offered = new Int32Array(this.#lengths.length * this.#groups);
      offered.set(this.#offered);
      this.#offered = offered;
    }
    this.#lengths[level] = journalLength;
    this.#memory.journalKept = journalLength;
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
    if (this.#tree.full || this.#end > this.#offersMax) {
      this.#tree.clear();
      this.#end = 0;
      this.#level = -1;
      this.#push(this.#memory.journalLength);
      this.#offered.fill(UNKNOWN, 0, this.#groups);
    }
    for (let i = 0; i < recorder.readCount; i++) (this.#lookers[recorder.reads[i] as number] as number) |= 1 << group;
    const offer = this.#end;
    this.#end += 2 + asked.count;
    while (this.#end > this.offers.length) this.offers = longer(this.offers);
    this.offers[offer] = asked.flags;
    this.offers[offer + 1] = asked.count;
    this.offers.set(this.#choices.subarray(0, asked.count), offer + 2);
    this.#tree.add(group, recorder, offer);
    return offer;
  }
}
