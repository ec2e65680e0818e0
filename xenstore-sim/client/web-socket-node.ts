/** The WebSocket transport with the package `ws`, which can send a token with the first request. */
import { WebSocket } from 'ws';
import type { Transport } from './transport.js';
import { WEB_SOCKET_PROTOCOL, webSocketTransport } from './web-socket.js';

export interface WebSocketOptions {
  /** Sent as `authorization: Bearer <token>`. */
  readonly token?: string | undefined;
}

/** Above the longest message a server has reason to send. */
const MESSAGE_BYTES_MAX = 1 << 24;

/** @param url `ws://host/` for a privileged connection, `ws://host/domain/<domid>` for one as a guest, if the server allows it. */
export function webSocket(url: string, { token }: WebSocketOptions = {}): Transport {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const options = { headers, perMessageDeflate: false, maxPayload: MESSAGE_BYTES_MAX };
  return webSocketTransport(() => new WebSocket(url, WEB_SOCKET_PROTOCOL, options), url);
}
