/** A row of counters, each of which somebody counts up to its end: a world whose states can be counted on paper. */
import { JournaledMemory } from '../hypervisor/journaled-memory.js';
import type { Explorable } from '../simulator/explore/explore.js';
import type { StepSpace } from '../simulator/explore/step-space.js';

const FIRST_WORD = 1024;

export class Counters implements Explorable, StepSpace {
  readonly actorCount: number;
  readonly groupCount = 0;
  readonly time = -1;
  readonly restricted = false;
  watch = null;
  readonly memory = new JournaledMemory(2);
  readonly violations = 0;
  readonly lastFault = null;
  atRest = false;
  reducing = false;
  readonly #last: number;

  /** `count` counters from 0 to `last`. */
  constructor(count: number, last: number) {
    this.actorCount = count;
    this.#last = last;
  }

  word(counter: number): number {
    return FIRST_WORD + counter;
  }

  enumerate(choices: Int32Array, first = 0): number {
    let end = first;
    for (let counter = 0; counter < this.actorCount; counter++)
      if (this.memory.word(this.word(counter)) < this.#last) choices[end++] = counter;
    this.atRest = end === first;
    return end - first;
  }

  step(choice: number): void {
    const address = this.word(choice) * 4;
    this.memory.write32(address, this.memory.read32(address) + 1);
  }

  get steps(): StepSpace {
    return this;
  }
  groupOf(): number {
    return -1;
  }
  positionWord(): number {
    return -1;
  }
  isLazy(): boolean {
    return false;
  }
  actorOf(choice: number): number {
    return choice;
  }
  isKill(): boolean {
    return false;
  }
  isFault(): boolean {
    return false;
  }
  quiescent(): void {}
}
