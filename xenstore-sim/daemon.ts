/**
 * A xenstored without its sockets and rings: bytes of clients in, bytes for clients out.
 *
 * The store itself is a pure value; here is what a running daemon has besides: streams that stop in the middle of a
 * frame, and output that waits to be taken. Whoever owns the transports calls `receive` with what has come and `flush`
 * to take what is to go. Nothing here knows the time: `tick` tells it.
 */
import { assert } from '../protocol/assert.js';
import { readWord, XS_HEADER_BYTES } from '../protocol/xs-wire.js';
import { DaemonSession, joined, NOTHING, type SessionState } from './daemon-session.js';
import { performDirectly } from './direct.js';
import { execute } from './execute.js';
import { connect, disconnect, domainCreated, domainDestroyed, domainShutdown, takeEvent } from './lifecycle.js';
import type { LiveUpdateHost } from './live-update.js';
import { LiveUpdates, type Start } from './live-updates.js';
import type { Reply, Request } from './requests.js';
import type { Store } from './store.js';
import { decodeRequest } from './wire/decode-request.js';
import { endsInside, frameLength } from './wire/frame-length.js';
import { type ReplyPlace, writeReply } from './wire/output.js';
import { WriteCredit } from './write-credit.js';

/** Requests of one connection that are executed before others have their turn. */
const REQUESTS_PER_TURN_MAX = 256;

export class Daemon {
  #store: Store;
  /** A new one whenever somebody else gets hold of the store. */
  #owner: object = {};
  #sessions: Map<number, DaemonSession> = new Map();
  /** Sessions that may have output. */
  #listed: DaemonSession[] = [];
  /** Null until the time is told: without it nobody would get credit back. */
  #credit: WriteCredit | null = null;
  #updates: LiveUpdates<Daemon> | null;
  /** Sessions without transport. */
  #detached = new Set<DaemonSession>();

  /** @param host Without one, there is no CONTROL live-update. */
  constructor(store: Store, host: LiveUpdateHost<Daemon> | null = null) {
    this.#store = store;
    this.#updates = host === null ? null : new LiveUpdates(host, store);
  }

  /** A daemon that goes on where another was. Each of `sessions` must be a connection of `store`. */
  static restore(store: Store, sessions: readonly SessionState[], host: LiveUpdateHost<Daemon> | null = null): Daemon {
    const daemon = new Daemon(store, host);
    for (const { connection, domid, ring, input, output } of sessions) {
      const session = daemon.#open(connection, domid, ring);
      session.input = new Uint8Array(input);
      session.output.append(output);
      daemon.#list(session);
    }
    return daemon;
  }

  /** The store as it is now; it stays as it is. */
  get store(): Store {
    this.#owner = {};
    return this.#store;
  }

  /** Events that a connection has not taken yet. */
  pendingEvents(connection: number): number {
    return this.#store.connections.get(connection)?.pending.length ?? 0;
  }

  /** What each connection has besides its state in the store, by number. */
  sessions(): SessionState[] {
    return [...this.#sessions.values()]
      .map((session) => session.state())
      .sort((one, other) => one.connection - other.connection);
  }

  /**
   * Opens a connection of domain `domid`; those of domain 0 are privileged. Returns its number.
   *
   * @param ring Whether the client is at a ring, where some daemons treat it in another way than at a socket.
   */
  connect(domid: number, ring = domid !== 0): number {
    for (let left = this.#detachedOf(domid); left !== undefined; left = this.#detachedOf(domid)) {
      this.disconnect(left.connection);
    }
    const { store, connection } = connect(this.#store, { domid });
    this.#store = store;
    this.#open(connection, domid, ring);
    return connection;
  }

  /** Takes its transport from a connection: until `resume` it is blocked, and what it has stays. */
  detach(connection: number): void {
    const session = this.#sessions.get(connection);
    if (session === undefined) return;
    this.#detached.add(session);
    session.blocked = true;
  }

  /** Whether domain `domid` has a connection without transport. */
  isDetached(domid: number): boolean {
    return this.#detachedOf(domid) !== undefined;
  }

  /** Gives the detached connection of domain `domid` a transport again. Returns its number; undefined if there is none. */
  resume(domid: number): number | undefined {
    const session = this.#detachedOf(domid);
    if (session === undefined) return undefined;
    this.#detached.delete(session);
    this.block(session.connection, false);
    this.#list(session);
    return session.connection;
  }

  /** Whether requests of a connection are put off: its domain has written too fast, or waits for the end of a live update. */
  isThrottled(connection: number): boolean {
    const session = this.#sessions.get(connection);
    return session !== undefined && this.#waits(session);
  }

  /** Which of the requests of a connection has begun and not ended, counted from 0; -1 for none. */
  unfinishedRequest(connection: number): number {
    const session = this.#sessions.get(connection);
    if (session === undefined) return -1;
    return endsInside(this.#store.policy, session.ring, session.input) ? session.executed : -1;
  }

  /** Closes a connection, if it is still open. */
  disconnect(connection: number): void {
    const session = this.#sessions.get(connection);
    if (session === undefined) return;
    this.#forget(session);
    this.#store = disconnect(this.#store, connection);
  }

  isConnected(connection: number): boolean {
    return this.#sessions.has(connection);
  }

  /**
   * Takes the next bytes of a connection and executes the requests that are complete: `REQUESTS_PER_TURN_MAX` of them, so
   * that nobody is kept waiting; `hasMore` tells whether to call again, with no bytes. While the connection is blocked the
   * bytes are only kept: its owner should stop reading.
   *
   * False: the connection is closed, because a frame was announced too long or because its domain is gone.
   */
  receive(connection: number, bytes: Uint8Array): boolean {
    const session = this.#sessions.get(connection);
    if (session === undefined) return false;
    const input = session.input.length === 0 ? bytes : joined(session.input, bytes);
    const taken = session.blocked ? 0 : this.#execute(session, input);
    if (taken < 0) {
      this.disconnect(connection);
      return false;
    }
    // A copy: the bytes may lie in a buffer that is used again, and `slice` of a Node buffer is a view.
    session.input = taken === input.length ? NOTHING : new Uint8Array(input.subarray(taken));
    if (this.#updates?.stirred === true) {
      this.#settle(this.#updates);
      // It was stopped after one request, so that the update comes before the next.
      if (taken > 0 && this.hasMore(connection)) return this.receive(connection, NOTHING);
    }
    return this.#sessions.has(connection);
  }

  /** Whether a whole request waits to be executed. */
  hasMore(connection: number): boolean {
    const session = this.#sessions.get(connection);
    if (session === undefined || session.blocked || this.#waits(session)) return false;
    return frameLength(this.#store.policy, session.ring, session.input, 0) > 0;
  }

  /** Hands over all output, once per connection that has any, in one piece each. `bytes` is valid only during the call. */
  flush(write: (connection: number, bytes: Uint8Array) => void): void {
    if (this.#updates?.stirred === true) this.#settle(this.#updates);
    const listed = this.#listed;
    if (listed.length === 0) return;
    this.#listed = [];
    for (const session of listed) {
      session.listed = false;
      if (session.output.length === 0 || this.#sessions.get(session.connection) !== session) continue;
      if (session.blocked) this.#list(session);
      else {
        write(session.connection, session.output.bytes);
        session.output.clear();
      }
    }
  }

  /**
   * Stops or resumes a connection whose transport is full. While it is blocked its requests are not executed, and events
   * for it wait in the store, where equal ones are merged and their number is limited.
   */
  block(connection: number, blocked: boolean): void {
    const session = this.#sessions.get(connection);
    if (session === undefined || session.blocked === blocked || this.#detached.has(session)) return;
    session.blocked = blocked;
    if (blocked) return;
    this.#deliver(session);
    this.receive(connection, NOTHING);
  }

  /**
   * Tells the time, in milliseconds from any beginning. From the first call on, guests that write while others have
   * transactions open are slowed down (XSA-206). To be called a few times a second, followed by `flush`, while `wantsTick`.
   */
  tick(milliseconds: number): void {
    this.#credit ??= new WriteCredit();
    if (!this.#credit.tick(milliseconds)) return;
    for (const session of [...this.#sessions.values()]) {
      if (session.input.length > 0) this.receive(session.connection, NOTHING);
    }
  }

  /** Whether it makes a difference that time passes: a guest has credit to get back, or a live update waits. */
  wantsTick(): boolean {
    return this.#credit?.owes === true || this.#updates?.stirred === true;
  }

  domainCreated(domid: number): void {
    this.#store = domainCreated(this.#store, domid);
  }

  domainShutdown(domid: number): void {
    this.#store = domainShutdown(this.#store, domid);
    this.#deliverAll();
  }

  domainDestroyed(domid: number): void {
    this.#credit?.forget(domid);
    this.#store = domainDestroyed(this.#store, domid, this.#owner);
    this.#forgetClosed();
    this.#deliverAll();
  }

  #open(connection: number, domid: number, ring: boolean): DaemonSession {
    assert(!this.#sessions.has(connection), `xenstored: connection ${connection} is open already`);
    const session = new DaemonSession(connection, domid, ring);
    this.#sessions.set(connection, session);
    return session;
  }

  /** Executes the requests at the front of `input`; returns the bytes they took, or -1 for a frame that is too long. */
  #execute(session: DaemonSession, input: Uint8Array): number {
    const { policy } = this.#store;
    let at = 0;
    for (let turn = 0; turn < REQUESTS_PER_TURN_MAX; turn++) {
      const size = frameLength(policy, session.ring, input, at);
      if (size <= 0) return size < 0 ? size : at;
      if (this.#waits(session)) return at;
      const held =
        this.#updates?.pending === true ? this.#updates.hold(session, this.#store, input, at, at + size) : null;
      if (held === 'stalled') return at;
      if (held === null) this.#perform(session, input, at, at + size);
      at += size;
      if (this.#sessions.get(session.connection) !== session) return input.length;
      if (this.#updates?.stirred === true) return at;
    }
    return at;
  }

  #waits({ domid, stalled }: DaemonSession): boolean {
    return stalled || (this.#credit !== null && domid !== 0 && this.#credit.isSpent(domid));
  }

  #perform(session: DaemonSession, input: Uint8Array, at: number, end: number): void {
    session.executed++;
    const type = readWord(input, at);
    const requestId = readWord(input, at + 4);
    const transactionId = readWord(input, at + 8);
    const from = at + XS_HEADER_BYTES;
    if (session.domid === 0) {
      const { connection, output } = session;
      const header = { type, requestId, transactionId };
      const store = performDirectly(this.#store, this.#owner, connection, header, input, from, end, output);
      if (store !== null) {
        this.#store = store;
        this.#list(session);
        return;
      }
    }
    const { policy } = this.#store;
    const request = decodeRequest(policy, type, input, from, end);
    const known = request.type === 'malformed' ? request.of : request.type;
    const watching = known === 'watch' || known === 'unwatch';
    const place = { type, requestId, transactionId: watching && !policy.watchKeepsTransactionId ? 0 : transactionId };
    const limited = policy.overlongReplyRefused || session.ring;
    if (known === 'control' && this.#isLiveUpdate(session, request, place)) return;

    this.#credit?.charge(this.#store, session.domid, known, transactionId);
    const outcome = execute(this.#store, session.connection, request, { transactionId, owner: this.#owner });
    this.#store = outcome.store;
    if (known === 'transactionStart') this.#updates?.noteStart(session, this.#store);
    this.#afterDomains(request);
    const replyFirst = known !== 'unknown' && policy.repliesFirst.has(known);
    if (replyFirst) writeReply(session.output, place, known, outcome.reply, limited);
    if (outcome.notified !== null) this.#deliverTo(outcome.notified);
    if (!replyFirst) writeReply(session.output, place, known, outcome.reply, limited);
    this.#list(session);
  }

  /** Whether it was a CONTROL about live updates, which the store knows nothing of. */
  #isLiveUpdate(session: DaemonSession, request: Request, place: ReplyPlace): boolean {
    const reply = this.#updates?.command(session, this.#store, request, place);
    if (reply === undefined) return false;
    if (reply !== null) this.#reply({ connection: session.connection, place }, reply);
    return true;
  }

  #reply({ connection, place }: Start, reply: Reply): void {
    const session = this.#sessions.get(connection);
    if (session === undefined) return;
    const limited = this.#store.policy.overlongReplyRefused || session.ring;
    writeReply(session.output, place, 'control', reply, limited);
    this.#list(session);
  }

  /** Makes a live update if its time has come, answers those who asked for it, and goes on with what waited for its end. */
  #settle(updates: LiveUpdates<Daemon>): void {
    const due = updates.due(this.#store, this.#sessions.values());
    const { next = null, answers = due } = due === 'update' ? updates.next(this) : {};
    if (next !== null) this.#become(next);
    if (answers !== null && answers !== 'update') for (const { start, reply } of answers) this.#reply(start, reply);
    const released = next === null ? updates.release() : [...this.#sessions.values()];
    for (const session of released) {
      for (const frame of session.delayed.splice(0)) this.#perform(session, frame, 0, frame.length);
      if (session.input.length > 0) this.receive(session.connection, NOTHING);
    }
  }

  /** Goes on as `next`, which was made of this daemon's state. */
  #become(next: Daemon): void {
    // The transports stay as they are.
    for (const { connection, blocked } of this.#sessions.values()) {
      const session = next.#sessions.get(connection);
      assert(session !== undefined, `xenstored: a live update lost connection ${connection}`);
      session.blocked = blocked;
    }
    for (const { connection } of this.#detached) next.detach(connection);
    this.#store = next.#store;
    this.#owner = {};
    this.#sessions = next.#sessions;
    this.#listed = next.#listed;
    this.#detached = next.#detached;
    if (this.#credit !== null) this.#credit = new WriteCredit();
    this.#updates = this.#updates?.renewed(next.#store) ?? null;
  }

  #detachedOf(domid: number): DaemonSession | undefined {
    for (const session of this.#detached) if (session.domid === domid) return session;
    return undefined;
  }

  /** What requests about domains do to connections. */
  #afterDomains(request: Request): void {
    if (request.type === 'release') this.#forgetClosed();
    if (request.type === 'introduce') {
      for (const session of this.#sessions.values()) {
        if (session.domid === request.domid && session.ring && this.#store.policy.rules === 'c') session.reset();
      }
    }
  }

  #forgetClosed(): void {
    for (const session of this.#sessions.values()) {
      if (this.#store.connections.get(session.connection) === undefined) this.#forget(session);
    }
  }

  #forget(session: DaemonSession): void {
    this.#sessions.delete(session.connection);
    this.#detached.delete(session);
    this.#updates?.closed(session);
  }

  #deliverTo(connections: readonly number[]): void {
    for (const connection of connections) {
      const session = this.#sessions.get(connection);
      if (session !== undefined) this.#deliver(session);
    }
  }

  #deliverAll(): void {
    for (const session of this.#sessions.values()) this.#deliver(session);
  }

  /** Moves the events of a connection from the store to its output, unless it is blocked. */
  #deliver(session: DaemonSession): void {
    if (session.blocked) return;
    const { pending } = this.#store.connection(session.connection);
    if (pending.length === 0) return;
    for (const event of pending) session.output.event(event);
    this.#store = takeEvent(this.#store, session.connection, pending.length);
    this.#list(session);
  }

  #list(session: DaemonSession): void {
    if (session.listed) return;
    session.listed = true;
    this.#listed.push(session);
  }
}
