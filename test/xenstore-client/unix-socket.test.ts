import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { defaultSocketPath, unixSocket } from '../../xenstore-sim/client/unix-socket.js';
import { codeOf, EventLog } from '../support/xenstore-client-story.js';

/** A server that calls `onRequest` for each request. */
async function serve(
  t: Test,
  onRequest: (frame: XsFrame, socket: Socket) => void,
): Promise<{ path: string; server: Server; sockets: Socket[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-'));
  const path = join(folder, 'socket');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const decoder = new FrameDecoder();
    socket.on('data', (bytes) => decoder.push(bytes, (frame) => onRequest(frame, socket)));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
    rmSync(folder, { recursive: true, force: true });
  });
  return { path, server, sockets };
}

const reply = (frame: XsFrame, payload: string): Uint8Array => encodeFrame({ ...frame, payload });

t.test('the socket is where libxenstore looks for it', async (t) => {
  t.equal(defaultSocketPath({ XENSTORED_PATH: '/x/y', XENSTORED_RUNDIR: '/z' }), '/x/y');
  t.equal(defaultSocketPath({ XENSTORED_RUNDIR: '/z' }), '/z/socket');
  t.equal(defaultSocketPath({}), '/var/run/xenstored/socket');
});

t.test('requests and replies go through the socket', async (t) => {
  const { path, sockets } = await serve(t, (frame, socket) => {
    socket.write(reply(frame, frame.type === XsType.READ ? 'value' : 'OK\0'));
    if (frame.type !== XsType.WATCH) return;
    socket.write(encodeFrame({ type: XsType.WATCH_EVENT, requestId: 0, transactionId: 0, payload: frame.payload }));
  });
  const client = await XenstoreClient.connect(unixSocket(path));
  const log = new EventLog();
  await client.watch('/a', log.note);
  t.strictSame(await log.take(1), ['/a']);
  const values = await Promise.all(Array.from({ length: 300 }, (_, i) => client.readText(`/${i}`)));
  t.ok(values.every((value) => value === 'value'));
  const [socket] = sockets;
  const closed = new Promise((resolve) => socket?.on('close', resolve));
  client.close();
  await closed;
});

t.test('what was asked right before close still leaves', async (t) => {
  const arrived = new EventLog();
  const { path } = await serve(t, (frame) => arrived.note(frame.payload));
  const client = await XenstoreClient.connect(unixSocket(path));
  // More than the buffers of the socket hold.
  const writes = Array.from({ length: 2000 }, () => codeOf(client.write('/a', 'x'.repeat(4000))));
  client.close();
  t.ok((await Promise.all(writes)).every((code) => code === 'DISCONNECTED'));
  t.strictSame(new Set(await arrived.take(2000)), new Set([`/a\0${'x'.repeat(4000)}`]));
});

t.test('a daemon that goes away and comes back', async (t) => {
  const { path, sockets } = await serve(t, (frame, socket) => {
    if (frame.payload === '/end\0') socket.end();
    else socket.write(reply(frame, 'value'));
  });
  const client = await XenstoreClient.connect(unixSocket(path), { reconnect: { firstDelayMilliseconds: 1 } });
  const back = new Promise<void>((resolve) => client.events.once('reconnected', resolve));
  await t.rejects(client.read('/end'), { code: 'DISCONNECTED', outcomeUnknown: true });
  await back;
  t.equal(await client.readText('/a'), 'value');
  t.equal(sockets.length, 2);
  client.close();
});

t.test('no daemon, or no time for one', async (t) => {
  await t.rejects(XenstoreClient.connect(unixSocket('/nowhere/socket')), {
    code: 'UNREACHABLE',
    message: /ENOENT.*is it running/,
  });
  const { path } = await serve(t, () => undefined);
  t.equal(await codeOf(XenstoreClient.connect(unixSocket(path), { signal: AbortSignal.abort() })), 'ABORTED');
});
