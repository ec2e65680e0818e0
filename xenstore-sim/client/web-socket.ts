/**
 * Carries the client's bytes over a WebSocket: binary messages, cut anywhere, with the subprotocol `xenstore`.
 *
 * In a browser: `webSocketTransport(() => new WebSocket(url, webSocketProtocols(token)), url)`, since a browser cannot
 * set the header a token belongs in. With the package `ws`: `webSocket` of web-socket-node.ts.
 */
import { XenstoreError } from './errors.js';
import type { Link, Receiver, Transport } from './transport.js';

/** The subprotocol client and server agree on. */
export const WEB_SOCKET_PROTOCOL = 'xenstore';

/** The subprotocols a browser offers; the server answers with the first, the token goes along as the name of another. */
export function webSocketProtocols(token: string): string[] {
  return [WEB_SOCKET_PROTOCOL, `${WEB_SOCKET_PROTOCOL}.bearer.${token}`];
}

/** Servers refuse long messages; the one of this project takes 64 KiB. */
const MESSAGE_BYTES_MAX = 1 << 15;

/** What is used of a WebSocket, a browser's or one of `ws`. */
export interface WebSocketLike {
  binaryType: string;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
  addEventListener(type: 'open' | 'close', listener: () => void): void;
  addEventListener(type: 'error', listener: (event: { readonly message?: string }) => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
}

/** @param create Begins a connection; called for each one. */
export function webSocketTransport(create: () => WebSocketLike, name: string): Transport {
  return { name, open: (receiver, signal) => open(create, name, receiver, signal) };
}

function open(create: () => WebSocketLike, name: string, receiver: Receiver, signal: AbortSignal): Promise<Link> {
  return new Promise((resolve, reject) => {
    const socket = create();
    let isOpen = false;
    let isOver = false;
    let problem = 'closed';
    const end = (): void => {
      isOver = true;
      signal.removeEventListener('abort', giveUp);
    };
    const refuse = (): void => {
      reject(new XenstoreError('UNREACHABLE', `expected a WebSocket server at ${name}, found none (${problem})`));
    };
    const giveUp = (): void => {
      problem = 'given up';
      end();
      socket.close();
      refuse();
    };
    const lose = (reason: string): void => {
      end();
      receiver.onClose(new Error(reason));
    };
    const link: Link = {
      send: (bytes) => {
        for (let at = 0; at < bytes.length && !isOver; at += MESSAGE_BYTES_MAX) {
          socket.send(bytes.subarray(at, at + MESSAGE_BYTES_MAX) as Uint8Array<ArrayBuffer>);
        }
      },
      close: () => {
        if (isOver) return;
        end();
        socket.close();
      },
    };
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => {
      if (isOver) return;
      isOpen = true;
      signal.removeEventListener('abort', giveUp);
      resolve(link);
    });
    socket.addEventListener('message', ({ data }) => {
      if (isOver) return;
      if (data instanceof ArrayBuffer) {
        receiver.onData(new Uint8Array(data));
        return;
      }
      lose(`expected binary messages from ${name}, found text`);
      socket.close();
    });
    socket.addEventListener('error', ({ message }) => {
      problem = message ?? 'error';
    });
    socket.addEventListener('close', () => {
      if (isOver) return;
      if (isOpen) {
        lose(`${name}: ${problem}`);
        return;
      }
      end();
      refuse();
    });
    // Listeners are in place by now: giving up while connecting is reported as an error of the socket.
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp);
  });
}
