/**
 * Live updates of one daemon: the protocol of `live-update.ts`, and the requests that wait for its end.
 *
 * While a session is open, a request for a first transaction is delayed and what follows it goes on; a guest has one
 * such request, and with a second one its ring is not read. After an update they are executed in their order, after an
 * aborted one latest first (`delay_request` of xenstored_core.c).
 */
import { readWord, XsType } from '../protocol/xs-wire.js';
import type { DaemonSession } from './daemon-session.js';
import { NO_TARGET } from './domains.js';
import { type Answer, type Busy, LiveUpdate, type LiveUpdateHost, type UpdateProtocol } from './live-update.js';
import { OcamlLiveUpdate } from './ocaml-live-update.js';
import type { Reply, Request } from './requests.js';
import type { Store } from './store.js';
import type { ReplyPlace } from './wire/output.js';

/** A request that will be answered later. */
export interface Start {
  readonly connection: number;
  readonly place: ReplyPlace;
}

export class LiveUpdates<Daemon> {
  readonly #host: LiveUpdateHost<Daemon>;
  readonly #update: UpdateProtocol<Start>;
  /** Sessions with requests that wait. */
  readonly #held = new Set<DaemonSession>();

  /** @param completed Whether the daemon of `store` is one that a live update has begun. */
  constructor(host: LiveUpdateHost<Daemon>, { policy }: Store, completed = false) {
    this.#host = host;
    this.#update =
      policy.rules === 'ocaml' ? new OcamlLiveUpdate(completed) : new LiveUpdate(policy.quotaOfDomain ? 2 : 1);
  }

  /** The same for the daemon that has taken over, which has `store`. */
  renewed(store: Store): LiveUpdates<Daemon> {
    return new LiveUpdates(this.#host, store, true);
  }

  /** Whether a session is open, so that requests may have to wait. */
  get pending(): boolean {
    return this.#update.pending;
  }

  /** Whether `due` or `release` may have something to do. */
  get stirred(): boolean {
    return this.#update.started || (this.#held.size > 0 && !this.#update.pending);
  }

  get #now(): number {
    return Math.floor(this.#host.seconds());
  }

  /** TRANSACTION_START has been carried out. */
  noteStart(session: DaemonSession, store: Store): void {
    if (store.connection(session.connection).transactions.length === 1) session.transactionsSince = this.#now;
  }

  /** Answers a request, unless it is not about live updates (undefined); null: the answer comes later. */
  command(session: DaemonSession, store: Store, request: Request, place: ReplyPlace): Reply | null | undefined {
    if (request.type !== 'control' || request.words[0] !== 'live-update' || session.domid !== 0) return undefined;
    const { connection } = session;
    // An unknown transaction is an error whatever the words are.
    if (place.transactionId !== 0 && store.connection(connection).transaction(place.transactionId) === undefined)
      return undefined;
    const host = { ...this.#host, seconds: () => this.#now };
    return this.#update.command(connection, request.words.slice(1), { connection, place }, host);
  }

  /**
   * Whether the frame at `at` of `input` has to wait: it is kept here (`delayed`), or to be left where it is (`stalled`).
   */
  hold(session: DaemonSession, store: Store, input: Uint8Array, at: number, end: number): 'delayed' | 'stalled' | null {
    if (readWord(input, at) !== XsType.TRANSACTION_START) return null;
    if (store.connection(session.connection).transactions.length > 0) return null;
    this.#held.add(session);
    if (session.domid !== 0 && session.delayed.length > 0) {
      session.stalled = true;
      return 'stalled';
    }
    session.delayed.unshift(new Uint8Array(input.subarray(at, end)));
    return 'delayed';
  }

  closed(session: DaemonSession): void {
    this.#held.delete(session);
    this.#update.closed(session.connection, ({ connection }) => connection === session.connection);
  }

  /** What is to be done now with starts that wait. */
  due(store: Store, sessions: Iterable<DaemonSession>): readonly Answer<Start>[] | 'update' | null {
    const busy: Busy[] = [];
    for (const { connection, domid, transactionsSince: since, input, blocked: unread } of sessions) {
      const transactions = store.connections.get(connection)?.transactions.length ?? 0;
      const target = store.domains.get(domid)?.target ?? NO_TARGET;
      if (transactions > 0 || input.length > 0 || unread || target !== NO_TARGET)
        busy.push({ connection, domid, target, transactions, since, unread });
    }
    return this.#update.due(busy, this.#now);
  }

  /** Lets the next daemon take over from `daemon`, or null if there is none; and the answers to the starts. */
  next(daemon: Daemon): { readonly next: Daemon | null; readonly answers: readonly Answer<Start>[] } {
    const next = this.#host.next(daemon, this.#update.commandLine);
    if (next !== null) this.#held.clear();
    return { next, answers: next === null ? this.#update.failed() : this.#update.succeeded() };
  }

  /** Once no session is open: those whose requests need not wait any more. */
  release(): DaemonSession[] {
    if (this.#update.pending) return [];
    const released = [...this.#held];
    this.#held.clear();
    for (const session of released) session.stalled = false;
    return released;
  }
}
