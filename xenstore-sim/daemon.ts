/**
 * A xenstored without its sockets and rings: bytes of clients in, bytes for clients out.
 *
 * The store itself is a pure value; here is what a running daemon has besides: streams that stop in the middle of a
 * frame, and output that waits to be taken. Whoever owns the transports calls `receive` with what has come and `flush`
 * to take what is to go. Nothing here knows the time: `tick` tells it.
 */
import { assert } from '../protocol/assert.js';
import { binaryString, readWord, XS_HEADER_BYTES, XS_PAYLOAD_BYTES_MAX, XsType } from '../protocol/xs-wire.js';
import { execute } from './execute.js';
import { connect, disconnect, domainCreated, domainDestroyed, domainShutdown, takeEvent } from './lifecycle.js';
import type { Request } from './requests.js';
import type { Store } from './store.js';
import { Output, writeReply } from './wire/output.js';
import { parseRequest } from './wire/parse-request.js';
import { WriteCredit } from './write-credit.js';

/** Requests of one connection that are executed before others have their turn. */
const REQUESTS_PER_TURN_MAX = 256;

/** What a connection has besides its state in the store. */
export interface SessionState {
  readonly connection: number;
  readonly domid: number;
  readonly ring: boolean;
  /** The beginning of a frame, or frames that were not executed yet. */
  readonly input: Uint8Array;
  /** What was not taken yet. */
  readonly output: Uint8Array;
}

class Session {
  readonly connection: number;
  readonly domid: number;
  /** Whether it is a guest's ring, and not a socket. */
  readonly ring: boolean;
  readonly output = new Output();
  /** Bytes that were received and not executed. */
  input: Uint8Array = NOTHING;
  blocked = false;
  /** Whether it is in the list of those with output. */
  listed = false;

  constructor(connection: number, domid: number, ring: boolean) {
    this.connection = connection;
    this.domid = domid;
    this.ring = ring;
  }
}

const NOTHING = new Uint8Array(0);

export class Daemon {
  #store: Store;
  /** A new one whenever somebody else gets hold of the store. */
  #owner: object = {};
  readonly #sessions: Map<number, Session> = new Map();
  /** Sessions that may have output. */
  #listed: Session[] = [];
  /** Null until the time is told: without it nobody would get credit back. */
  #credit: WriteCredit | null = null;

  constructor(store: Store) {
    this.#store = store;
  }

  /** A daemon that goes on where another was. Each of `sessions` must be a connection of `store`. */
  static restore(store: Store, sessions: readonly SessionState[]): Daemon {
    const daemon = new Daemon(store);
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

  /** What each connection has besides its state in the store, by number. */
  sessions(): SessionState[] {
    return [...this.#sessions.values()]
      .map(({ connection, domid, ring, input, output }) => {
        return { connection, domid, ring, input: input.slice(), output: output.bytes.slice() };
      })
      .sort((one, other) => one.connection - other.connection);
  }

  /**
   * Opens a connection of domain `domid`; those of domain 0 are privileged. Returns its number.
   *
   * @param ring Whether the client is at a ring, where some daemons treat it in another way than at a socket.
   */
  connect(domid: number, ring = domid !== 0): number {
    const { store, connection } = connect(this.#store, { domid });
    this.#store = store;
    this.#open(connection, domid, ring);
    return connection;
  }

  /** Whether the requests of a connection are put off, because its domain has written too fast. */
  isThrottled(connection: number): boolean {
    const session = this.#sessions.get(connection);
    return session !== undefined && this.#isSpent(session);
  }

  /** Closes a connection, if it is still open. */
  disconnect(connection: number): void {
    if (!this.#sessions.delete(connection)) return;
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
    return this.#sessions.has(connection);
  }

  /** Whether a whole request waits to be executed. */
  hasMore(connection: number): boolean {
    const session = this.#sessions.get(connection);
    if (session === undefined || session.blocked || this.#isSpent(session)) return false;
    return this.#complete(session, session.input, 0) > 0;
  }

  /** Hands over all output, once per connection that has any, in one piece each. `bytes` is valid only during the call. */
  flush(write: (connection: number, bytes: Uint8Array) => void): void {
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
    if (session === undefined || session.blocked === blocked) return;
    session.blocked = blocked;
    if (blocked) return;
    this.#deliver(session);
    this.receive(connection, NOTHING);
  }

  /**
   * Tells the time, in milliseconds from any beginning. From the first call on, guests that write while others have
   * transactions open are slowed down (XSA-206). To be called a few times a second, followed by `flush`.
   */
  tick(milliseconds: number): void {
    this.#credit ??= new WriteCredit();
    if (!this.#credit.tick(milliseconds)) return;
    for (const session of [...this.#sessions.values()]) {
      if (session.input.length > 0) this.receive(session.connection, NOTHING);
    }
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
    this.#store = domainDestroyed(this.#store, domid);
    this.#forgetClosed();
    this.#deliverAll();
  }

  #open(connection: number, domid: number, ring: boolean): Session {
    assert(!this.#sessions.has(connection), `xenstored: connection ${connection} is open already`);
    const session = new Session(connection, domid, ring);
    this.#sessions.set(connection, session);
    return session;
  }

  /** Executes the requests at the front of `input`; returns the bytes they took, or -1 for a frame that is too long. */
  #execute(session: Session, input: Uint8Array): number {
    let at = 0;
    for (let turn = 0; turn < REQUESTS_PER_TURN_MAX; turn++) {
      const size = this.#complete(session, input, at);
      if (size <= 0) return size < 0 ? size : at;
      if (this.#isSpent(session)) return at;
      this.#perform(session, input, at, at + size);
      at += size;
      if (this.#sessions.get(session.connection) !== session) return input.length;
    }
    return at;
  }

  #isSpent({ domid }: Session): boolean {
    return this.#credit !== null && domid !== 0 && this.#credit.isSpent(domid);
  }

  /** The bytes of the whole frame at `at`; 0 if it is not whole yet, -1 if it is too long. */
  #complete(session: Session, input: Uint8Array, at: number): number {
    const there = input.length - at;
    if (there < XS_HEADER_BYTES) return 0;
    const { overlongRequest, emptyPayloadWaits } = this.#store.policy;
    let length = readWord(input, at + 12);
    if (length > XS_PAYLOAD_BYTES_MAX) {
      if (overlongRequest === 'close') return -1;
      length = XS_PAYLOAD_BYTES_MAX;
    }
    if (length === 0 && emptyPayloadWaits && !session.ring && there === XS_HEADER_BYTES) return 0;
    return there < XS_HEADER_BYTES + length ? 0 : XS_HEADER_BYTES + length;
  }

  #perform(session: Session, input: Uint8Array, at: number, end: number): void {
    const type = readWord(input, at);
    const requestId = readWord(input, at + 4);
    const transactionId = readWord(input, at + 8);
    const from = at + XS_HEADER_BYTES;
    if (type === XsType.READ && transactionId === 0 && session.domid === 0) {
      if (this.#read(session, requestId, input, from, end)) return;
    }
    const { policy } = this.#store;
    const request =
      (type === XsType.WRITE ? this.#write(input, from, end) : null) ??
      parseRequest(policy, type, binaryString(input, from, end));
    const known = request.type === 'malformed' ? request.of : request.type;
    const watching = known === 'watch' || known === 'unwatch';
    const place = { type, requestId, transactionId: watching && !policy.watchKeepsTransactionId ? 0 : transactionId };
    const limited = policy.overlongReplyRefused || session.ring;

    this.#credit?.charge(this.#store, session.domid, known, transactionId);
    const outcome = execute(this.#store, session.connection, request, { transactionId, owner: this.#owner });
    this.#store = outcome.store;
    this.#afterDomains(request);
    const replyFirst = known !== 'unknown' && policy.repliesFirst.has(known);
    if (replyFirst) writeReply(session.output, place, known, outcome.reply, limited);
    if (outcome.notified !== null) this.#deliverTo(outcome.notified);
    if (!replyFirst) writeReply(session.output, place, known, outcome.reply, limited);
    this.#list(session);
  }

  /**
   * The most frequent request on the shortest way: a READ outside of transactions by a privileged client. False if it is
   * not to be had like this.
   */
  #read(session: Session, requestId: number, input: Uint8Array, from: number, end: number): boolean {
    if (input[end - 1] !== 0) return false;
    const { tree, policy, quota } = this.#store;
    const entry = tree.find(input, from, end - 1);
    if (entry === null || (policy.pathLengthForAll && end - from > quota.quota.pathLength)) return false;
    session.output.frame(XsType.READ, requestId, 0, entry.value.value, 0);
    this.#list(session);
    return true;
  }

  /** A WRITE, with the path looked up where it lies, and the value as a string of its own. Null if there is no nul. */
  #write(input: Uint8Array, from: number, end: number): Request | null {
    let nul = from;
    while (nul < end && input[nul] !== 0) nul++;
    if (nul === end) return null;
    const path = this.#store.tree.find(input, from, nul)?.path ?? binaryString(input, from, nul);
    return { type: 'write', path, value: binaryString(input, nul + 1, end) };
  }

  /** What requests about domains do to connections. */
  #afterDomains(request: Request): void {
    if (request.type === 'release') this.#forgetClosed();
    if (request.type === 'introduce') {
      for (const session of this.#sessions.values()) {
        // The ring has been reset, and what was in it is lost.
        if (session.domid === request.domid && session.ring && this.#store.policy.rules === 'c') {
          session.input = NOTHING;
          session.output.clear();
        }
      }
    }
  }

  #forgetClosed(): void {
    for (const id of this.#sessions.keys()) {
      if (this.#store.connections.get(id) === undefined) this.#sessions.delete(id);
    }
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
  #deliver(session: Session): void {
    if (session.blocked) return;
    const { pending } = this.#store.connection(session.connection);
    if (pending.length === 0) return;
    for (const event of pending) session.output.event(event);
    this.#store = takeEvent(this.#store, session.connection, pending.length);
    this.#list(session);
  }

  #list(session: Session): void {
    if (session.listed) return;
    session.listed = true;
    this.#listed.push(session);
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
