/**
 * The counter from which every part of a live run takes the moments of its trace: one word that all of them map, so that
 * what it says of the order of two steps holds across processes. An atomic addition is a full barrier: what a step has
 * stored is seen by whoever takes a later number.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { assert } from '../../protocol/assert.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { native } from '../memory/native.js';

/** Moments of a whole run; after these nothing is recorded. */
const MOMENTS_MAX = 4_000_000;
const MOMENT = 0;
/** The first moment that is missing, or 0. */
const LOST = 1;
/** Of a driven run: number of the step whose turn it is, from 1; 0 while everybody is free. */
const TURN = 2;

export const CLOCK_FILE = 'clock';

export class TraceClock {
  readonly #words: Int32Array;

  private constructor(buffer: ArrayBuffer | SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  /** For processes: a file in the folder of the trace. */
  static ofFile(directory: string): TraceClock {
    const calls = native();
    assert(calls !== null, 'trace: expected koffi where parts are processes');
    const descriptor = openSync(`${directory}/${CLOCK_FILE}`, 'r+');
    const address = calls.reserve(PAGE_SIZE);
    calls.map(address, PAGE_SIZE, descriptor, 0, true);
    closeSync(descriptor);
    return new TraceClock(calls.view(address, PAGE_SIZE));
  }

  static ofThreads(buffer: SharedArrayBuffer): TraceClock {
    return new TraceClock(buffer);
  }

  /** The next moment; 0 when there is none left. */
  next(): number {
    if (Atomics.load(this.#words, LOST) !== 0) return 0;
    const moment = Atomics.add(this.#words, MOMENT, 1) + 1;
    if (moment < MOMENTS_MAX) return moment;
    this.lose(moment);
    return 0;
  }

  get turn(): number {
    return Atomics.load(this.#words, TURN);
  }

  set turn(turn: number) {
    Atomics.store(this.#words, TURN, turn);
  }

  /** Moments so far. */
  get moment(): number {
    return Atomics.load(this.#words, MOMENT);
  }

  /** From `moment` on the trace is not whole: its bound is reached, or it cannot be written. */
  lose(moment: number): void {
    Atomics.compareExchange(this.#words, LOST, 0, moment);
  }
}

/** Bytes of a clock that threads share. */
export const CLOCK_BYTES = 12;

/** Makes the file of a clock at its beginning. */
export function createClockFile(directory: string): void {
  const descriptor = openSync(`${directory}/${CLOCK_FILE}`, 'wx', 0o600);
  writeSync(descriptor, Buffer.alloc(PAGE_SIZE));
  closeSync(descriptor);
}
