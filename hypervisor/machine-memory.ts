/**
 * The memory of a machine as its hypervisor and its drivers see it: loads and stores, who may touch which frame, and on
 * whose behalf code runs.
 *
 * `JournaledMemory` is that of a simulated machine. That of a live one is a mapping shared between processes
 * (`live/memory/`), where others store at any moment: what is read, changed and written back there needs `or32` and
 * `and32`.
 */
import type { Memory } from '../protocol/memory.js';

export interface MachineMemory extends Memory {
  /** Every word, by its address divided by 4. Who looks at one this way is not seen to do so: see `word`. */
  readonly words: Int32Array;
  /** What word `index` holds, signed. For conditions that are looked at often: no permission is checked. */
  word(index: number): number;
  /** Bit set of the agents that run now. */
  current: number;
  /** Stores until the running agent dies, or `NO_CRASH`. */
  storesLeft: number;
  /** Sets `bits` in a word whose other bits another processor may change at the same moment. */
  or32(address: number, bits: number): void;
  /** Keeps `bits` alone of such a word. */
  and32(address: number, bits: number): void;
  /** Runs `body` as the hypervisor, which may touch every page. */
  asHypervisor<T>(body: () => T): T;
  /** Lets exactly the agents of the bit set `agents` touch `frame`. */
  protect(frame: number, agents: number): void;
  /** The agents that may touch `frame`. */
  agentsOf(frame: number): number;
  /** Zeroes a frame, whoever may touch it. */
  clearPage(frame: number): void;
  /** Copies a frame to another, whoever may touch them. */
  copyPage(from: number, to: number): void;
}
