/**
 * What steps do, remembered. A step is a pure function of the places of memory that it reads, so the second time that an
 * actor stands before the same of them its code need not run: its stores, and how the hash of the state changes by them,
 * are known.
 *
 * Not remembered is a step in which an oracle fails or a driver throws: its code runs each time, and so tells why.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import type { Hashed } from '../../protocol/hashed.js';
import { DecisionTree } from './decision-tree.js';
import { StepRecorder } from './step-recorder.js';

/** What is remembered of the worlds whose steps are. */
export interface Stepping {
  readonly memory: JournaledMemory;
  readonly violations: number;
  readonly lastFault: string | null;
  /** Whose steps can be told apart by a reduction, of that all loads and stores are heard. */
  readonly steps?: object | undefined;
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
const HEAD = 5;

/** Bound of the effects, in words: 8 MiB. */
const EFFECTS_MAX = 1 << 21;
/** The leaf of a step whose code always runs. */
const ALWAYS_RUNS = 0;

export class RememberedSteps {
  readonly #world: Stepping;
  readonly #memory: JournaledMemory;
  readonly #tree: DecisionTree;
  readonly #recorder: StepRecorder;
  /** Each effect: the head above, then pairs (word, value), then pairs (cell, number of its value). */
  #effects = new Int32Array(1 << 12);
  #end = 1;
  #values: Hashed[] = [];

  constructor(world: Stepping) {
    this.#world = world;
    this.#memory = world.memory;
    this.#tree = new DecisionTree(world.memory.places);
    this.#recorder = new StepRecorder(world.memory);
  }

  /** The effect that a choice has in the present state, or `RUNS` where only running it will tell. */
  effectOf(choice: number): number {
    const effect = this.#tree.find(choice);
    if (effect <= ALWAYS_RUNS) return RUNS;
    // A block that was passed over then, because it had never been stored to, is looked at now.
    const usedBlocks = this.#effects[effect + USED_BLOCKS] as number;
    return usedBlocks === 0 || usedBlocks === this.#memory.usedBlocks ? effect : RUNS;
  }

  /** The hash of the state that an effect leads to. */
  hashLow(effect: number): number {
    return this.#memory.hashLow ^ (this.#effects[effect + LOW] as number);
  }
  hashHigh(effect: number): number {
    return this.#memory.hashHigh ^ (this.#effects[effect + HIGH] as number);
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

  /** Runs the code of a step, and remembers what it does. */
  run(choice: number): void {
    const world = this.#world;
    const memory = this.#memory;
    if (this.#tree.find(choice) === ALWAYS_RUNS) {
      world.step(choice);
      return;
    }
    const recorder = this.#recorder;
    const { violations } = world;
    const { hashLow, hashHigh } = memory;
    const passedOver = memory.passedOver;
    recorder.begin();
    try {
      world.step(choice);
    } finally {
      recorder.end();
    }
    if (this.#tree.full || this.#end > EFFECTS_MAX) this.#forget();
    const always = world.violations !== violations || world.lastFault !== null;
    const leaf = always ? ALWAYS_RUNS : this.#write(hashLow, hashHigh, memory.passedOver !== passedOver);
    this.#tree.add(choice, recorder, leaf);
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
    while (effect + HEAD + recorder.changedCount * 2 > this.#effects.length) this.#effects = doubled(this.#effects);
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
    this.#end = at;
    return effect;
  }

  /** There is no more room: begins anew. */
  #forget(): void {
    this.#tree.clear();
    this.#end = 1;
    this.#values = [];
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
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
