/**
 * Our end of a channel to a process that we start: a stream for the event loop, and, where the system calls for it are
 * there, a way to wait for an answer without going back to the event loop. Most TPM commands take a few microseconds,
 * less than a turn of the loop.
 *
 * Both ways read the same descriptor. Only one is used at a time: the event loop finds nothing where the other has read.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Native, native } from '../memory/native.js';

/** Waits in a system call, which blocks the thread. */
export interface BlockingEnd {
  /** Bytes that were taken, from the beginning of `bytes`; 0 when the socket takes nothing now. */
  send(bytes: Uint8Array): number;
  /**
   * What comes within `milliseconds`, as a window that holds until the next call: empty at the end of the stream, null
   * when nothing comes.
   */
  receive(milliseconds: number): Uint8Array | null;
}

export interface ChannelEnd {
  readonly stream: Duplex;
  /** Null where there is none. */
  readonly blocking: BlockingEnd | null;
}

/** More than a state blob of swtpm usually has. */
const RECEIVE_BYTES = 64 * 1024;

/** Two ends: ours, and the descriptor of the other, to be inherited and closed. Null where koffi is not installed. */
export function channelPair(): { readonly ours: ChannelEnd; readonly theirs: number } | null {
  const calls = native();
  if (calls === null) return null;
  const [own, theirs] = calls.socketPair();
  return { ours: { stream: new Socket({ fd: own }), blocking: new DescriptorEnd(calls, own) }, theirs };
}

class DescriptorEnd implements BlockingEnd {
  readonly #calls: Native;
  readonly #descriptor: number;
  readonly #bytes = new Uint8Array(RECEIVE_BYTES);
  #length = -1;
  readonly #received = (): boolean => {
    this.#length = this.#calls.read(this.#descriptor, this.#bytes);
    return this.#length >= 0;
  };
  readonly #awaitReadable = (milliseconds: number): void => {
    this.#calls.awaitReadable(this.#descriptor, milliseconds);
  };

  constructor(calls: Native, descriptor: number) {
    this.#calls = calls;
    this.#descriptor = descriptor;
  }

  send(bytes: Uint8Array): number {
    return Math.max(this.#calls.write(this.#descriptor, bytes), 0);
  }

  receive(milliseconds: number): Uint8Array | null {
    const received = this.#calls.wait(this.#received, this.#awaitReadable, milliseconds);
    return received ? this.#bytes.subarray(0, this.#length) : null;
  }
}
