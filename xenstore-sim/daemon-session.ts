/**
 * What a daemon has of one connection besides its state in the store: the bytes on their way.
 */
import { Output } from './wire/output.js';

/** A connection as bytes, for a daemon that goes on where another was. */
export interface SessionState {
  readonly connection: number;
  readonly domid: number;
  readonly ring: boolean;
  /** The beginning of a frame, or frames that were not executed yet. */
  readonly input: Uint8Array;
  /** What was not taken yet. */
  readonly output: Uint8Array;
}

export const NOTHING = new Uint8Array(0);

export class DaemonSession {
  readonly connection: number;
  readonly domid: number;
  /** Whether it is a guest's ring, and not a socket. */
  readonly ring: boolean;
  readonly output = new Output();
  /** Bytes that were received and not executed. */
  input: Uint8Array = NOTHING;
  /** Requests that were executed. */
  executed = 0;
  blocked = false;
  /** Whether it is in the list of those with output. */
  listed = false;
  /** Frames that wait for the end of a live update, latest first. */
  delayed: Uint8Array[] = [];
  /** Whether its next request waits for that too. */
  stalled = false;
  /** When the oldest of its open transactions was started, by the clock of live updates. */
  transactionsSince = 0;

  constructor(connection: number, domid: number, ring: boolean) {
    this.connection = connection;
    this.domid = domid;
    this.ring = ring;
  }

  /** The ring has been reset, and what was in it is lost. */
  reset(): void {
    this.input = NOTHING;
    this.output.clear();
  }

  state(): SessionState {
    const { connection, domid, ring, input, output, delayed } = this;
    return { connection, domid, ring, input: joined(...delayed.toReversed(), input), output: output.bytes.slice() };
  }
}

/** `parts` one behind the other, as a copy. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
