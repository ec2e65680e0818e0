/**
 * What arrives on one connection to a daemon under test, as frames in hex.
 */
import { encodeFrame, FrameDecoder } from '../../protocol/xs-wire.js';
import type { Sink } from './xenstore-transcript.js';

/** oxenstored sends longer frames than the protocol allows. */
const PAYLOAD_BYTES_MAX = 1 << 20;

export class Inbox implements Sink {
  #frames: string[] = [];
  #isClosed = false;
  #onChange: () => void = () => undefined;
  readonly #decoder = new FrameDecoder(PAYLOAD_BYTES_MAX);

  bytes(piece: Uint8Array): void {
    this.#decoder.push(piece, (frame) => this.#frames.push(Buffer.from(encodeFrame(frame)).toString('hex')));
    this.#onChange();
  }

  closed(): void {
    this.#isClosed = true;
    this.#onChange();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when `count` frames wait, and the end of the connection if that is wanted; in any case after `milliseconds`. */
  async holds(count: number, wantClosed: boolean, milliseconds: number): Promise<void> {
    const enough = (): boolean => this.#frames.length >= count && (this.#isClosed || !wantClosed);
    if (enough()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#onChange = () => {
        if (!enough()) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onChange = () => undefined;
  }

  take(): string[] {
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }
}
