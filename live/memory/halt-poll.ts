/**
 * Looks for a while whether a wait is over before the process sleeps, as hypervisors do before they halt a processor:
 * one that has nothing to do is halted, and to wake it, and to fill its caches anew, takes ten times as long as the work
 * that it is woken for.
 *
 * How long is learnt, as KVM does (halt_poll_ns): twice as long when a little more would have been enough, and no longer
 * than a moment when nothing has come for long.
 *
 * Between two looks the processor is offered to whoever else wants it, who may be the one that is waited for. Where
 * somebody with much to do takes it, sleep is better: who sleeps is given the processor back as soon as he is woken, who
 * offers it has to wait for the end of the other's slice. So when an offer takes long, there is no looking for a while,
 * and for a longer one each time.
 */

/** More than a command takes from the guest's user through the TPM and back. */
const POLL_MILLISECONDS = 0.15;
/** A program of tpm2-tools takes so long to start and end, and sends a command in between. */
const POLL_MILLISECONDS_MAX = 12;
/** What the parts of a live system do when they are woken takes less, a slice of the scheduler's more. */
const OFFER_MILLISECONDS = 0.5;
const FIRST_REST_MILLISECONDS = 5;
const REST_MILLISECONDS_MAX = 1000;
/** After so many times its length without such an offer a rest is forgotten. */
const FORGOTTEN_AFTER = 20;

export interface HaltPollPlace {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** Lets others have the processor who want it (sched_yield(2)). */
  readonly offer: () => void;
}

/** Whether `holds` within `milliseconds`. `sleep` is called with what is left of them, and returns when it may hold. */
export type Wait = (holds: () => boolean, sleep: (milliseconds: number) => void, milliseconds: number) => boolean;

export class HaltPoll {
  readonly #now: () => number;
  readonly #offer: () => void;
  #poll = POLL_MILLISECONDS;
  /** When the wait began that is not over yet; 0 where none is. */
  #since = 0;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #rest = 0;

  constructor({ now, offer }: HaltPollPlace) {
    this.#now = now;
    this.#offer = offer;
  }

  /** Milliseconds for which it looks now. */
  get milliseconds(): number {
    return this.#poll;
  }

  /** See `Wait`. */
  wait(holds: () => boolean, sleep: (milliseconds: number) => void, milliseconds: number): boolean {
    if (holds()) {
      this.#since = 0;
      return true;
    }
    const begun = this.#now();
    if (this.#since === 0) this.#since = begun;
    if (begun >= this.#restsUntil && this.#look(holds, begun, Math.min(this.#poll, milliseconds))) {
      this.#since = 0;
      return true;
    }
    const left = milliseconds - (this.#now() - begun);
    if (left > 0) sleep(left);
    return this.#learn(holds());
  }

  #look(holds: () => boolean, begun: number, milliseconds: number): boolean {
    let before = begun;
    do {
      this.#offer();
      const now = this.#now();
      if (now - before > OFFER_MILLISECONDS) {
        const again = now - this.#restsUntil < FORGOTTEN_AFTER * this.#rest;
        this.#rest = again ? Math.min(2 * this.#rest, REST_MILLISECONDS_MAX) : FIRST_REST_MILLISECONDS;
        this.#restsUntil = now + this.#rest;
        return false;
      }
      if (holds()) return true;
      before = now;
    } while (before - begun < milliseconds);
    return false;
  }

  #learn(over: boolean): boolean {
    const short = this.#now() - this.#since < POLL_MILLISECONDS_MAX;
    if (over) {
      this.#since = 0;
      if (short) this.#poll = Math.min(2 * this.#poll, POLL_MILLISECONDS_MAX);
    }
    if (!short) this.#poll = POLL_MILLISECONDS;
    return over;
  }
}
