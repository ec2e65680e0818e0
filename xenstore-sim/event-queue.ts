/**
 * The events that one request puts into the queues of connections.
 */
import type { Connection } from './connections.js';
import type { Policy } from './policy.js';
import type { WatchEvent } from './watches.js';

/**
 * Events that wait for a client before more are dropped. The real daemons drop an event that has waited for 20 s (C), or
 * stop serving whoever causes more (oxenstored). What a single request causes is never cut.
 */
export const EVENTS_PENDING_MAX = 4096;

/** From so many events on, equal ones are looked up in a set. */
const LISTED_MAX = 16;

export class EventQueue {
  readonly #policy: Policy;
  /** What waits already, and was not taken by the client. */
  readonly #pending: readonly WatchEvent[];
  readonly #added: WatchEvent[] = [];
  #known: Set<string> | null = null;

  constructor(policy: Policy, { pending }: Connection) {
    this.#policy = policy;
    this.#pending = pending;
  }

  /**
   * Puts `event` at the end, unless it is too long, too many wait, or the same event waits already (C xenstored). Special
   * events are never merged: each one stands for another domain.
   */
  add(event: WatchEvent): void {
    const { eventLengthMax, mergeEvents } = this.#policy;
    if (event.path.length + event.token.length + 2 > eventLengthMax) return;
    if (this.#pending.length >= EVENTS_PENDING_MAX) return;
    if (mergeEvents && event.path.charCodeAt(0) !== AT && this.#holds(event)) return;
    this.#added.push(event);
    this.#known?.add(keyOf(event));
  }

  /** The queue of the connection afterwards; the old one if nothing was added. */
  get events(): readonly WatchEvent[] {
    return this.#added.length === 0 ? this.#pending : [...this.#pending, ...this.#added];
  }

  get isEmpty(): boolean {
    return this.#added.length === 0;
  }

  #holds(event: WatchEvent): boolean {
    if (this.#known === null && this.#pending.length + this.#added.length >= LISTED_MAX) {
      this.#known = new Set([...this.#pending, ...this.#added].map(keyOf));
    }
    if (this.#known !== null) return this.#known.has(keyOf(event));
    return this.#pending.some((other) => same(other, event)) || this.#added.some((other) => same(other, event));
  }
}

const AT = 0x40;

/** A nul stands in neither of the two. */
function keyOf({ path, token }: WatchEvent): string {
  return `${path}\0${token}`;
}

function same(one: WatchEvent, other: WatchEvent): boolean {
  return one.path === other.path && one.token === other.token;
}
