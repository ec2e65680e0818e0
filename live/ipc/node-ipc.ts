/**
 * Messages between processes of one host, over node-ipc in its raw mode: the only module that imports the package.
 *
 * In its own JSON mode node-ipc 9.2.1 holds messages back until a piece ends at one, has no limit of size, and lets any
 * peer send the events of its own life. Here a message is a length of 4 bytes, little-endian, and JSON in UTF-8; a peer
 * that does not keep to that is cut off.
 */
import { chmodSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import nodeIpc from 'node-ipc';
import { QuiesceError } from '../../protocol/errors.js';

export interface Peer {
  send(message: unknown): void;
  close(): void;
  /** For looking at who it is. */
  readonly socket: Socket;
}

export interface PeerEvents {
  onMessage(message: unknown): void;
  onClose(): void;
}

export const MESSAGE_BYTES_MAX = 64 * 1024;
const HEADER_BYTES = 4;

interface Ipc {
  readonly config: object;
  readonly of: { readonly peer?: Emitter & { readonly socket: Socket } };
  readonly server: Emitter & { readonly server: Server; start(): void; stop(): void };
  serve(path: string, started: () => void): void;
  connectTo(id: string, path: string, connected: () => void): void;
  disconnect(id: string): void;
}

interface Emitter {
  on(event: string, listener: (...values: never[]) => void): unknown;
}

/** One instance for each end, never the default one of the package. */
function instance(): Ipc {
  const ipc = new nodeIpc.IPC() as unknown as Ipc;
  Object.assign(ipc.config, { silent: true, rawBuffer: true, encoding: 'latin1', unlink: false, maxRetries: 0 });
  return ipc;
}

/** Listens at `path`, which must not exist, with mode 0600. `accept` gives what a new peer's messages go to. */
export function listen(path: string, accept: (peer: Peer) => PeerEvents): Promise<{ close(): void }> {
  const ipc = instance();
  const peers = new Map<Socket, { readonly peer: Peer; readonly reader: Reader; readonly events: PeerEvents }>();
  return new Promise((resolve, reject) => {
    ipc.serve(path, () => {
      chmodSync(path, 0o600);
      resolve({
        close() {
          for (const socket of peers.keys()) socket.destroy();
          ipc.server.stop();
        },
      });
    });
    ipc.server.on('connect', (socket: Socket) => {
      const peer = peerOn(socket);
      const events = accept(peer);
      peers.set(socket, { peer, reader: new Reader(), events });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (peers.delete(socket)) events.onClose();
      });
    });
    ipc.server.on('data', (piece: string | Buffer, socket: Socket) => {
      const entry = peers.get(socket);
      if (entry !== undefined) receive(entry.reader, piece, entry.peer, entry.events);
    });
    ipc.server.on('error', (error: Error) => reject(error));
    ipc.server.start();
  });
}

/** Connects to whoever listens at `path`. Throws `PART_UNREACHABLE`. */
export function connect(path: string, events: PeerEvents): Promise<Peer> {
  const ipc = instance();
  const reader = new Reader();
  return new Promise((resolve, reject) => {
    let peer: Peer | null = null;
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      if (peer === null) {
        reject(new QuiesceError('PART_UNREACHABLE', `expected somebody to listen at ${path}, found nobody`));
      } else {
        events.onClose();
      }
    };
    ipc.connectTo('peer', path, () => {
      const socketEnd = ipc.of.peer;
      if (socketEnd === undefined) return;
      socketEnd.on('connect', () => {
        if (ended) return;
        peer = peerOn(socketEnd.socket);
        resolve(peer);
      });
      socketEnd.on('data', (piece: string | Buffer) => {
        if (peer !== null && !ended) receive(reader, piece, peer, events);
      });
      socketEnd.on('disconnect', end);
      socketEnd.on('error', end);
      socketEnd.on('destroy', end);
    });
  });
}

function peerOn(socket: Socket): Peer {
  return {
    socket,
    send(message) {
      if (!socket.destroyed) socket.write(encode(message));
    },
    close: () => void socket.destroy(),
  };
}

function encode(message: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(message), 'utf8');
  const frame = Buffer.allocUnsafe(HEADER_BYTES + text.length);
  frame.writeUInt32LE(text.length);
  text.copy(frame, HEADER_BYTES);
  return frame;
}

function receive(reader: Reader, piece: string | Buffer, peer: Peer, events: PeerEvents): void {
  const bytes = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
  if (!reader.push(bytes, (message) => events.onMessage(message))) peer.close();
}

/** Makes messages of pieces. */
class Reader {
  #rest: Buffer = Buffer.alloc(0);

  /** False when what has come is no message. */
  push(piece: Buffer, onMessage: (message: unknown) => void): boolean {
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUInt32LE();
      if (length > MESSAGE_BYTES_MAX) return false;
      if (bytes.length < HEADER_BYTES + length) break;
      let message: unknown;
      try {
        message = JSON.parse(bytes.toString('utf8', HEADER_BYTES, HEADER_BYTES + length));
      } catch {
        return false;
      }
      bytes = bytes.subarray(HEADER_BYTES + length);
      onMessage(message);
    }
    this.#rest = bytes;
    return true;
  }
}
