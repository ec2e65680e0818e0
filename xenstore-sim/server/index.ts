/**
 * xenstored as a server: a daemon, and the places where its clients connect.
 */
import type { Engine } from './engine.js';
import { Hub } from './hub.js';
import { LIMITS, type Limits } from './limits.js';
import type { Listener, ListenerDescription } from './listener.js';
import { listenUnix, type UnixOptions } from './unix-listener.js';
import { listenWebSocket, type WebSocketOptions } from './websocket-listener.js';

export type { Engine } from './engine.js';
export { LIMITS, type Limits } from './limits.js';
export type { ListenerDescription } from './listener.js';
export { liveUpdateHost } from './live-update-host.js';
export { domainToken, randomToken, tokenFromFile } from './tokens.js';
export { traced } from './trace.js';
export type { UnixOptions } from './unix-listener.js';
export type { WebSocketOptions } from './websocket-listener.js';

export interface ServerOptions {
  readonly unix?: UnixOptions;
  readonly webSocket?: WebSocketOptions;
  readonly limits?: Partial<Limits>;
}

export interface XenstoreServer {
  readonly listeners: readonly ListenerDescription[];
  /** Clients at this moment. */
  readonly clients: number;
  /** Closes the listeners and every client. The daemon stays, without connections of this server. */
  close(): Promise<void>;
}

/** Serves `engine` until `close`. Throws `CANNOT_LISTEN`; nothing is left open then. */
export async function serve(engine: Engine, { unix, webSocket, limits }: ServerOptions): Promise<XenstoreServer> {
  const hub = new Hub(engine, { ...LIMITS, ...limits });
  const listeners: Listener[] = [];
  const close = async (): Promise<void> => {
    const closed = listeners.map((listener) => listener.close());
    hub.closeAll();
    await Promise.all(closed);
  };
  try {
    if (unix !== undefined) listeners.push(await listenUnix(hub, unix));
    if (webSocket !== undefined) listeners.push(await listenWebSocket(hub, webSocket));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    listeners: listeners.map(({ description }) => description),
    get clients() {
      return hub.size;
    },
    close,
  };
}
