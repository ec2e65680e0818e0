/**
 * Keeps the event loop awake for a moment after a request, as hypervisors do before they halt a processor (halt_poll_ns of
 * KVM): to wake a processor that was halted takes several times as long as a request does.
 *
 * It looks only after requests that came so soon after the one before that looking would have met them, so a client that
 * asks now and then costs nothing. Where looking does not pay there is none for a while, and for twice as long each time:
 * where it was in vain, and where others take the processor from this process. They may be its clients: then the processor
 * is never halted, and who looks for each request as it comes is interrupted by its sender after each reply.
 */

/** Several times what a client takes from an answer to its next request. */
const POLL_MILLISECONDS = 0.1;
const FIRST_REST_MILLISECONDS = 0.5;
const REST_MILLISECONDS_MAX = 64;
/** How often is asked whether others take the processor: it costs more than a look. */
const INSPECTION_MILLISECONDS = 0.5;
/** The clock of the scheduler and the like may do it once. */
const PREEMPTIONS_MAX = 1;

export interface HaltPollPlace {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** Calls back after all input has been handled that is there by then, without waiting for any. */
  readonly nextTurn: (callback: () => void) => void;
  /** How many times the processor has been taken from this process (`ru_nivcsw` of getrusage(2)). */
  readonly preemptions: () => number;
}

export class HaltPoll {
  readonly #place: HaltPollPlace;
  #requestAt = Number.NEGATIVE_INFINITY;
  #looking = false;
  #inspectedAt = 0;
  #preemptions = 0;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #rest = 0;

  constructor(place: HaltPollPlace) {
    this.#place = place;
  }

  /** A request has been handled. */
  handled(): void {
    const now = this.#place.now();
    const soon = now - this.#requestAt < POLL_MILLISECONDS;
    this.#requestAt = now;
    if (this.#looking || !soon || now < this.#restsUntil) return;
    this.#looking = true;
    this.#inspectedAt = now;
    this.#preemptions = this.#place.preemptions();
    this.#place.nextTurn(this.#look);
  }

  readonly #look = (): void => {
    const now = this.#place.now();
    if (now - this.#requestAt >= POLL_MILLISECONDS || this.#isPreempted(now)) this.#restFrom(now);
    else this.#place.nextTurn(this.#look);
  };

  #isPreempted(now: number): boolean {
    if (now - this.#inspectedAt < INSPECTION_MILLISECONDS) return false;
    const preemptions = this.#place.preemptions();
    const preempted = preemptions - this.#preemptions > PREEMPTIONS_MAX;
    this.#inspectedAt = now;
    this.#preemptions = preemptions;
    if (!preempted) this.#rest /= 2;
    return preempted;
  }

  #restFrom(now: number): void {
    this.#looking = false;
    this.#rest = Math.min(Math.max(2 * this.#rest, FIRST_REST_MILLISECONDS), REST_MILLISECONDS_MAX);
    this.#restsUntil = now + this.#rest;
  }
}
