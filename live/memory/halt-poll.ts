/**
 * Looks for a moment whether a wait is over before the process sleeps, as hypervisors do before they halt a processor:
 * one that has nothing to do is halted, and to wake it takes ten times as long as a change of process does.
 *
 * Between two looks the processor is offered to whoever else wants it, who may be the one that is waited for. Where
 * somebody with much to do takes it, sleep is better: who sleeps is given the processor back as soon as he is woken, who
 * offers it has to wait for the end of the other's slice. So when an offer takes long, there is no looking for a while,
 * and for a longer one each time.
 */

/** More than a command takes from the guest's user through the TPM and back. */
const POLL_MILLISECONDS = 0.15;
/** What the parts of a live system do when they are woken takes less. */
const OFFER_MILLISECONDS = 0.05;
const FIRST_REST_MILLISECONDS = 5;
const REST_MILLISECONDS_MAX = 1000;
/** What is left of a rest by each wait that was over in time. */
const RECOVERY = 0.9;

export interface HaltPollPlace {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** Lets others have the processor who want it (sched_yield(2)). */
  readonly offer: () => void;
}

export class HaltPoll {
  readonly #now: () => number;
  readonly #offer: () => void;
  #restsUntil = 0;
  #rest = FIRST_REST_MILLISECONDS;

  constructor({ now, offer }: HaltPollPlace) {
    this.#now = now;
    this.#offer = offer;
  }

  /** True as soon as `holds`, false after a moment, or at once where looking does not pay. */
  until(holds: () => boolean): boolean {
    if (holds()) return true;
    let before = this.#now();
    if (before < this.#restsUntil) return false;
    const end = before + POLL_MILLISECONDS;
    do {
      this.#offer();
      const now = this.#now();
      if (now - before > OFFER_MILLISECONDS) {
        this.#restsUntil = now + this.#rest;
        this.#rest = Math.min(2 * this.#rest, REST_MILLISECONDS_MAX);
        return holds();
      }
      before = now;
      if (holds()) {
        this.#rest = Math.max(FIRST_REST_MILLISECONDS, this.#rest * RECOVERY);
        return true;
      }
    } while (before < end);
    return false;
  }
}
