/**
 * What a Node process between a tool and its swtpm costs, as a process: `node live-peer.js proxy|least PORT TARGET`. It
 * listens on PORT and the next one for what swtpm has on TARGET and the next one, says so to its parent, and ends with it.
 *
 *     proxy   copies by streams of node:net, with a connection to swtpm for each that comes
 *     least   the least that can be done: system calls that block, no event loop, one connection to swtpm for all
 */
import { closeSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { native } from '../live/memory/native.js';
import { descriptorOf } from '../live/tcti/endpoint.js';

const CHANNELS = [0, 1];
const BYTES = 8192;
const CLIENTS_MAX = 100;
/** How often it is looked whether the parent lives. */
const LOOK_MILLISECONDS = 1000;
const ANSWER_MILLISECONDS = 60_000;

function copy(client: Socket, target: number): void {
  const swtpm = connect(target, '127.0.0.1');
  for (const [from, to] of [
    [client, swtpm],
    [swtpm, client],
  ] as const) {
    from.setNoDelay();
    from.on('data', (piece) => to.write(piece));
    from.on('error', () => undefined);
    from.on('close', () => to.destroy());
  }
}

function listen(port: number, onClient: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve) => {
    const server: Server = createServer(onClient).listen(port, '127.0.0.1', () => resolve(server));
  });
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.setNoDelay();
  });
}

/** Never returns: from here on there is no event loop. */
function serve(listening: readonly number[], swtpm: readonly number[]): never {
  const calls = native();
  if (calls === null) process.exit(1);
  const parent = process.ppid;
  const clients: { readonly descriptor: number; readonly channel: number }[] = [];
  const ready = new Uint8Array(CLIENTS_MAX + CHANNELS.length);
  const bytes = new Uint8Array(BYTES);
  for (const descriptor of listening) calls.sendAtOnce(descriptor);
  for (;;) {
    const all = [...listening, ...clients.map(({ descriptor }) => descriptor)];
    if (calls.awaitAny(all, ready, LOOK_MILLISECONDS) === 0 && process.ppid !== parent) process.exit();
    for (let i = clients.length - 1; i >= 0; i--) {
      const { descriptor = -1, channel = 0 } = clients[i] ?? {};
      if (ready[listening.length + i] !== 1) continue;
      const length = calls.read(descriptor, bytes);
      if (length <= 0) {
        clients.splice(i, 1);
        closeSync(descriptor);
        continue;
      }
      const to = swtpm[channel] ?? -1;
      calls.write(to, bytes.subarray(0, length));
      calls.awaitReadable(to, ANSWER_MILLISECONDS);
      calls.write(descriptor, bytes.subarray(0, Math.max(0, calls.read(to, bytes))));
    }
    for (const channel of CHANNELS) {
      const descriptor = ready[channel] === 1 ? calls.accept(listening[channel] ?? -1) : -1;
      if (descriptor >= 0) clients.push({ descriptor, channel });
    }
  }
}

const [kind = '', port = '', target = ''] = process.argv.slice(2);
process.on('disconnect', () => process.exit());
const servers = await Promise.all(
  CHANNELS.map((channel) => listen(Number(port) + channel, (client) => copy(client, Number(target) + channel))),
);
if (kind === 'proxy') process.send?.('ready');
else {
  const swtpm = await Promise.all(CHANNELS.map((channel) => connected(Number(target) + channel)));
  const [listening, connections] = [servers, swtpm].map((ends) => ends.map(descriptorOf));
  process.send?.('ready', () => setImmediate(() => serve(listening ?? [], connections ?? [])));
}
