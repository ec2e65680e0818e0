/**
 * The WebSocket server: the same stream of frames as on the Unix socket, for programs on other machines and browsers.
 * Who may connect as which domain is in `websocket-access.ts`.
 */
import { createServer, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ServerOptions, WebSocketServer } from 'ws';
import type { Hub } from './hub.js';
import { cannotListen, failureOf, type Listener } from './listener.js';
import { type AccessRules, accessOf, SUBPROTOCOL } from './websocket-access.js';
import { WebSocketTransport } from './websocket-transport.js';

/** Longest message. A client may put as many requests as it likes into several. */
export const MESSAGE_BYTES_MAX = 64 * 1024;
const FRAGMENTS_MAX = 64;
const HEADER_BYTES_MAX = 8192;
/** For the client's answer when the server closes. */
const CLOSE_MILLISECONDS = 1000;

/** The types do not know the last two. */
const UPGRADES: ServerOptions & { readonly maxFragments: number; readonly closeTimeout: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MESSAGE_BYTES_MAX,
  handleProtocols: () => SUBPROTOCOL,
  maxFragments: FRAGMENTS_MAX,
  closeTimeout: CLOSE_MILLISECONDS,
};

export interface WebSocketOptions extends AccessRules {
  /** Address to listen at; the loopback interface unless told otherwise. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** Listens for WebSockets. Throws `CANNOT_LISTEN`. */
export async function listenWebSocket(hub: Hub, options: WebSocketOptions): Promise<Listener> {
  const { host = '127.0.0.1', port } = options;
  const { handshakeMilliseconds, pingMilliseconds, connections } = hub.limits;
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: handshakeMilliseconds,
    requestTimeout: handshakeMilliseconds,
    connectionsCheckingInterval: Math.ceil(handshakeMilliseconds / 4),
    keepAliveTimeout: 1,
  });
  server.maxConnections = connections;
  const sockets = new WebSocketServer(UPGRADES);
  const clients = new Set<WebSocketTransport>();

  server.on('request', (_request, response) => {
    response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end('expected a WebSocket\n');
  });
  server.on('upgrade', (request, stream, head) => {
    stream.on('error', () => undefined);
    const access = accessOf(request.url ?? '', request.headers, options);
    if ('status' in access) return refuse(stream, access.status, access.reason);
    if (hub.full) return refuse(stream, 503, 'too many connections');
    const { domid, resumed } = access;
    if (resumed && !hub.canResume(domid)) return refuse(stream, 404, 'there is nothing to resume: connect anew');
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const client = new WebSocketTransport(hub, socket, domid, resumed);
      clients.add(client);
      socket.once('close', () => clients.delete(client));
      if (resumed) hub.flush();
    });
  });
  await listening(server, host, port);
  // Too many open files and the like: that client is lost, the others stay.
  server.on('error', () => undefined);
  const pingAll = (): void => {
    for (const client of clients) client.ping();
  };
  // After what has come was read: where this process stood still for long, the answers to the last pings are among it.
  const pings = setInterval(() => setImmediate(pingAll), pingMilliseconds).unref();

  return {
    description: { kind: 'websocket', url: urlOf(server, host) },
    close: () =>
      new Promise((resolve) => {
        clearInterval(pings);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refuse(stream: Duplex, status: number, reason: string): void {
  const body = `${reason}\n`;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: text/plain',
    `Content-Length: ${body.length}`,
    ...(status === 401 ? ['WWW-Authenticate: Bearer'] : []),
  ];
  stream.once('finish', () => stream.destroy());
  stream.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      const code = failureOf(error);
      const where = `${host}:${port}`;
      if (code === 'EADDRINUSE') reject(cannotListen(where, 'the port is in use: choose another, or 0 for any'));
      else if (code === 'EACCES') reject(cannotListen(where, 'no permission for this port: choose one above 1023'));
      else if (code === 'EADDRNOTAVAIL') reject(cannotListen(where, 'this machine does not have that address'));
      else reject(cannotListen(where, code));
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `ws://${host.includes(':') ? `[${host}]` : host}:${port}/`;
}
