/**
 * One client on a WebSocket. Its binary messages are a stream of bytes; where one ends and the next begins means nothing.
 */
import type { WebSocket } from 'ws';
import type { Hub } from './hub.js';
import { Inbox } from './inbox.js';
import type { Session, Transport } from './session.js';

/** RFC 6455, section 7.4.1. */
const CLOSE_GOING_AWAY = 1001;
const CLOSE_UNSUPPORTED_DATA = 1003;
const CLOSE_POLICY_VIOLATION = 1008;

const SEND = { binary: true, compress: false };

export class WebSocketTransport implements Transport {
  /** The close of a client may stand right behind its last request. */
  readonly awaitsTurn = false;
  readonly #hub: Hub;
  readonly #socket: WebSocket;
  readonly #session: Session;
  readonly #inbox: Inbox;
  #alive = true;

  /** The hub must have room. */
  constructor(hub: Hub, socket: WebSocket, domid: number, resumed: boolean) {
    this.#hub = hub;
    this.#socket = socket;
    this.#session = hub.open(domid, this, resumed);
    this.#inbox = new Inbox(
      (piece) => hub.receive(this.#session, piece),
      () => socket.resume(),
    );
    socket.on('error', () => undefined);
    socket.once('close', () => hub.close(this.#session));
    socket.on('pong', () => {
      this.#alive = true;
    });
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#message(data, isBinary));
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(Buffer.from(bytes), SEND, this.#sent);
  }

  queued(): number {
    return this.#socket.bufferedAmount;
  }

  pause(): void {
    this.#inbox.stop();
    this.#socket.pause();
  }

  resume(): void {
    // What it has answered meanwhile was not read.
    this.#alive = true;
    this.#inbox.resume();
  }

  close(ending: boolean): void {
    this.#closeWith(ending ? CLOSE_GOING_AWAY : CLOSE_POLICY_VIOLATION);
  }

  /** Asks whether the client is there; one that has not answered the last time is closed. */
  ping(): void {
    // A client that is blocked is not read from, so its answer would not be seen; its time is limited otherwise.
    if (this.#session.blocked || this.#session.closed) return;
    if (!this.#alive) {
      this.#socket.terminate();
      return;
    }
    this.#alive = false;
    this.#socket.ping();
  }

  #message(data: Buffer, isBinary: boolean): void {
    if (this.#session.closed) return;
    if (!isBinary) {
      this.#closeWith(CLOSE_UNSUPPORTED_DATA);
      this.#hub.close(this.#session);
      return;
    }
    this.#alive = true;
    this.#inbox.push(data);
    if (this.#inbox.waiting) this.#socket.pause();
  }

  readonly #sent = (): void => {
    if (this.#socket.bufferedAmount === 0) this.#hub.drained(this.#session);
  };

  /** Says why, unless the client does not even read what waits for it. */
  #closeWith(code: number): void {
    this.#inbox.clear();
    if (this.#socket.bufferedAmount > 0) this.#socket.terminate();
    else this.#socket.close(code);
  }
}
