/**
 * Watches the threads of a pool that run a person's own driver, as `cli/watched.ts` watches the one of a command: a step
 * that never ends would make the pool wait for ever. Each thread takes two words of shared memory, and tells by name what
 * their numbers mean.
 */
import { randomUUID } from 'node:crypto';
import { BroadcastChannel } from 'node:worker_threads';
import { driverError } from './driver-rules.js';
import { DriverWatch, setDriverWatch, WATCH_WORDS } from './driver-watch.js';
import { STUCK_SECONDS, watchWords } from './watch-words.js';

/** What each thread is given. */
export interface ThreadWatchSetup {
  /** How many threads have taken their words, then the words of each. */
  readonly words: Int32Array;
  readonly channel: string;
}

interface Told {
  readonly thread: number;
  readonly number: number;
  readonly what: string;
  readonly file: string;
}

export class ThreadWatch {
  readonly setup: ThreadWatchSetup;
  /** Rejected with `BAD_DRIVER` when something does not end; never resolved. */
  readonly stuck: Promise<never>;
  readonly #channel: BroadcastChannel;
  readonly #timers: readonly NodeJS.Timeout[];

  /** A thread that ends is replaced by another, so there may be more of them one after the other than at a time. */
  constructor(threads: number, stuckSeconds = STUCK_SECONDS) {
    const words = new Int32Array(new SharedArrayBuffer((1 + threads * WATCH_WORDS) * Int32Array.BYTES_PER_ELEMENT));
    this.setup = { words, channel: `quiesce-threads-${randomUUID()}` };
    const names = new Map<string, Told>();
    this.#channel = new BroadcastChannel(this.setup.channel);
    this.#channel.unref();
    this.#channel.onmessage = (message) => {
      const told = (message as { readonly data: Told }).data;
      names.set(`${told.thread} ${told.number}`, told);
    };
    const timers: NodeJS.Timeout[] = [];
    this.stuck = new Promise((_, failed) => {
      for (let thread = 0; thread < threads; thread++) {
        const timer = watchWords(wordsOf(words, thread), stuckSeconds, (number) => {
          const { what, file } = names.get(`${thread} ${number}`) ?? { what: 'something', file: 'a driver' };
          failed(driverError(file, 'ends', `${what} has not ended after ${stuckSeconds} s`));
        });
        timers.push(timer);
      }
    });
    // Whoever waits for it hears of it; nobody need.
    this.stuck.catch(() => {});
    this.#timers = timers;
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#channel.close();
  }
}

/** To be called in a thread of the pool, before any driver file is loaded. */
export function watchThisThread({ words, channel: name }: ThreadWatchSetup): void {
  const thread = Atomics.add(words, 0, 1);
  // More threads than were foreseen go unwatched.
  if (1 + (thread + 1) * WATCH_WORDS > words.length) return;
  const channel = new BroadcastChannel(name);
  channel.unref();
  const tell = (number: number, what: string, file: string): void => {
    channel.postMessage({ thread, number, what, file } satisfies Told);
  };
  setDriverWatch(new DriverWatch(wordsOf(words, thread), tell));
}

function wordsOf(words: Int32Array, thread: number): Int32Array {
  return words.subarray(1 + thread * WATCH_WORDS, 1 + (thread + 1) * WATCH_WORDS);
}
