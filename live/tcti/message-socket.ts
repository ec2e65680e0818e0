/**
 * A client's socket on which each message gets one answer before the next is looked at.
 *
 * What a client can make us keep is bounded: one message of at most a few kilobytes, two pieces of what it sent ahead, and
 * answers that it does not read up to the socket's own limit. A message that is begun must be whole in some time; between
 * messages a client may be silent for ever.
 */
import type { Socket } from 'node:net';
import { FrameAssembler, type FrameSize } from '../../protocol/frame-assembler.js';

/** Bytes to send; null to close without an answer. */
export type Answer = Uint8Array | null;

export interface Framing {
  readonly sizeOf: FrameSize;
  /** Must not throw. The message is a window that may not be kept. */
  answer(message: Uint8Array): Answer | Promise<Answer>;
  /** What to say to a stream in which nobody can tell any more where a message begins; then it is closed. */
  readonly answerToBadFrame: Answer;
  /** Whether to close after an answer. */
  closesAfter?(answer: Uint8Array): boolean;
}

export class MessageSocket {
  readonly #socket: Socket;
  readonly #framing: Framing;
  readonly #frames: FrameAssembler;
  readonly #milliseconds: number;
  readonly #onGone: () => void;
  #timer: NodeJS.Timeout | null = null;
  /** A message is being answered. */
  #busy = false;
  /** Nothing more is read. */
  #finished = false;
  #closed = false;

  /**
   * A message that has begun must be whole within `milliseconds`. `onGone` is called once, when the socket is closed and
   * none of its messages is under way.
   */
  constructor(socket: Socket, framing: Framing, milliseconds: number, onGone: () => void) {
    this.#socket = socket;
    this.#framing = framing;
    this.#frames = new FrameAssembler(framing.sizeOf);
    this.#milliseconds = milliseconds;
    this.#onGone = onGone;
    socket.setNoDelay(true);
    socket.on('data', (piece) => this.#receive(piece));
    // A client that breaks off is no event for anybody but its own connection.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#finished = true;
      this.#closed = true;
      this.#limit(false);
      if (!this.#busy) this.#onGone();
    });
  }

  /** Goes on where another has left off: bytes of a message, bytes of an answer, and whether that was the last. */
  goOn(begun: Uint8Array, unsent: Uint8Array, ends: boolean): void {
    if (ends) this.#finish(unsent);
    else {
      if (unsent.length > 0) this.#socket.write(unsent);
      if (begun.length > 0) this.#receive(begun);
      if (!this.#busy && this.#frames.length > 0) this.#limit(true);
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(piece: Uint8Array): void {
    if (this.#finished) return;
    this.#frames.push(piece);
    if (this.#busy) this.#socket.pause();
    else void this.#serve();
  }

  async #serve(): Promise<void> {
    this.#busy = true;
    for (;;) {
      const message = this.#next();
      if (message === undefined) break;
      this.#limit(false);
      const answer = this.#framing.answer(message);
      const bytes = answer instanceof Promise ? await answer : answer;
      if (this.#finished) break;
      this.#send(bytes);
      if (this.#socket.writableNeedDrain) await this.#drained();
    }
    this.#busy = false;
    if (this.#closed) {
      this.#onGone();
      return;
    }
    if (!this.#finished && this.#frames.length > 0) this.#limit(true);
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  #next(): Uint8Array | undefined {
    if (this.#finished) return undefined;
    try {
      return this.#frames.next();
    } catch {
      this.#finish(this.#framing.answerToBadFrame);
      return undefined;
    }
  }

  #send(bytes: Answer): void {
    if (bytes === null || this.#framing.closesAfter?.(bytes)) this.#finish(bytes);
    else this.#socket.write(bytes);
  }

  /** Says a last thing; what the client sends after that is thrown away, so that it can read it before it closes. */
  #finish(bytes: Answer): void {
    this.#finished = true;
    if (bytes === null) {
      this.#socket.destroy();
      return;
    }
    this.#socket.end(bytes);
    this.#limit(true);
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
    });
  }

  /** Closes the socket in a while, unless told otherwise before. Bytes of the same message do not put it off. */
  #limit(limited: boolean): void {
    if (!limited) {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
    } else if (this.#timer === null) this.#timer = setTimeout(() => this.#socket.destroy(), this.#milliseconds);
  }
}
