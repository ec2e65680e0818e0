/**
 * What the servers need of a daemon: the store with its connections, which turns bytes into bytes.
 */
export interface Engine {
  /** A new connection of domain `domid`; 0 is the control domain. Returns its number. */
  connect(domid: number): number;
  disconnect(connection: number): void;
  /** Executes every request that is complete. False: the stream is broken; the connection is disconnected, close it. */
  receive(connection: number, bytes: Uint8Array): boolean;
  /** Hands over all output, in one piece for each connection that has any. `bytes` is valid during the call only. */
  flush(write: (connection: number, bytes: Uint8Array) => void): void;
  /** While a connection is blocked, its output stays where it is. */
  block(connection: number, blocked: boolean): void;
}
