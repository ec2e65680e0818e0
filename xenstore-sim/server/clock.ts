/**
 * The time as the daemon is told it: milliseconds for which the clock went. It stands while nobody waits for it, so that
 * a server with nothing to do is not woken; what passes meanwhile does not count.
 */

/** How often the time is told. */
const TICK_MILLISECONDS = 20;

export class Clock {
  readonly #tell: (milliseconds: number) => void;
  #timer: NodeJS.Timeout | null = null;
  /** When it was told last, or began to go. */
  #since = 0;
  #milliseconds = 0;

  /** It stands at 0. */
  constructor(tell: (milliseconds: number) => void) {
    this.#tell = tell;
  }

  get goes(): boolean {
    return this.#timer !== null;
  }

  /** What was told last. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** Goes, or goes on. Its timer keeps no process alive. */
  go(): void {
    if (this.#timer !== null) return;
    this.#since = performance.now();
    this.#timer = setInterval(this.#tick, TICK_MILLISECONDS).unref();
  }

  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  readonly #tick = (): void => {
    const now = performance.now();
    this.#milliseconds += now - this.#since;
    this.#since = now;
    this.#tell(this.#milliseconds);
  };
}
