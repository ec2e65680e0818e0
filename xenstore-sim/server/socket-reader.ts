/**
 * Reads an accepted socket piece by piece.
 *
 * All sockets read into one buffer (`onread` of `net.Socket`): otherwise Node allocates for every read, which costs
 * about as much as the read. `net.Server` cannot ask for that, so the handle of an accepted socket is moved to a socket
 * that does. `_handle` has no documentation; where it is missing, and on Windows, where a read holds its buffer while it
 * waits, `data` events serve.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import { platform } from 'node:process';
import { Inbox } from './inbox.js';
import { PIECE_BYTES, PIECES_A_TURN, SMALL_PIECE_BYTES } from './limits.js';

export interface SocketReader {
  /** The socket to write to and to close. It is not the accepted one. */
  readonly socket: Socket;
  pause(): void;
  resume(): void;
}

/** Takes the next piece; false: no more until `resume`. The piece is valid during the call. */
export type Receive = (piece: Uint8Array) => boolean;

/** Takes over `accepted`, which must not have begun to read (`pauseOnConnect`). */
export function readSocket(accepted: Socket, receive: Receive): SocketReader {
  const handle = platform === 'win32' ? undefined : takeHandle(accepted);
  return handle === undefined ? new DataReader(accepted, receive) : new SharedReader(handle, receive);
}

/** What a read fills is handled before control returns to the loop, so one buffer serves all. */
const SHARED = Buffer.allocUnsafeSlow(PIECE_BYTES);
/** The first so many bytes of it: views that are made once. */
const BEGINNINGS: Uint8Array[] = Array.from({ length: SMALL_PIECE_BYTES }, (_, bytes) => SHARED.subarray(0, bytes));

function beginning(bytes: number): Uint8Array {
  return BEGINNINGS[bytes] ?? SHARED.subarray(0, bytes);
}

class SharedReader implements SocketReader {
  readonly socket: Socket;
  readonly #receive: Receive;
  #fullPieces = 0;
  #paused = false;
  #awaitsTurn = false;

  constructor(handle: object, receive: Receive) {
    this.#receive = receive;
    const onread = { buffer: SHARED, callback: this.#read };
    // What `net.Server` passes to its own sockets, and `onread`, which is documented for `connect` and works here too.
    const options: SocketConstructorOpts & { readonly handle: object; readonly onread: typeof onread } = {
      handle,
      onread,
    };
    this.socket = new Socket(options);
  }

  pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#awaitsTurn) this.socket.resume();
  }

  readonly #read = (bytes: number, buffer: Uint8Array): boolean => {
    if (bytes < PIECE_BYTES) {
      this.#fullPieces = 0;
      return this.#receive(beginning(bytes));
    }
    if (!this.#receive(buffer)) return false;
    this.#fullPieces++;
    if (this.#fullPieces < PIECES_A_TURN) return true;
    this.#yieldTurn();
    return false;
  };

  #yieldTurn(): void {
    this.#fullPieces = 0;
    this.#awaitsTurn = true;
    setImmediate(() => {
      this.#awaitsTurn = false;
      if (!this.#paused && !this.socket.destroyed) this.socket.resume();
    });
  }
}

/** Reads with `data` events. */
export class DataReader implements SocketReader {
  readonly socket: Socket;
  readonly #inbox: Inbox;

  constructor(socket: Socket, receive: Receive) {
    this.socket = socket;
    this.#inbox = new Inbox(receive, () => socket.resume());
    socket.on('data', (chunk) => {
      this.#inbox.push(chunk);
      if (this.#inbox.waiting) socket.pause();
    });
    socket.once('close', () => this.#inbox.clear());
    socket.resume();
  }

  pause(): void {
    this.#inbox.stop();
    this.socket.pause();
  }

  resume(): void {
    this.#inbox.resume();
  }
}

/** Takes the handle out of a socket, and ends the socket. Undefined: there is none to take. */
function takeHandle(socket: Socket & { _handle?: object | null }): object | undefined {
  const handle = socket._handle;
  if (handle === undefined || handle === null) return undefined;
  socket._handle = null;
  // Its server counts it until then.
  socket.destroy();
  return handle;
}
