/**
 * When work that goes on for long ends: at a moment, or at the first SIGINT or SIGTERM. A second signal ends the process
 * at once.
 */
import type { Terminal } from './terminal.js';

export class Stop {
  signalled = false;
  readonly #terminal: Pick<Terminal, 'clock'>;
  readonly #end: number;
  readonly #onSignal: () => void;
  readonly #waiting = new Set<() => void>();

  /** `seconds` from now; may be infinite. */
  constructor(terminal: Pick<Terminal, 'clock'>, seconds: number) {
    this.#terminal = terminal;
    this.#end = terminal.clock() + seconds;
    this.#onSignal = () => {
      this.signalled = true;
      this.forget();
      for (const wake of this.#waiting) wake();
    };
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal);
  }

  get reached(): boolean {
    return this.signalled || this.#terminal.clock() >= this.#end;
  }

  /** Waits so long, or until a signal comes. */
  async pause(milliseconds: number): Promise<void> {
    if (this.signalled) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      this.#waiting.add(wake);
    });
  }

  forget(): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal);
  }
}
