/**
 * The daemon and its clients: every piece that comes in goes to the daemon, and what the daemon has to say, to anybody,
 * goes out at the latest when all that could be read in one turn of the event loop has been. Writing wakes a client, and
 * whoever is woken in the middle of the others' reading goes to sleep again before the next reply is there.
 *
 * A client that does not read is blocked: its replies and events stay where they are, and nothing more is read from it.
 * It is cut off when more than `queuedBytes` wait for it, or when it stays blocked for too long. Nothing here is
 * asynchronous but the sweep that looks for clients that have run out of time.
 */
import { resourceUsage } from 'node:process';
import { assert } from '../../protocol/assert.js';
import { Clock } from './clock.js';
import type { Engine } from './engine.js';
import { HaltPoll } from './halt-poll.js';
import { EVENTS_KEPT, type Limits, SMALL_PIECE_BYTES } from './limits.js';
import { Session, type Transport } from './session.js';

/** The clock looks this often in each of the times of `Limits`: they are kept to within a quarter. */
const SWEEPS_A_LIMIT = 4;
const SWEEP_MILLISECONDS_MAX = 1000;
/** Pieces whose replies wait for each other. What small pieces ask for is some 15 MiB at most. */
const PIECES_HELD_MAX = 128;
/** After a turn with a single piece, replies to so many do not wait: a client alone would only lose time. */
const PIECES_ALONE = 32;
/** Pieces between two looks at how many events wait for those who do not read. */
const PIECES_A_LOOK = 16;

export class Hub {
  readonly limits: Limits;
  readonly #engine: Engine;
  readonly #sessions = new Map<number, Session>();
  readonly #sweepMilliseconds: number;
  readonly #timer: NodeJS.Timeout;
  /** Sessions that did not take all of the last flush. */
  #slow: Session[] = [];
  readonly #blocked = new Set<Session>();
  /** Sessions of guests that have written too fast: nothing more is read from them. */
  readonly #throttled = new Set<Session>();
  readonly #clock = new Clock((milliseconds) => this.#tick(milliseconds));
  /** The daemon has been told the time: there are guests, who may write only so fast. */
  #timed = false;
  readonly #poll: Pick<HaltPoll, 'handled'>;
  #piecesToLook = PIECES_A_LOOK;
  /** Pieces of this turn whose replies wait. */
  #held = 0;
  #alone = 0;
  #closed = false;

  constructor(engine: Engine, limits: Limits, poll: Pick<HaltPoll, 'handled'> = eventLoopPoll()) {
    this.#engine = engine;
    this.limits = limits;
    this.#poll = poll;
    const shortest = Math.min(limits.requestMilliseconds, limits.stalledMilliseconds);
    this.#sweepMilliseconds = Math.max(1, Math.min(SWEEP_MILLISECONDS_MAX, Math.floor(shortest / SWEEPS_A_LIMIT)));
    this.#timer = setInterval(() => this.#sweep(), this.#sweepMilliseconds).unref();
  }

  /** Clients at this moment. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Whether a timer goes, because time makes a difference to a guest. */
  get ticking(): boolean {
    return this.#clock.goes;
  }

  /** Whether there is no room for another client. */
  get full(): boolean {
    return this.#closed || this.#sessions.size >= this.limits.connections;
  }

  /** Whether a guest can go on with the connection of domain `domid` that has lost its transport. */
  canResume(domid: number): boolean {
    return this.#engine.isDetached(domid);
  }

  /**
   * A new client of domain `domid`; 0 is the control domain. There must be room.
   *
   * @param resumed It goes on with the connection that has lost its transport, if there is one.
   */
  open(domid: number, transport: Transport, resumed = false): Session {
    assert(!this.full, 'hub: expected room for a client');
    const id = (resumed ? this.#engine.resume(domid) : undefined) ?? this.#engine.connect(domid);
    // The daemon uses numbers again. Whoever had this one has lost its connection, and must not get into the new one.
    const former = this.#sessions.get(id);
    if (former !== undefined) this.#forget(former);
    if (domid !== 0 && !this.#timed) {
      this.#timed = true;
      this.#engine.tick(this.#clock.milliseconds);
    }
    const session = new Session(id, transport);
    this.#sessions.set(id, session);
    return session;
  }

  /**
   * Takes the next piece of a client's stream, at most `PIECE_BYTES`, and sends what follows from it. False: read no
   * more, `transport.resume` or `transport.close` comes later or has come.
   */
  receive(session: Session, piece: Uint8Array): boolean {
    if (session.closed) return false;
    const isOpen = this.#engine.receive(session.id, piece);
    if (!isOpen) this.#forget(session);
    if (isOpen && piece.length <= SMALL_PIECE_BYTES && session.transport.awaitsTurn) this.#hold();
    else this.#flush();
    this.#poll.handled();
    if (this.#blocked.size > 0) this.#look();
    const throttled = this.#timed && this.#engine.isThrottled(session.id);
    if (throttled && !session.closed) {
      this.#throttled.add(session);
      this.#setClock();
    }
    return !session.blocked && !session.closed && !throttled;
  }

  /** The client has taken all that waited. */
  drained(session: Session): void {
    if (!session.blocked || session.closed) return;
    session.blocked = false;
    this.#blocked.delete(session);
    this.#engine.block(session.id, false);
    this.#flush();
    if (!session.blocked && !session.closed && !this.#throttled.has(session)) session.transport.resume();
  }

  /** The client is gone, or is to go. */
  close(session: Session): void {
    if (session.closed) return;
    this.#engine.disconnect(session.id);
    this.#forget(session);
    this.#flush();
  }

  /** Sends what a client has waiting from before it was here. */
  flush(): void {
    this.#flush();
  }

  /** Closes every client. Nothing is accepted from now on. */
  closeAll(): void {
    this.#flush();
    this.#closed = true;
    clearInterval(this.#timer);
    this.#clock.stop();
    for (const session of [...this.#sessions.values()]) this.close(session);
  }

  #forget(session: Session): void {
    session.closed = true;
    this.#blocked.delete(session);
    this.#throttled.delete(session);
    this.#sessions.delete(session.id);
    session.transport.close(this.#closed);
  }

  #hold(): void {
    if (this.#alone > 0) {
      this.#alone--;
      this.#flush();
      return;
    }
    this.#held++;
    if (this.#held === 1) setImmediate(this.#endTurn);
    else if (this.#held % PIECES_HELD_MAX === 0) this.#flush();
  }

  readonly #endTurn = (): void => {
    if (this.#held === 1) this.#alone = PIECES_ALONE;
    this.#held = 0;
    this.#flush();
  };

  #flush(): void {
    this.#engine.flush(this.#write);
    while (this.#slow.length > 0) this.#settle();
    this.#setClock();
  }

  /** The clock goes only while somebody waits for it, so that a daemon with nothing to do sleeps. */
  #setClock(): void {
    if (!this.#timed || this.#closed) return;
    if (this.#throttled.size > 0 || this.#engine.wantsTick()) this.#clock.go();
    else this.#clock.stop();
  }

  readonly #write = (id: number, bytes: Uint8Array): void => {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    session.transport.send(bytes);
    if (session.transport.queued() > 0) this.#slow.push(session);
  };

  /** The daemon is not called while it hands over its output, so what follows from that waits until here. */
  #settle(): void {
    const slow = this.#slow;
    this.#slow = [];
    for (const session of slow) {
      if (session.closed) continue;
      if (session.transport.queued() > this.limits.queuedBytes) {
        this.#engine.disconnect(session.id);
        this.#forget(session);
      } else if (!session.blocked) {
        session.blocked = true;
        session.blockedSweeps = 0;
        this.#blocked.add(session);
        this.#engine.block(session.id, true);
        session.transport.pause();
      }
    }
    this.#engine.flush(this.#write);
  }

  /** Takes from the daemon what it should not keep for those who do not read. */
  #look(): void {
    this.#piecesToLook--;
    if (this.#piecesToLook > 0) return;
    this.#piecesToLook = PIECES_A_LOOK;
    for (const session of this.#blocked) {
      if (this.#engine.pendingEvents(session.id) < EVENTS_KEPT) continue;
      this.#engine.block(session.id, false);
      this.#flush();
      if (!session.closed) this.#engine.block(session.id, true);
    }
  }

  #tick(milliseconds: number): void {
    this.#engine.tick(milliseconds);
    this.#flush();
    for (const session of [...this.#throttled]) {
      if (this.#engine.isThrottled(session.id) || this.#engine.hasMore(session.id)) continue;
      this.#throttled.delete(session);
      if (!session.blocked && !session.closed) session.transport.resume();
    }
    this.#setClock();
  }

  #sweep(): void {
    // A live update waits for time to pass.
    this.#flush();
    const { requestMilliseconds, stalledMilliseconds } = this.limits;
    for (const session of this.#sessions.values()) {
      // The connection of a guest ends with its domain, whoever ends that.
      if (!this.#engine.isConnected(session.id)) {
        this.#forget(session);
        continue;
      }
      if (session.blocked) {
        session.blockedSweeps++;
        if (session.blockedSweeps * this.#sweepMilliseconds > stalledMilliseconds) this.close(session);
        continue;
      }
      const request = this.#engine.unfinishedRequest(session.id);
      session.requestSweeps = request >= 0 && request === session.requestAtSweep ? session.requestSweeps + 1 : 0;
      session.requestAtSweep = request;
      if (session.requestSweeps * this.#sweepMilliseconds > requestMilliseconds) this.close(session);
    }
  }
}

function eventLoopPoll(): HaltPoll {
  return new HaltPoll({
    now: () => performance.now(),
    nextTurn: setImmediate,
    preemptions: () => resourceUsage().involuntaryContextSwitches,
  });
}
