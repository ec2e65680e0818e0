/**
 * The seam between the client and what carries its bytes. A transport makes connections; each carries one xs_wire byte
 * stream in either direction, cut into pieces anywhere.
 */

/** What a connection reports. Nothing is reported after `onClose`. */
export interface Receiver {
  /** `bytes` is valid only during the call. */
  onData(bytes: Uint8Array): void;
  /** The connection has ended and it was not by `close`. */
  onClose(reason: Error): void;
}

/** One connection. */
export interface Link {
  /** Hands over `bytes`, which the caller does not touch again. Does nothing on a connection that has ended. */
  send(bytes: Uint8Array): void;
  /** Ends the connection after what has been sent; `onClose` is not called. */
  close(): void;
}

export interface Transport {
  /** What is connected to, for messages. */
  readonly name: string;
  /**
   * Makes a connection. When `signal` fires before it is made, the attempt is given up and the promise rejects.
   *
   * @throws XenstoreError `UNREACHABLE`.
   */
  open(receiver: Receiver, signal: AbortSignal): Promise<Link>;
}
