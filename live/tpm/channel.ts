/**
 * One end of a stream on which each question has one answer: either channel of swtpm.
 *
 * The next question goes out only when the answer to the last one is whole: swtpm loses what comes sooner. Anything that
 * does not fit (bytes nobody asked for, an answer of an impossible size, the end of the stream) breaks the channel for
 * good, because from then on nobody could tell which answer belongs to what.
 */
import { assert } from '../../protocol/assert.js';
import { QuiesceError } from '../../protocol/errors.js';
import { FrameAssembler, type FrameSize } from '../../protocol/frame-assembler.js';
import type { ChannelEnd } from './channel-end.js';

/** For this time `askBriefly` blocks: more than most commands take, and nothing that waits behind the event loop notices. */
const BRIEF_MILLISECONDS = 2;

interface Question {
  readonly sizeOf: FrameSize;
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: QuiesceError) => void;
}

export class Channel {
  readonly #name: string;
  readonly #end: ChannelEnd;
  readonly #onBroken: (why: string) => void;
  readonly #answers = new FrameAssembler((head) => this.#sizeOf(head));
  #question: Question | null = null;
  #broken: QuiesceError | null = null;

  /** `onBroken` is called once, unless `close` comes first; the question of that moment rejects with `TPM_LOST`. */
  constructor(name: string, end: ChannelEnd, onBroken: (why: string) => void) {
    const { stream } = end;
    this.#name = name;
    this.#end = end;
    this.#onBroken = onBroken;
    stream.on('data', (piece: Uint8Array) => this.#receive(piece));
    stream.on('error', (error: Error) => this.break(`${name}: ${error.message}`));
    stream.on('close', () => this.break(`${name} was closed by the TPM`));
    stream.on('end', () => this.break(`${name} was closed by the TPM`));
  }

  /** Sends `question` in one write; `sizeOf` tells where the answer ends. Rejects with `TPM_LOST`. */
  ask(question: Uint8Array, sizeOf: FrameSize): Promise<Uint8Array> {
    assert(this.#question === null, `${this.#name}: asked before the last answer came`);
    return new Promise((resolve, reject) => {
      if (this.#broken !== null) {
        reject(this.#broken);
        return;
      }
      this.#question = { sizeOf, resolve, reject };
      this.#end.stream.write(question);
    });
  }

  /**
   * As `ask`, but blocks the thread for a moment. An answer that comes meanwhile is returned at once, as a window that
   * holds until the next question; one that takes longer, by a promise.
   */
  askBriefly(question: Uint8Array, sizeOf: FrameSize): Uint8Array | Promise<Uint8Array> {
    const { blocking, stream } = this.#end;
    if (blocking === null || this.#broken !== null) return this.ask(question, sizeOf);
    assert(this.#question === null, `${this.#name}: asked before the last answer came`);
    const sent = blocking.send(question);
    if (sent === 0) return this.ask(question, sizeOf);
    let answer: Uint8Array | undefined;
    this.#question = { sizeOf, resolve: () => undefined, reject: () => undefined };
    if (sent < question.length) stream.write(question.subarray(sent));
    const deadline = performance.now() + BRIEF_MILLISECONDS;
    for (let left = BRIEF_MILLISECONDS; left > 0 && this.#broken === null; left = deadline - performance.now()) {
      const piece = blocking.receive(left);
      if (piece === null) break;
      if (piece.length === 0) this.break(`${this.#name} was closed by the TPM`);
      else answer = this.#take(piece, true);
      if (answer !== undefined) return answer;
    }
    if (this.#broken !== null) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#question = { sizeOf, resolve, reject };
    });
  }

  /** Ends the channel; the open question rejects with `TPM_LOST`. */
  break(why: string): void {
    if (this.#broken !== null) return;
    this.#broken = new QuiesceError(
      'TPM_LOST',
      `the TPM was lost: ${why}; what it was asked last may or may not have happened`,
    );
    this.#end.stream.destroy();
    this.#question?.reject(this.#broken);
    this.#question = null;
    this.#onBroken(why);
  }

  #sizeOf(head: Uint8Array): number | undefined {
    return this.#question === null ? head.length : this.#question.sizeOf(head);
  }

  #receive(piece: Uint8Array): void {
    if (this.#broken !== null) return;
    const question = this.#question;
    const answer = this.#take(piece, false);
    if (answer !== undefined) question?.resolve(answer);
  }

  /** The answer, when `piece` makes it whole; the channel is free then. `lent`: the piece must not be kept. */
  #take(piece: Uint8Array, lent: boolean): Uint8Array | undefined {
    try {
      const whole = lent && this.#answers.length === 0 && this.#sizeOf(piece) === piece.length;
      if (!whole) this.#answers.push(lent ? new Uint8Array(piece) : piece);
      const answer = whole ? piece : this.#answers.next();
      if (answer === undefined) return undefined;
      if (this.#question === null || this.#answers.length > 0) {
        this.break(`${this.#name}: expected one answer to each question, found more bytes`);
        return undefined;
      }
      this.#question = null;
      return answer;
    } catch (error) {
      this.break(`${this.#name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}
