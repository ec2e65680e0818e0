/**
 * Looks for a moment whether a wait is over before the process sleeps, as hypervisors do before they halt a processor
 * (halt_poll_ns of KVM): one that has nothing to do is halted, and to wake it takes ten times as long as a change of
 * process does. To look for longer does not pay: tools that come every few milliseconds are not served sooner (measured).
 *
 * Between two looks the processor is offered to whoever else wants it, who may be the one that is waited for. Where
 * somebody with much to do takes it, sleep is better: who sleeps is given the processor back as soon as he is woken, who
 * offers it has to wait for the end of the other's slice. So when an offer takes long, there is no looking for a while,
 * and for a longer one each time.
 */

/** More than a command takes from the guest's user through the TPM and back, and a tool from one connection to the next. */
const POLL_MILLISECONDS = 0.3;
/** What the parts of a live system do when they are woken takes less, a slice of the scheduler's more (2.8 ms and up). */
const OFFER_MILLISECONDS = 2;
const FIRST_REST_MILLISECONDS = 5;
const REST_MILLISECONDS_MAX = 1000;
/** One such offer says nothing; another that comes so soon does. */
const SOON_MILLISECONDS = 10;
/** After so many times its length without such an offer a rest is forgotten. */
const FORGOTTEN_AFTER = 5;

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
  #restsUntil = Number.NEGATIVE_INFINITY;
  #rest = 0;

  constructor({ now, offer }: HaltPollPlace) {
    this.#now = now;
    this.#offer = offer;
  }

  /** See `Wait`. */
  wait(holds: () => boolean, sleep: (milliseconds: number) => void, milliseconds: number): boolean {
    if (holds()) return true;
    const begun = this.#now();
    if (begun >= this.#restsUntil && this.#look(holds, begun, Math.min(POLL_MILLISECONDS, milliseconds))) return true;
    const left = milliseconds - (this.#now() - begun);
    if (left > 0) sleep(left);
    return holds();
  }

  #look(holds: () => boolean, begun: number, milliseconds: number): boolean {
    let before = begun;
    do {
      this.#offer();
      const now = this.#now();
      if (now - before > OFFER_MILLISECONDS) {
        const again = now - this.#restsUntil < Math.max(FORGOTTEN_AFTER * this.#rest, SOON_MILLISECONDS);
        this.#rest = again ? Math.min(Math.max(2 * this.#rest, FIRST_REST_MILLISECONDS), REST_MILLISECONDS_MAX) : 0;
        this.#restsUntil = now + this.#rest;
        return false;
      }
      if (holds()) return true;
      before = now;
    } while (before - begun < milliseconds);
    return false;
  }
}
