/**
 * How fast guests may write while others have transactions open (XSA-206).
 *
 * A guest that writes in a loop would make every transaction of the toolstack fail. As in the C xenstored, a guest's
 * write costs it one unit of credit while any transaction is open, and a commit while another one is open; below zero it
 * is not served. Credit comes back with time, shared among the domains. The control domain is exempt. Time is told from
 * outside, in milliseconds from any beginning.
 */
import type { KnownType } from './requests.js';
import type { Store } from './store.js';

/** What a domain may save up. */
const BURST = 10;
/** Units that come back in a second, for all domains together. */
const REFILL_PER_SECOND = 200;

const WRITES: ReadonlySet<KnownType> = new Set<KnownType>(['write', 'mkdir', 'rm', 'setPerms']);

export class WriteCredit {
  /** By domain; those that are not listed have all they may have. */
  readonly #credit: Map<number, number> = new Map();
  #milliseconds: number | null = null;

  /** Whether a guest's requests are not to be executed for now. */
  isSpent(domid: number): boolean {
    return (this.#credit.get(domid) ?? BURST) < 0;
  }

  /** Whether anybody has less than it may have. */
  get owes(): boolean {
    return this.#credit.size > 0;
  }

  /** Takes what a request of `domid` costs. `before` is the store that it was executed on. */
  charge(before: Store, domid: number, type: KnownType | 'unknown', transactionId: number): void {
    if (domid === 0 || type === 'unknown') return;
    const commits = type === 'transactionEnd';
    if (!commits && (transactionId !== 0 || !WRITES.has(type))) return;
    if (openTransactions(before) < (commits ? 2 : 1)) return;
    this.#credit.set(domid, (this.#credit.get(domid) ?? BURST) - 1);
  }

  /** Gives back what has come back by now. Returns whether anybody may be served again. */
  tick(milliseconds: number): boolean {
    const elapsed = this.#milliseconds === null ? 0 : Math.max(0, milliseconds - this.#milliseconds);
    this.#milliseconds = milliseconds;
    if (this.#credit.size === 0) return false;
    const share = (REFILL_PER_SECOND * elapsed) / 1000 / this.#credit.size;
    let freed = false;
    for (const [domid, credit] of this.#credit) {
      const more = credit + share;
      freed ||= credit < 0 && more >= 0;
      if (more >= BURST) this.#credit.delete(domid);
      else this.#credit.set(domid, more);
    }
    return freed;
  }

  /** The domain has ended: the next one with its number owes nothing. */
  forget(domid: number): void {
    this.#credit.delete(domid);
  }
}

function openTransactions({ connections }: Store): number {
  let open = 0;
  for (const { transactions } of connections.items) open += transactions.length;
  return open;
}
