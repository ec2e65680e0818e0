/**
 * How a process sleeps until another has stored something for it: a word in its shared_info page that counts, and one
 * that says how it sleeps.
 *
 * Awake it is found by the count alone. For a short wait it sleeps in the futex system call on the count, which blocks
 * its thread. For a longer one it goes back to its event loop, and is woken there: through a named pipe, or between
 * threads by `Atomics.waitAsync`.
 *
 * The page is the other side's to write. All it can do with these words is to wake the process, or not to.
 */
import { assert } from '../../protocol/assert.js';
import type { AddressSpace, WordPlace } from './address-space.js';
import { native } from './native.js';

/** Offsets in the shared_info page; Xen's own fields end before. */
const COUNT_OFFSET = 3584;
const SLEEP_OFFSET = 3588;

const Sleep = { Awake: 0, Blocked: 1, InEventLoop: 2 } as const;

/** What wakes the event loop of another process. */
export interface EventLoopBell {
  ring(): void;
}

/** The end of whoever rings. */
export class DoorbellRinger {
  readonly #words: Int32Array;
  readonly #space: AddressSpace;
  readonly #count: number;
  readonly #bell: EventLoopBell | null;

  /** `sharedInfo` is the address of the page of who is woken; `bell` wakes its event loop, null for a thread's. */
  constructor(space: AddressSpace, sharedInfo: number, bell: EventLoopBell | null) {
    this.#space = space;
    this.#words = new Int32Array(space.buffer);
    this.#count = sharedInfo + COUNT_OFFSET;
    this.#bell = bell;
  }

  ring(): void {
    Atomics.add(this.#words, this.#count >>> 2, 1);
    const sleep = Atomics.load(this.#words, (this.#count + SLEEP_OFFSET - COUNT_OFFSET) >>> 2);
    if (sleep === Sleep.Awake) return;
    if (sleep === Sleep.Blocked || this.#bell === null) this.#space.wake(this.#count);
    else this.#bell.ring();
  }
}

/** The end of whoever sleeps. */
export class Doorbell {
  readonly #words: Int32Array;
  readonly #space: AddressSpace;
  readonly #count: number;
  readonly #sleep: number;
  readonly #rung = (): boolean => this.count !== this.#seen;
  readonly #sleepInFutex = (milliseconds: number): void => {
    Atomics.store(this.#words, this.#sleep, Sleep.Blocked);
    if (this.count === this.#seen) this.#space.sleep(this.#count, this.#seen, milliseconds);
    Atomics.store(this.#words, this.#sleep, Sleep.Awake);
  };
  #seen = 0;

  constructor(space: AddressSpace, sharedInfo: number) {
    this.#space = space;
    this.#words = new Int32Array(space.buffer);
    this.#count = sharedInfo + COUNT_OFFSET;
    this.#sleep = (sharedInfo + SLEEP_OFFSET) >>> 2;
    assert(this.#count % 4 === 0, 'doorbell: expected an aligned page');
    // A predecessor may have died in its sleep.
    this.awake();
  }

  /** Rings since the page was made, modulo 2^32. */
  get count(): number {
    return Atomics.load(this.#words, this.#count >>> 2);
  }

  /** Blocks the thread, `milliseconds` at most, unless somebody has rung since the count was `seen`. */
  block(seen: number, milliseconds: number): boolean {
    this.#seen = seen;
    return this.#space.wait(this.#rung, this.#sleepInFutex, milliseconds);
  }

  /** From now on a ring goes to the event loop. False, and nothing has changed, when somebody has rung since `seen`. */
  listen(seen: number): boolean {
    Atomics.store(this.#words, this.#sleep, Sleep.InEventLoop);
    if (this.count === seen) return true;
    this.awake();
    return false;
  }

  /** The event loop has been woken, by whomever. */
  awake(): void {
    Atomics.store(this.#words, this.#sleep, Sleep.Awake);
  }

  /** For `blockedThreadBell`, in another thread of this process. */
  get wordPlace(): WordPlace {
    return this.#space.place(this.#count);
  }

  /** For `Atomics.waitAsync`: where the count lies. */
  get place(): { readonly words: Int32Array; readonly index: number } {
    return { words: this.#words, index: this.#count >>> 2 };
  }
}

/**
 * Rings the doorbell of this process from another of its threads. It wakes the thread only where that is blocked: what
 * goes to its event loop wakes that by itself.
 */
export function blockedThreadBell(place: WordPlace): () => void {
  if (place.kind === 'thread') {
    const { buffer, index } = place;
    const words = new Int32Array(buffer);
    return () => {
      Atomics.add(words, index, 1);
      Atomics.notify(words, index);
    };
  }
  const { address } = place;
  const calls = native();
  assert(calls !== null, 'doorbell: expected koffi in a part that is a process');
  const words = new Int32Array(calls.view(address, 4));
  return () => {
    Atomics.add(words, 0, 1);
    calls.futexWake(address);
  };
}
