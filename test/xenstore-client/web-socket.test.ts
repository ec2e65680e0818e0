import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { encodeFrame, FrameDecoder, type XsFrame } from '../../protocol/xs-wire.js';
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { webSocketProtocols, webSocketTransport } from '../../xenstore-sim/client/web-socket.js';
import { webSocket } from '../../xenstore-sim/client/web-socket-node.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { C_4_17, Store } from '../../xenstore-sim/index.js';
import { serve as serveDaemon } from '../../xenstore-sim/server/index.js';
import { clientStory, codeOf } from '../support/xenstore-client-story.js';

interface Seen {
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly protocols: string | undefined;
}

/** A server that answers each request by `answer`, and what it has seen of each connection. */
async function serve(
  t: Test,
  answer: (frame: XsFrame, socket: WebSocket) => void,
  sizes: number[] = [],
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'xenstore' });
  server.on('connection', (socket, { url, headers }) => {
    seen.push({ url, authorization: headers.authorization, protocols: headers['sec-websocket-protocol'] });
    const decoder = new FrameDecoder();
    socket.on('message', (bytes: Buffer) => {
      sizes.push(bytes.length);
      decoder.push(bytes, (frame) => answer(frame, socket));
    });
  });
  await new Promise((resolve) => server.on('listening', resolve));
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen };
}

const echo = (frame: XsFrame, socket: WebSocket): void => {
  const bytes = encodeFrame({ ...frame, payload: `value of ${frame.payload.slice(0, -1)}` });
  // Messages are cut anywhere.
  socket.send(bytes.subarray(0, 7));
  socket.send(bytes.subarray(7));
};

/** A port with a name and no service (RFC 1078), below those that programs without rights may listen on. */
const TCPMUX = 1;

t.test('requests and replies go through binary messages', async (t) => {
  const { url, seen } = await serve(t, echo);
  const client = await XenstoreClient.connect(webSocket(url, { token: 'secret' }));
  const values = await Promise.all([client.readText('/a'), client.readText('/b')]);
  t.strictSame(values, ['value of /a', 'value of /b']);
  t.strictSame(seen, [{ url: '/', authorization: 'Bearer secret', protocols: 'xenstore' }]);
  client.close();
});

t.test('a token can go as a subprotocol, as from a browser', async (t) => {
  const { url, seen } = await serve(t, echo);
  const address = `${url}domain/5`;
  const transport = webSocketTransport(() => new WebSocket(address, webSocketProtocols('secret')), address);
  const client = await XenstoreClient.connect(transport);
  t.equal(await client.readText('a'), 'value of a');
  t.strictSame(seen, [{ url: '/domain/5', authorization: undefined, protocols: 'xenstore,xenstore.bearer.secret' }]);
  client.close();
});

t.test('the server closes the connection, or sends text', async (t) => {
  for (const answer of [(socket: WebSocket) => socket.close(), (socket: WebSocket) => socket.send('text')]) {
    const { url } = await serve(t, (_, socket) => answer(socket));
    const client = await XenstoreClient.connect(webSocket(url));
    const lost = new Promise((resolve) => client.events.once('disconnected', resolve));
    await t.rejects(client.read('/a'), { code: 'DISCONNECTED', outcomeUnknown: true });
    await lost;
  }
});

t.test('no server, and an attempt that is given up', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.on('listening', resolve));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const stop = new AbortController();
  const pending = XenstoreClient.connect(webSocket(url), { signal: stop.signal });
  stop.abort();
  t.equal(await codeOf(pending), 'ABORTED');
  await new Promise((resolve) => server.close(resolve));
  // Not the port of the server that is gone: anybody may have that by now.
  const nobody = `ws://127.0.0.1:${TCPMUX}/`;
  await t.rejects(XenstoreClient.connect(webSocket(nobody)), { code: 'UNREACHABLE', message: /ECONNREFUSED/ });
});

t.test('every operation, over a WebSocket to the server of this project', async (t) => {
  const daemon = new Daemon(Store.empty(C_4_17));
  const server = await serveDaemon(daemon, { webSocket: { port: 0, token: 'secret', origins: [] } });
  t.teardown(() => server.close());
  const [listener] = server.listeners;
  const url = listener?.kind === 'websocket' ? listener.url : '';
  const connect = (token: string): Promise<XenstoreClient> => XenstoreClient.connect(webSocket(url, { token }));
  await t.rejects(connect('guessed'), { code: 'UNREACHABLE', message: /401/ });
  await clientStory(t, () => connect('secret'), 'c', { createDomain: (domid) => daemon.domainCreated(domid) });
});

t.test('many large requests at once are cut into messages a server takes', async (t) => {
  const longest: number[] = [];
  const { url } = await serve(t, (frame, socket) => socket.send(encodeFrame({ ...frame, payload: 'OK\0' })), longest);
  const client = await XenstoreClient.connect(webSocket(url));
  await Promise.all(Array.from({ length: 100 }, () => client.write('/a', new Uint8Array(4000))));
  t.ok(Math.max(...longest) <= 65536 && longest.length >= (100 * 4000) / 65536);
  client.close();
});
