/**
 * Makes a lost connection again: attempt after attempt, each after a longer wait than the one before, up to a bound.
 *
 * A connection that is lost again soon counts as another attempt, so that a daemon that lets everybody in and throws
 * everybody out is not asked without end at the shortest interval.
 */
import { XenstoreError } from './errors.js';

export interface ReconnectOptions {
  /** Wait before the first attempt; it doubles with each. Default: 100. */
  readonly firstDelayMilliseconds?: number | undefined;
  /** Longest wait; a connection that lasted so long counts as good. Default: 5000. */
  readonly delayMillisecondsMax?: number | undefined;
  /** Attempts before giving up, which closes the client. Default: no end. */
  readonly attempts?: number | undefined;
}

export interface ReconnectorEvents {
  /** Makes the connection; resolves when it is ready for use, or has been lost again. */
  connect(): Promise<void>;
  onError(error: XenstoreError): void;
  /** All attempts are used up. */
  onGivenUp(): void;
}

export class Reconnector {
  readonly #firstDelay: number;
  readonly #delayMax: number;
  readonly #attemptsMax: number;
  readonly #signal: AbortSignal;
  readonly #events: ReconnectorEvents;
  #attempts = 0;
  #connectedAt = 0;

  /** @param signal Ends everything. */
  constructor(options: ReconnectOptions, signal: AbortSignal, events: ReconnectorEvents) {
    this.#firstDelay = options.firstDelayMilliseconds ?? 100;
    this.#delayMax = options.delayMillisecondsMax ?? 5000;
    this.#attemptsMax = options.attempts ?? Number.POSITIVE_INFINITY;
    this.#signal = signal;
    this.#events = events;
  }

  /** To be called whenever the connection is lost, and not before it was made. */
  start(): void {
    if (performance.now() - this.#connectedAt >= this.#delayMax) this.#attempts = 0;
    void this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      if (this.#signal.aborted) return;
      if (this.#attempts >= this.#attemptsMax) {
        this.#events.onError(
          new XenstoreError('DISCONNECTED', `expected a connection within ${this.#attemptsMax} attempts, found none`),
        );
        this.#events.onGivenUp();
        return;
      }
      await sleep(Math.min(this.#firstDelay * 2 ** this.#attempts, this.#delayMax), this.#signal);
      if (this.#signal.aborted) return;
      this.#attempts++;
      try {
        this.#connectedAt = performance.now();
        await this.#events.connect();
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#events.onError(
          error instanceof XenstoreError ? error : new XenstoreError('UNREACHABLE', String(error), { cause: error }),
        );
      }
    }
  }
}

/** Resolves after the time, or when `signal` fires. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
