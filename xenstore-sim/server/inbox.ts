/**
 * Bytes of one client that have come in larger chunks than the daemon gets: hands them on piece by piece, lets others
 * have their turn, and keeps the rest while the client is blocked. Its source should pause while there is a rest.
 */
import { PIECE_BYTES, PIECES_A_TURN } from './limits.js';

export class Inbox {
  readonly #receive: (piece: Uint8Array) => boolean;
  readonly #onEmpty: () => void;
  #chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that are gone. */
  #gone = 0;
  #stopped = false;
  #awaitsTurn = false;

  /** `receive` answers false to be left alone until `resume`; `onEmpty` is called when a rest has been handed on. */
  constructor(receive: (piece: Uint8Array) => boolean, onEmpty: () => void) {
    this.#receive = receive;
    this.#onEmpty = onEmpty;
  }

  /** Whether there is a rest. */
  get waiting(): boolean {
    return this.#chunks.length > 0;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    if (this.#chunks.length === 1) this.#run();
  }

  stop(): void {
    this.#stopped = true;
  }

  resume(): void {
    this.#stopped = false;
    if (!this.#awaitsTurn && this.#run()) this.#onEmpty();
  }

  clear(): void {
    this.#stopped = true;
    this.#chunks = [];
  }

  /** Returns whether all is handed on. */
  #run(): boolean {
    for (let pieces = 0; !this.#stopped; pieces++) {
      const [chunk] = this.#chunks;
      if (chunk === undefined) return true;
      if (pieces === PIECES_A_TURN) {
        this.#yieldTurn();
        return false;
      }
      const piece = chunk.subarray(this.#gone, this.#gone + PIECE_BYTES);
      this.#gone += piece.length;
      if (this.#gone === chunk.length) {
        this.#chunks.shift();
        this.#gone = 0;
      }
      if (!this.#receive(piece)) this.#stopped = true;
    }
    return false;
  }

  #yieldTurn(): void {
    this.#awaitsTurn = true;
    setImmediate(() => {
      this.#awaitsTurn = false;
      if (!this.#stopped && this.#run()) this.#onEmpty();
    });
  }
}
