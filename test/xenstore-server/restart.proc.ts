/** `quiesce xenstored` is ended by SIGTERM and started again from its dump: what is in the dump, and what goes on. */
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { WebSocket } from 'ws';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { readStateStream } from '../../xenstore-sim/state/read-stream.js';
import type { StateRecord } from '../../xenstore-sim/state/records.js';
import { folderFor, RawClient } from '../support/raw-xenstore-client.js';
import { startXenstored } from '../support/xenstored-process.js';

/** A guest of domain 7 on a WebSocket. */
class Guest {
  readonly socket: WebSocket;
  readonly #decoder = new FrameDecoder();
  readonly #frames: XsFrame[] = [];
  #wake: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.#decoder.push(data, (frame) => this.#frames.push(frame));
      this.#wake();
    });
  }

  static async connect(url: string, token: string): Promise<Guest> {
    const guest = new Guest(new WebSocket(url, ['xenstore'], { headers: { authorization: `Bearer ${token}` } }));
    await once(guest.socket, 'open');
    return guest;
  }

  send(type: number, payload: string, transactionId = 0, requestId = 0): void {
    this.socket.send(encodeFrame({ type, requestId, transactionId, payload }));
  }

  async next(): Promise<XsFrame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async ask(type: number, payload: string, transactionId = 0): Promise<string> {
    this.send(type, payload, transactionId);
    return (await this.next()).payload;
  }
}

/** The status of the answer to a request for a WebSocket that is not opened. */
async function refusal(url: string, token: string): Promise<number> {
  const socket = new WebSocket(url, ['xenstore'], { headers: { authorization: `Bearer ${token}` } });
  socket.on('error', () => undefined);
  const [, response] = await once(socket, 'unexpected-response');
  return response.statusCode;
}

const records = (file: string): readonly StateRecord[] => readStateStream(readFileSync(file)).records;

for (const daemon of ['c', 'c-4.22', 'ocaml']) {
  t.test(`${daemon}: the dump has what clients have, and they are told at the start what is left`, async (t) => {
    const folder = folderFor(t);
    const [socket, state] = [join(folder, 'socket'), join(folder, 'state')];
    const first = await startXenstored(t, ['--socket', socket, '--daemon', daemon, '--dump', state]);
    const client = await RawClient.connect(socket);
    const other = await RawClient.connect(socket);
    await client.write('/a/b', 'value\0\u00ff');
    await client.ask(XsType.SET_PERMS, '/a/b\0r0\0b0\0');
    await client.ask(XsType.WATCH, '/a\0token\0');
    const id = Number.parseInt(await client.ask(XsType.TRANSACTION_START, '\0'), 10);
    await client.ask(XsType.WRITE, '/a/b\0unfinished', id);
    // The beginning of a request, which the server has by the time it answers the others.
    const half = encodeFrame({ type: XsType.READ, requestId: 5, transactionId: 0, payload: '/a/b\0' }).subarray(0, 18);
    other.socket.write(half);
    await client.read('/a/b');
    await client.read('/a/b');
    const { status, err } = await first.end();
    t.equal(status, 0);
    // / /tool /tool/xenstored /a /a/b; for oxenstored /local and the two special names too.
    const nodes = daemon === 'ocaml' ? 8 : 5;
    t.equal(err, `dumped ${state}: ${nodes} nodes, 2 connections, 1 watch, 1 open transaction\n`);
    t.equal(String(readFileSync(state).subarray(0, 8)), 'xenstore');
    t.equal(statSync(state).mode & 0o777, 0o600, 'it holds what not everybody may read');
    const found = records(state);
    t.match(
      found.filter(({ type }) => type === 'CONNECTION_DATA'),
      [
        { connection: 1, transport: { kind: 'socket' }, input: '', output: '' },
        { connection: 2, transport: { kind: 'socket' }, input: Buffer.from(half).toString('latin1'), output: '' },
      ],
    );
    t.match(
      found.filter(({ type }) => type === 'WATCH_DATA'),
      [{ connection: 1, path: '/a', token: 'token' }],
    );
    t.match(
      found.filter(({ type }) => type === 'TRANSACTION_DATA'),
      [{ connection: 1, transaction: id }],
    );
    const inside = found.filter((record) => record.type === 'NODE_DATA' && record.connection === 1);
    t.ok(inside.length > 0, 'with what it has done, or for oxenstored that it will have to be tried again');

    const second = await startXenstored(t, ['--socket', socket, '--daemon', daemon, '--load', state]);
    const again = await RawClient.connect(socket);
    t.equal(await again.read('/a/b'), 'value\0\u00ff');
    t.equal(await again.ask(XsType.GET_PERMS, '/a/b\0'), 'r0\0b0\0');
    await again.write('/a', 'no event of the former watch');
    again.close();
    t.strictSame(await second.end().then(({ status, err }) => [status, err]), [
      0,
      `loaded ${state}: ${nodes} nodes\n  ended with the old process: 2 connections, 1 watch, 1 open transaction\n`,
    ]);
  });
}

t.test('a guest goes on with its watches, its transaction and what it had not read', async (t) => {
  const folder = folderFor(t);
  const [socket, state, tokenFile] = [join(folder, 'socket'), join(folder, 'state'), join(folder, 'token')];
  const argv = ['--socket', socket, '--ws', '0', '--token-file', tokenFile, '--json'];
  const first = await startXenstored(t, [...argv, '--dump', state]);
  const token = readFileSync(tokenFile, 'utf8').trim();
  const { listening } = JSON.parse(first.line);
  const control = await RawClient.connect(socket);
  await control.ask(XsType.INTRODUCE, '7\x00100\x003\0');
  await control.write('/local/domain/7', '');
  await control.ask(XsType.SET_PERMS, '/local/domain/7\0n7\0');
  const url = `${listening[1].url}domain/7`;
  t.equal(await refusal(`${url}?resume`, token), 404, 'nobody is resumed who has not gone');
  const guest = await Guest.connect(url, token);
  t.equal(await guest.ask(XsType.WATCH, 'node\0token\0'), 'OK\0');
  t.match(await guest.next(), { type: XsType.WATCH_EVENT, payload: 'node\0token\0' });
  const id = Number.parseInt(await guest.ask(XsType.TRANSACTION_START, '\0'), 10);
  t.equal(await guest.ask(XsType.WRITE, 'inside\x001', id), 'OK\0');
  // Half a request is lost with the WebSocket.
  guest.socket.send(encodeFrame({ type: XsType.READ, requestId: 9, transactionId: 0, payload: 'x\0' }).subarray(0, 17));
  await control.read('/local');
  t.match(await first.end(), { status: 0, err: /6 nodes, 2 connections, 1 watch, 1 open transaction/ });

  const second = await startXenstored(t, [...argv, '--load', state]);
  const { listening: anew, loaded } = JSON.parse(second.line);
  t.strictSame(loaded, {
    file: state,
    nodes: 6,
    ended: { connections: 1, watches: 0, transactions: 0 },
    waiting: [{ domid: 7, connections: 1, watches: 1, transactions: 1 }],
  });
  const administrator = await RawClient.connect(socket);
  await administrator.write('/local/domain/7/node', 'while the guest is away');
  const place = `${anew[1].url}domain/7`;
  const back = await Guest.connect(`${place}?resume`, token);
  t.match(await back.next(), { type: XsType.WATCH_EVENT, payload: 'node\0token\0' }, 'the event has waited');
  t.equal(await back.ask(XsType.READ, 'inside\0', id), '1');
  t.equal(await back.ask(XsType.WRITE, 'more\x002', id), 'OK\0');
  t.equal(await back.ask(XsType.TRANSACTION_END, 'T\0', id), 'EAGAIN\0', 'its parent has got a child');
  t.equal(await back.ask(XsType.READ, 'node\0'), 'while the guest is away');
  t.equal(await refusal(`${place}?resume`, token), 404, 'once only');
  t.equal(await refusal(`${anew[1].url}?resume`, token), 404, 'the control domain has sockets');
  back.socket.terminate();
  administrator.close();
  t.match(await second.end(), { status: 0, err: '' });
});

t.test('a guest that connects anew has lost what it had', async (t) => {
  const folder = folderFor(t);
  const [socket, state, tokenFile] = [join(folder, 'socket'), join(folder, 'state'), join(folder, 'token')];
  const argv = ['--socket', socket, '--ws', '0', '--token-file', tokenFile];
  const urlOf = (line: string): string => `${/ws:\S+/.exec(line)?.[0]}domain/7`;
  const first = await startXenstored(t, [...argv.slice(2), '--dump', state]);
  const token = readFileSync(tokenFile, 'utf8').trim();
  const guest = await Guest.connect(urlOf(first.line), token);
  await guest.ask(XsType.WATCH, '@introduceDomain\0token\0');
  t.match(await first.end(), { status: 0 });
  const second = await startXenstored(t, [...argv.slice(2), '--load', state, '--dump', state]);
  const anew = await Guest.connect(urlOf(second.line), token);
  t.equal(await anew.ask(XsType.GET_DOMAIN_PATH, '7\0'), '/local/domain/7\0');
  t.equal(await refusal(`${urlOf(second.line)}?resume`, token), 404);
  const { err } = await second.end();
  t.match(err, /waits for \/domain\/7\?resume: 1 connection, 1 watch\n/);
  t.match(err, /dumped .*nodes, 1 connection\n/, 'the watch is not there any more');
});
