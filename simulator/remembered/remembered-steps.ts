/**
 * What steps do, remembered. A step is a pure function of the places of memory that it reads, so the second time that an
 * actor stands before the same of them its code need not run: its stores, and how the hash of the state changes by them,
 * are known.
 *
 * Not remembered is a step in which an oracle fails or a driver throws: its code runs each time, and so tells why.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { longer } from '../../protocol/allocate.js';
import type { Hashed } from '../../protocol/hashed.js';
import type { Partition } from '../explore/partition.js';
import type { StepSpace } from '../explore/step-space.js';
import { DecisionTree, NODES_MAX } from './decision-tree.js';
import { recorderOf, type StepRecorder } from './step-recorder.js';

/** What is remembered of the worlds whose steps are. */
export interface Stepping {
  readonly memory: JournaledMemory;
  readonly violations: number;
  readonly lastFault: string | null;
  /** Whose steps can be told apart by a reduction, of that all loads and stores are heard. */
  readonly steps?: Pick<StepSpace, 'positionWord' | 'actorOf'> | undefined;
  step(choice: number): void;
}

/** In the place of an effect: the code of the step is to run. */
export const RUNS = -1;

/** Words of an effect: how both halves of the hash change, how many words and cells, and when it holds. */
const LOW = 0;
const HIGH = 1;
const WORDS = 2;
const CELLS = 3;
const USED_BLOCKS = 4;
/** The class of its step, one bit of 64; and which classes of steps its stores disturb, as known by `#learned`. */
const CLASS = 5;
const DISTURBS = 7;
const LEARNED = 9;
/** The listener that has heard the step's code run, by number. */
const HEARD = 10;
/** How the part of the state changes, or `UNKNOWN`. */
const PART = 11;
const HEAD = 12;
const UNKNOWN = -1;

/** Bound of the effects, in words: 8 MiB. */
const EFFECTS_MAX = 1 << 21;
/** The leaf of a step whose code always runs. */
const ALWAYS_RUNS = 0;

export class RememberedSteps {
  /** How often everything was forgotten: an effect is good until then. */
  forgotten = 0;
  /** Who listens to what runs now, by number; 0 for nobody. */
  listener = 0;
  /** The effect that was written down when `run` last ran a step, or `RUNS` where none was. */
  ran: number = RUNS;
  readonly #world: Stepping;
  readonly #memory: JournaledMemory;
  readonly #tree: DecisionTree;
  readonly #recorder: StepRecorder;
  /** Each effect: the head above, pairs (word, value), pairs (cell, number of its value), and what each of the words held before. */
  #effects = new Int32Array(1 << 12);
  #end = 1;
  #values: Hashed[] = [];
  /** A class for each actor and position of its task; past 64 they share one. */
  readonly #classes = new Map<number, number>();
  /** For each place, the classes of the steps that have read it: 32 and 32 bits. */
  readonly #readers: Int32Array;
  #listeners = 0;
  #partition: Partition | null = null;
  /** Ways found since everything was last forgotten, and ways written down: where more are written, nothing is gained. */
  #found = 0;
  #written = 0;
  #gainless = false;
  /** Grows with what is known of the readers. */
  #learned = 1;
  #disturbedLow = 0;
  #disturbedHigh = 0;

  /** `nodesMax` bounds what is remembered. */
  constructor(world: Stepping, nodesMax = NODES_MAX) {
    this.#world = world;
    this.#memory = world.memory;
    this.#readers = new Int32Array(world.memory.places.length * 2);
    this.#tree = new DecisionTree(world.memory.places, nodesMax);
    this.#recorder = recorderOf(world.memory);
  }

  /** The effect that a choice has in the present state, or `RUNS` where only running it will tell. */
  effectOf(choice: number): number {
    const effect = this.#tree.find(choice);
    if (effect <= ALWAYS_RUNS || !this.holds(effect)) return RUNS;
    this.#found++;
    return effect;
  }

  /** Whether an effect is still that of what its step reads. */
  holds(effect: number): boolean {
    // A block that was passed over then, because it had never been stored to, is looked at now.
    const usedBlocks = this.#effects[effect + USED_BLOCKS] as number;
    return usedBlocks === 0 || usedBlocks === this.#memory.usedBlocks;
  }

  /** How the two halves of the hash change with an effect. */
  changeOfLow(effect: number): number {
    return this.#effects[effect + LOW] as number;
  }
  changeOfHigh(effect: number): number {
    return this.#effects[effect + HIGH] as number;
  }

  /** Divides the states in parts, for `changeOfPart`. */
  set partition(partition: Partition | null) {
    if (partition === this.#partition) return;
    this.#partition = partition;
    const effects = this.#effects;
    for (let effect = ALWAYS_RUNS + 1; effect < this.#end; effect += lengthOf(effects, effect))
      effects[effect + PART] = UNKNOWN;
  }

  /** How the part of a state changes with an effect. */
  changeOfPart(effect: number): number {
    const change = this.#effects[effect + PART] as number;
    return change === UNKNOWN ? this.#learnPart(effect) : change;
  }

  /** Words that an effect may change. */
  get words(): number {
    return this.#memory.words.length;
  }

  /** Adds `count` to the number of each word that an effect changes. */
  countChanges(effect: number, changes: Int32Array, count: number): void {
    const effects = this.#effects;
    const end = effect + HEAD + (effects[effect + WORDS] as number) * 2;
    for (let at = effect + HEAD; at < end; at += 2) (changes[effects[at] as number] as number) += count;
  }

  /** Of the effects that other choices have in the present state, those that are `untouched` are the same after `effect`. */
  disturb(effect: number): void {
    if (this.#effects[effect + LEARNED] !== this.#learned) this.#learnDisturbed(effect);
    this.#disturbedLow = this.#effects[effect + DISTURBS] as number;
    this.#disturbedHigh = this.#effects[effect + DISTURBS + 1] as number;
  }

  untouched(effect: number): boolean {
    const low = this.#disturbedLow & (this.#effects[effect + CLASS] as number);
    const high = this.#disturbedHigh & (this.#effects[effect + CLASS + 1] as number);
    return (low | high) === 0 && this.holds(effect);
  }

  /** Does what the step does. */
  apply(effect: number): void {
    const effects = this.#effects;
    const words = effects[effect + WORDS] as number;
    const cells = effects[effect + CELLS] as number;
    const at = effect + HEAD;
    this.#memory.change(effects, at, words, effects[effect + LOW] as number, effects[effect + HIGH] as number);
    for (let i = 0; i < cells; i++) {
      const pair = at + (words + i) * 2;
      this.#memory.changeCell(effects[pair] as number, this.#values[effects[pair + 1] as number] as Hashed);
    }
  }

  /** A new listener, by number, who must hear the code of each step before the same at least once. */
  newListener(): number {
    return ++this.#listeners;
  }

  /** Whether whoever listens has heard the code of this effect. */
  heard(effect: number): boolean {
    return this.#effects[effect + HEARD] === this.listener;
  }

  /** Runs the code of a step whose effect in the present state is known, for whoever listens. */
  runAgain(choice: number, effect: number): void {
    this.#effects[effect + HEARD] = this.listener;
    this.#world.step(choice);
  }

  /** Runs the code of a step, and remembers what it does. */
  run(choice: number): void {
    const world = this.#world;
    const memory = this.#memory;
    this.ran = RUNS;
    if (this.#gainless || this.#tree.find(choice) === ALWAYS_RUNS) {
      world.step(choice);
      return;
    }
    const recorder = this.#recorder;
    const { violations } = world;
    const { hashLow, hashHigh, passedOver } = memory;
    const position = this.#positionOf(choice);
    const kind = this.#classOf(choice, position);
    recorder.begin();
    if (position >= 0) recorder.read(position);
    try {
      world.step(choice);
    } finally {
      recorder.end();
    }
    if ((this.#tree.full || this.#end > EFFECTS_MAX) && !this.#forget()) return;
    const always = world.violations !== violations || world.lastFault !== null;
    const leaf = always ? ALWAYS_RUNS : this.#write(hashLow, hashHigh, memory.passedOver !== passedOver);
    this.#tree.add(choice, recorder, leaf);
    this.#written++;
    if (always) return;
    this.#classify(leaf, kind);
    this.ran = leaf;
  }

  /** Takes a choice, by its effect where that is known. */
  step(choice: number): void {
    const effect = this.effectOf(choice);
    if (effect === RUNS) this.run(choice);
    else this.apply(effect);
  }

  /** Writes down what has become of what the recorded step stored to. Returns the effect. */
  #write(hashLow: number, hashHigh: number, passedOver: boolean): number {
    const memory = this.#memory;
    const recorder = this.#recorder;
    const effect = this.#end;
    while (effect + HEAD + recorder.changedCount * 3 > this.#effects.length) this.#effects = longer(this.#effects);
    const effects = this.#effects;
    let at = effect + HEAD;
    let words = 0;
    for (let i = 0; i < recorder.changedCount; i++) {
      const word = recorder.changed[i] as number;
      if (word >= memory.words.length || memory.words[word] === recorder.before(word)) continue;
      effects[at] = word;
      effects[at + 1] = memory.words[word] as number;
      at += 2;
      words++;
    }
    let cells = 0;
    for (let i = 0; i < recorder.changedCount; i++) {
      const place = recorder.changed[i] as number;
      if (place < memory.words.length) continue;
      const same = memory.places[place] === recorder.before(place);
      if (same && memory.places[place + 1] === recorder.before(place + 1)) continue;
      const cell = (place - memory.words.length) >>> 1;
      effects[at] = cell;
      effects[at + 1] = this.#values.length;
      this.#values.push(memory.cell(cell));
      at += 2;
      cells++;
    }
    effects[effect + LOW] = memory.hashLow ^ hashLow;
    effects[effect + HIGH] = memory.hashHigh ^ hashHigh;
    effects[effect + WORDS] = words;
    effects[effect + CELLS] = cells;
    effects[effect + USED_BLOCKS] = passedOver ? memory.usedBlocks : 0;
    effects.fill(0, effect + CLASS, effect + HEAD);
    effects[effect + HEARD] = this.listener;
    effects[effect + PART] = UNKNOWN;
    for (let i = 0; i < words; i++) effects[at++] = recorder.before(effects[effect + HEAD + i * 2] as number);
    this.#end = at;
    return effect;
  }

  /** The word that says at which step the task of the actor stands, or -1. */
  #positionOf(choice: number): number {
    const { steps } = this.#world;
    return steps === undefined ? -1 : steps.positionWord(steps.actorOf(choice));
  }

  /** A number below 64, the same for the same step of the same actor. */
  #classOf(choice: number, word: number): number {
    const position = word < 0 ? 0 : (this.#memory.words[word] as number) & 63;
    const key = choice * 64 + position;
    let kind = this.#classes.get(key);
    if (kind === undefined) {
      kind = this.#classes.size & 63;
      this.#classes.set(key, kind);
    }
    return kind;
  }

  /** Says of which class an effect is, whose way was just written. */
  #classify(effect: number, kind: number): void {
    const half = kind >>> 5;
    const bit = 1 << (kind & 31);
    this.#effects[effect + CLASS + half] = bit;
    const { reads, readCount } = this.#recorder;
    for (let i = 0; i < readCount; i++) {
      const at = (reads[i] as number) * 2 + half;
      const readers = this.#readers[at] as number;
      if ((readers & bit) !== 0) continue;
      this.#readers[at] = readers | bit;
      this.#learned++;
    }
  }

  #learnDisturbed(effect: number): void {
    const effects = this.#effects;
    const words = effects[effect + WORDS] as number;
    const cells = effects[effect + CELLS] as number;
    let low = 0;
    let high = 0;
    for (let i = 0; i < words + cells; i++) {
      const index = effects[effect + HEAD + i * 2] as number;
      // Both halves of the hash of a cell have the same readers.
      const at = (i < words ? index : this.#memory.placeOfCell(index)) * 2;
      low |= this.#readers[at] as number;
      high |= this.#readers[at + 1] as number;
    }
    effects[effect + DISTURBS] = low;
    effects[effect + DISTURBS + 1] = high;
    effects[effect + LEARNED] = this.#learned;
  }

  /** What the words held before is the same each time, as the step reads it. */
  #learnPart(effect: number): number {
    const effects = this.#effects;
    const words = effects[effect + WORDS] as number;
    const before = effect + HEAD + (words + (effects[effect + CELLS] as number)) * 2;
    let change = 0;
    if (this.#partition !== null)
      for (let i = 0; i < words; i++) {
        const at = effect + HEAD + i * 2;
        const value = effects[at + 1] as number;
        change ^= this.#partition.change(effects[at] as number, effects[before + i] as number, value);
      }
    effects[effect + PART] = change;
    return change;
  }

  /** There is no more room: begins anew, but where less was found again than was written down. Whether it does. */
  #forget(): boolean {
    this.forgotten++;
    this.#gainless = this.#found < this.#written;
    this.#found = 0;
    this.#written = 0;
    this.#tree.clear();
    this.#end = 1;
    this.#values = [];
    return !this.#gainless;
  }
}

function lengthOf(effects: Int32Array, effect: number): number {
  return HEAD + (effects[effect + WORDS] as number) * 3 + (effects[effect + CELLS] as number) * 2;
}

/** Of each world, so that a search profits from the one before. */
const ofWorlds = new WeakMap<Stepping, RememberedSteps>();

/** What the steps of a world are remembered to do; null where they cannot be. */
export function rememberedOf(world: Stepping): RememberedSteps | null {
  if (world.steps === undefined) return null;
  const known = ofWorlds.get(world);
  if (known !== undefined) return known;
  const made = new RememberedSteps(world);
  ofWorlds.set(world, made);
  return made;
}
