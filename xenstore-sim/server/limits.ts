/**
 * How much one client may take of the server. Every limit protects the others; a client that behaves meets none.
 */
export interface Limits {
  /** Connections at a time, over all listeners; further ones are closed at once. */
  readonly connections: number;
  /** Bytes that may wait for a client that does not read; beyond, it is cut off. */
  readonly queuedBytes: number;
  /** Milliseconds for a client to take what waits for it, when it reads too slowly; then it is cut off. */
  readonly stalledMilliseconds: number;
  /** Milliseconds from the first to the last byte of a request. Between requests a connection may be silent for ever. */
  readonly requestMilliseconds: number;
  /** Milliseconds between two pings on a WebSocket; one that has not answered by the next ping is cut off. */
  readonly pingMilliseconds: number;
  /** Milliseconds for the HTTP request that opens a WebSocket. */
  readonly handshakeMilliseconds: number;
}

export const LIMITS: Limits = {
  connections: 4096,
  queuedBytes: 1024 * 1024,
  stalledMilliseconds: 60_000,
  requestMilliseconds: 30_000,
  pingMilliseconds: 30_000,
  handshakeMilliseconds: 10_000,
};

/**
 * Bytes the daemon gets at a time. They hold at most 256 requests, which it executes at once; with replies of up to 4112
 * bytes to requests of 19, what a client has waiting grows by less than 1 MiB before the server notices that it does not
 * read.
 */
export const PIECE_BYTES = 4096;

/** Full pieces of one client in a row, before the others have their turn. */
export const PIECES_A_TURN = 4;

/**
 * Events that the daemon keeps for a client that does not read, so that equal ones are merged. With more of them each new
 * one would cost everybody time: they are moved to the queue of the transport, which is limited in bytes.
 */
export const EVENTS_KEPT = 256;

/** Pieces up to this size are handled in ways that pay for single requests. */
export const SMALL_PIECE_BYTES = 512;
