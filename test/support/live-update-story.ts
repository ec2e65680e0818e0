/**
 * A story of live updates, told to any daemon behind a Unix socket: what its clients hear, line by line.
 *
 * `LIVE_UPDATE_LINES` were recorded from C xenstored 4.17; `npm run test:real` has it say them again.
 */
import { readFileSync } from 'node:fs';
import { encodeFrame, type XsFrame, XsType, xsTypeName } from '../../protocol/xs-wire.js';
import { RawClient } from './raw-xenstore-client.js';

export const LIVE_UPDATE_LINES: readonly string[] = readFileSync('test/recordings/xenstore-live-update-c.txt', 'latin1')
  .trimEnd()
  .split('\n');

const HALF_BYTES = 19;

class Teller {
  readonly lines: string[] = [];
  readonly #path: string;
  readonly #clients = new Map<string, RawClient>();

  constructor(path: string) {
    this.#path = path;
  }

  async client(name: string): Promise<RawClient> {
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const client = await RawClient.connect(this.#path);
    this.#clients.set(name, client);
    return client;
  }

  async close(name: string): Promise<void> {
    const client = await this.client(name);
    this.#clients.delete(name);
    client.close();
    await client.closed;
    // The daemon hears of it before it hears of the next connection's request.
    await this.ask('probe', XsType.GET_DOMAIN_PATH, '0\0', 0, false);
  }

  closeAll(): void {
    for (const client of this.#clients.values()) client.close();
  }

  async send(name: string, type: number, payload: string, transactionId = 0, requestId = 0): Promise<void> {
    (await this.client(name)).send(type, payload, { transactionId, requestId });
  }

  /** Notes the next `count` frames of a client. */
  async hear(name: string, count = 1, noted = true): Promise<string> {
    let payload = '';
    for (let i = 0; i < count; i++) {
      const frame = await (await this.client(name)).next();
      if (noted) this.lines.push(`${name}: ${textOf(frame)}`);
      payload = frame.payload;
    }
    return payload;
  }

  async ask(name: string, type: number, payload: string, transactionId = 0, noted = true): Promise<string> {
    await this.send(name, type, payload, transactionId);
    return this.hear(name, 1, noted);
  }

  /** Asks for a live update, with each of `words` terminated. */
  update(name: string, ...words: string[]): Promise<string> {
    return this.ask(name, XsType.CONTROL, ['live-update', ...words, ''].join('\0'));
  }
}

/** How long something took is not part of the story. */
function textOf({ type, requestId, transactionId, payload }: XsFrame): string {
  const numbers = `${requestId === 0 ? '' : ` req ${requestId}`}${transactionId === 0 ? '' : ` tx ${transactionId}`}`;
  return `${xsTypeName(type)}${numbers} ${payload.replace(/: \d+ s/g, ': N s').replace(/\0/g, '|')}`;
}

/** Tells it to the daemon at `path`, with `program` as the file of the next daemon. Returns what was heard. */
export async function liveUpdateStory(path: string, program: string): Promise<string[]> {
  const teller = new Teller(path);
  try {
    await refusals(teller, program);
    await waiting(teller, program);
    await survival(teller, program);
    return teller.lines.flatMap((line) => line.split('\n'));
  } finally {
    teller.closeAll();
  }
}

async function refusals(teller: Teller, program: string): Promise<void> {
  const wrong = [
    [],
    ['-a'],
    ['-s'],
    ['-x'],
    ['-f'],
    ['-f', '/nonexistent'],
    ['-f', '/etc/passwd'],
    ['-f', '/etc/passwd', 'x'],
  ];
  for (const words of [...wrong, ['-c', 'x'], ['-c'], ['-a', 'x'], ['-s', '-t']]) await teller.update('a', ...words);
  await teller.update('a', '-f', program);
  await teller.update('a', '-f', program);
  await teller.update('b', '-s');
  await teller.update('b', '-c', 'x');
  await teller.update('b', '-s', '-x');
  await teller.update('b', '-a');
  await teller.update('a', '-s', '-F', '-t', '10', 'beyond', 'the', 'limit');
  await teller.ask('a', XsType.CONTROL, 'live-update\0-a\0', 77);
}

async function waiting(teller: Teller, program: string): Promise<void> {
  // Transactions wait for the end of the session, other requests do not.
  await teller.update('a', '-f', program);
  await teller.send('b', XsType.TRANSACTION_START, '\0', 0, 1);
  await teller.send('b', XsType.TRANSACTION_START, '\0', 0, 2);
  await teller.ask('b', XsType.WRITE, '/b\0while it waits');
  await teller.update('a', '-a');
  await teller.hear('b', 2);
  await teller.ask('b', XsType.TRANSACTION_END, 'F\0', 1);
  // An open transaction.
  await teller.update('a', '-f', program);
  await teller.send('b', XsType.TRANSACTION_START, '\0', 0, 3);
  await teller.hear('b');
  await teller.ask('b', XsType.WRITE, '/b\0in a transaction', 2);
  await teller.update('a', '-s');
  await teller.update('a', '-s');
  await teller.update('a', '-f', program);
  await teller.update('a', '-s', '-t', '1');
  // A session ends with its connection, and a start with an abort.
  await teller.update('owner', '-f', program);
  await teller.close('owner');
  await teller.update('a', '-f', program);
  await teller.send('a', XsType.CONTROL, 'live-update\0-s\0-t\x0060\0', 0, 4);
  await teller.ask('a', XsType.READ, '/b\0');
  await teller.update('b', '-a');
  await teller.hear('a');
}

async function survival(teller: Teller, program: string): Promise<void> {
  const rest = encodeFrame({ type: XsType.READ, requestId: 9, transactionId: 0, payload: '/half/way\0' });
  const half = await teller.client('half');
  await teller.ask('watcher', XsType.WATCH, '/half\0token\0');
  await teller.hear('watcher');
  await teller.ask('a', XsType.WRITE, '/half/way\0before');
  await teller.hear('watcher');
  half.socket.write(rest.subarray(0, HALF_BYTES));
  // It begins when the last transaction ends.
  await teller.update('a', '-f', program);
  await teller.send('a', XsType.CONTROL, 'live-update\0-s\0-t\x0060\0', 0, 5);
  await teller.ask('a', XsType.READ, '/b\0');
  await teller.send('b', XsType.TRANSACTION_END, 'T\0', 2);
  await teller.send('b', XsType.TRANSACTION_END, 'F\0', 3);
  await teller.hear('b', 2);
  await teller.hear('a');
  half.socket.write(rest.subarray(HALF_BYTES));
  await teller.hear('half');
  await teller.ask('b', XsType.WRITE, '/half/way\0after');
  await teller.hear('watcher');
  await teller.ask('watcher', XsType.WATCH, '/half\0token\0');
  await teller.ask('watcher', XsType.UNWATCH, '/half\0token\0');
  // Ids of transactions begin anew. A transaction that waited is started by the next daemon.
  await teller.update('a', '-f', program);
  await teller.send('b', XsType.TRANSACTION_START, '\0', 0, 6);
  await teller.ask('watcher', XsType.READ, '/b\0');
  await teller.update('a', '-s');
  await teller.hear('b');
  // With force it begins although one is open, which ends.
  await teller.ask('b', XsType.WRITE, '/b\0lost', 1);
  await teller.update('a', '-f', program);
  await teller.update('a', '-s', '-F');
  await teller.ask('b', XsType.READ, '/b\0', 1);
  await teller.ask('b', XsType.READ, '/b\0');
  // Requests behind the start are answered behind it.
  await teller.update('a', '-f', program);
  const frames = [
    { type: XsType.CONTROL, payload: 'live-update\0-s\0' },
    { type: XsType.WRITE, payload: '/after\0it' },
    { type: XsType.READ, payload: '/after\0' },
  ].map(({ type, payload }) => encodeFrame({ type, requestId: 0, transactionId: 0, payload }));
  (await teller.client('a')).socket.write(Buffer.concat(frames));
  await teller.hear('a', 3);
  // Whoever connects now finds the next daemon.
  await teller.ask('late', XsType.DIRECTORY, '/\0');
}
