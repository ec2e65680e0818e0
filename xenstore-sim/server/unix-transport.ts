/**
 * One client on a Unix socket. Writes are handed over without a callback: while a client reads, the kernel takes each at
 * once, and the memory it was in serves for the next.
 */
import type { Socket } from 'node:net';
import type { Hub } from './hub.js';
import type { Session, Transport } from './session.js';
import { readSocket, type SocketReader } from './socket-reader.js';
import { WriteSlab } from './write-slab.js';

const WRITES = new WriteSlab();

export class UnixTransport implements Transport {
  readonly awaitsTurn = true;
  readonly #hub: Hub;
  readonly #session: Session;
  readonly #reader: SocketReader;
  readonly #socket: Socket;
  #awaitsDrain = false;

  /** Takes over `accepted`, which nobody has read from. The hub must have room. */
  constructor(hub: Hub, accepted: Socket) {
    this.#hub = hub;
    this.#session = hub.open(0, this);
    this.#reader = readSocket(accepted, (piece) => hub.receive(this.#session, piece));
    this.#socket = this.#reader.socket;
    // What went wrong with a client is of no interest; `close` follows.
    this.#socket.on('error', () => undefined);
    this.#socket.once('close', () => hub.close(this.#session));
  }

  send(bytes: Uint8Array): void {
    const socket = this.#socket;
    socket.write(WRITES.copy(bytes));
    if (socket.writableLength === 0) return;
    WRITES.keep();
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    // Writes end in order: the end of an empty one tells of the end of those before it, whatever their size.
    socket.write('', 'latin1', this.#drained);
  }

  queued(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#reader.pause();
  }

  resume(): void {
    this.#reader.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  readonly #drained = (error?: Error | null): void => {
    this.#awaitsDrain = false;
    if (error === undefined || error === null) this.#hub.drained(this.#session);
  };
}
