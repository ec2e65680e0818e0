/**
 * Looks for a moment whether a wait is over before the process sleeps, as hypervisors do before they halt a processor
 * (halt_poll_ns of KVM): one that has nothing to do is halted, and to wake it takes ten times as long as a change of
 * process does.
 *
 * A look in vain keeps a processor from whoever is waited for, so there is one only where it would have paid before, as
 * in KVM: after waits that were over within the time of a look, however they were waited. KVM goes by the last wait; here
 * it takes several in a row, because among the waits for a tool of a few commands short ones and long ones alternate.
 *
 * Between two looks the processor is offered to whoever else wants it, who may be the one that is waited for. Where
 * somebody with much to do takes it, sleep is better: who sleeps is given the processor back as soon as he is woken, who
 * offers it has to wait for the end of the other's slice. So when an offer takes long, it takes many more short waits.
 */

/** More than a command takes from the guest's user through the TPM and back. */
const POLL_MILLISECONDS = 0.3;
/** Short waits before it looks: more than a tool has in a row, few for a client that sends one command after the other. */
const SHORT_WAITS = 8;
/** What the parts of a live system do when they are woken takes less, a slice of the scheduler's more (2.8 ms and up). */
const OFFER_MILLISECONDS = 2;
/** Short waits before it looks again after an offer that took long: some 0.2 s of one command after the other. */
const SHORT_WAITS_AFTER_OFFER = 1000;

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
  /** Short waits that it takes yet. */
  #lacking = SHORT_WAITS;

  constructor({ now, offer }: HaltPollPlace) {
    this.#now = now;
    this.#offer = offer;
  }

  /** See `Wait`. */
  wait(holds: () => boolean, sleep: (milliseconds: number) => void, milliseconds: number): boolean {
    if (holds()) return true;
    const begun = this.#now();
    if (this.#lacking === 0 && this.#look(holds, begun, Math.min(POLL_MILLISECONDS, milliseconds))) return true;
    const left = milliseconds - (this.#now() - begun);
    if (left > 0) sleep(left);
    const held = holds();
    const short = held && this.#now() - begun <= POLL_MILLISECONDS;
    this.#lacking = short ? Math.max(this.#lacking - 1, 0) : Math.max(this.#lacking, SHORT_WAITS);
    return held;
  }

  #look(holds: () => boolean, begun: number, milliseconds: number): boolean {
    let before = begun;
    do {
      this.#offer();
      const now = this.#now();
      if (now - before > OFFER_MILLISECONDS) {
        this.#lacking = SHORT_WAITS_AFTER_OFFER;
        return false;
      }
      if (holds()) return true;
      before = now;
    } while (before - begun < milliseconds);
    return false;
  }
}
