/**
 * One client: its connection in the daemon, and the transport its bytes come and go by.
 */
/** What carries the bytes of one client. After `close` nothing of it is called. */
export interface Transport {
  /** Whether what is to be sent may wait until the end of this turn of the event loop. */
  readonly awaitsTurn: boolean;
  /** Sends a copy of `bytes`. */
  send(bytes: Uint8Array): void;
  /** Bytes that wait in this process because the client does not read. Once there were some and all are gone, the hub hears of it. */
  queued(): number;
  /** Stops reading from the client; what has been read already may still come. */
  pause(): void;
  resume(): void;
  /** Closes the connection at once. What waits is thrown away. `ending`: the server ends, the client has done no wrong. */
  close(ending: boolean): void;
}

export class Session {
  readonly id: number;
  readonly transport: Transport;
  /** The client does not take its bytes: the daemon keeps what comes, and nothing is read from the client. */
  blocked = false;
  closed = false;
  /** Sweeps since it was blocked. */
  blockedSweeps = 0;
  /** Sweeps in which the request that is coming in has not changed to another. */
  requestSweeps = 0;
  /** The request that was coming in at the last sweep (`Daemon.unfinishedRequest`). */
  requestAtSweep = -1;

  constructor(id: number, transport: Transport) {
    this.id = id;
    this.transport = transport;
  }
}
