/**
 * One end of a stream on which each question has one answer: either channel of swtpm.
 *
 * The next question goes out only when the answer to the last one is whole: swtpm loses what comes sooner. Anything that
 * does not fit (bytes nobody asked for, an answer of an impossible size, the end of the stream) breaks the channel for
 * good, because from then on nobody could tell which answer belongs to what.
 */
import type { Duplex } from 'node:stream';
import { assert } from '../../protocol/assert.js';
import { QuiesceError } from '../../protocol/errors.js';
import { FrameAssembler, type FrameSize } from '../../protocol/frame-assembler.js';

interface Question {
  readonly sizeOf: FrameSize;
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: QuiesceError) => void;
}

export class Channel {
  readonly #name: string;
  readonly #stream: Duplex;
  readonly #onBroken: (why: string) => void;
  readonly #answers = new FrameAssembler((head) => this.#sizeOf(head));
  #question: Question | null = null;
  #broken: QuiesceError | null = null;

  /** `onBroken` is called once, unless `close` comes first; the question of that moment rejects with `TPM_LOST`. */
  constructor(name: string, stream: Duplex, onBroken: (why: string) => void) {
    this.#name = name;
    this.#stream = stream;
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
      this.#stream.write(question);
    });
  }

  /** Ends the channel; the open question rejects with `TPM_LOST`. */
  break(why: string): void {
    if (this.#broken !== null) return;
    this.#broken = new QuiesceError(
      'TPM_LOST',
      `the TPM was lost: ${why}; what it was asked last may or may not have happened`,
    );
    this.#stream.destroy();
    this.#question?.reject(this.#broken);
    this.#question = null;
    this.#onBroken(why);
  }

  #sizeOf(head: Uint8Array): number | undefined {
    return this.#question === null ? head.length : this.#question.sizeOf(head);
  }

  #receive(piece: Uint8Array): void {
    if (this.#broken !== null) return;
    this.#answers.push(piece);
    try {
      const answer = this.#answers.next();
      if (answer === undefined) return;
      const question = this.#question;
      if (question === null || this.#answers.length > 0) {
        this.break(`${this.#name}: expected one answer to each question, found more bytes`);
        return;
      }
      this.#question = null;
      question.resolve(answer);
    } catch (error) {
      this.break(`${this.#name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
