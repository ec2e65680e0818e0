/** Whose turn it is: one at a time, in the order of arrival. Who waits may go away; who has the turn gives it back. */
import { assert } from '../../protocol/assert.js';
import { QuiesceError } from '../../protocol/errors.js';

interface Waiter {
  admit(): void;
}

export class Turns {
  readonly #waiting: Waiter[] = [];
  #taken = false;

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get taken(): boolean {
    return this.#taken;
  }

  /**
   * Takes the turn: null when it is had at once, else a promise of it. Rejects with `COMMAND_CANCELLED` when `signal` is
   * aborted before; throws it at once when it is aborted already.
   */
  enter(signal?: AbortSignal): Promise<void> | null {
    if (signal?.aborted) throw cancelledBefore();
    if (!this.#taken) {
      this.#taken = true;
      return null;
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        admit: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(cancelledBefore());
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  /** Gives the turn to the next who waits. */
  leave(): void {
    assert(this.#taken, 'a turn was given back that nobody had');
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken = false;
    else next.admit();
  }

  /** Does `work` in a turn of its own. */
  async run<Result>(work: () => Promise<Result> | Result): Promise<Result> {
    const wait = this.enter();
    if (wait !== null) await wait;
    try {
      return await work();
    } finally {
      this.leave();
    }
  }
}

/** The error of a command that was taken back in time. */
export function cancelledBefore(): QuiesceError {
  return new QuiesceError('COMMAND_CANCELLED', 'the TPM command was cancelled before it began; it was not executed');
}
