/**
 * The story of `live-update-story.ts` for oxenstored, whose live updates are asked for in another way.
 *
 * `OCAML_LIVE_UPDATE_LINES` were recorded from oxenstored 4.17; `npm run test:real` has it say them again.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeFrame, XsType } from '../../protocol/xs-wire.js';
import { RawClient } from './raw-xenstore-client.js';

export const OCAML_LIVE_UPDATE_LINES: readonly string[] = readFileSync(
  'test/recordings/xenstore-live-update-ocaml.txt',
  'latin1',
)
  .trimEnd()
  .split('\n');

const HALF_BYTES = 19;
const POLL_MILLISECONDS = 100;

class Teller {
  readonly lines: string[] = [];
  readonly #path: string;
  readonly #clients = new Map<string, RawClient>();

  constructor(path: string) {
    this.#path = path;
  }

  async client(name: string): Promise<RawClient> {
    const client = this.#clients.get(name) ?? (await RawClient.connect(this.#path));
    this.#clients.set(name, client);
    return client;
  }

  closeAll(): void {
    for (const client of this.#clients.values()) client.close();
  }

  note(name: string, payload: string): void {
    this.lines.push(`${name}: ${textOf(payload)}`);
  }

  async ask(name: string, type: number, payload: string, transactionId = 0): Promise<string> {
    const answer = await (await this.client(name)).ask(type, payload, transactionId);
    this.note(name, answer);
    return answer;
  }

  update(name: string, ...words: string[]): Promise<string> {
    return this.ask(name, XsType.CONTROL, ['live-update', ...words, ''].join('\0'));
  }

  /** Asks until the update is over, as xenstore-control does. */
  async outcome(name: string, ...words: string[]): Promise<void> {
    const client = await this.client(name);
    for (;;) {
      const answer = await client.ask(XsType.CONTROL, ['live-update', '-s', ...words, ''].join('\0'));
      if (answer !== 'BUSY') return this.note(name, answer);
      await delay(POLL_MILLISECONDS);
    }
  }
}

/**
 * How a program was called, with which status it ended, and which numbers connections have is another matter. So is
 * whether the question itself was read only in part when the time was up.
 */
function textOf(payload: string): string {
  return payload
    .replace(/^Command '[^']*' .*exited with code [12]$/, 'Command ... exited with code N')
    .replace(/^A\d+: 0 tx, out: false, perm: 0"rw"$\n?/gm, '')
    .replace(/^A\d+:/gm, 'A:')
    .replace(/\n$/, '')
    .replaceAll('\0', '|');
}

/** Tells it to the daemon at `path`, with `program` as the file of the next daemon. Returns what was heard. */
export async function ocamlLiveUpdateStory(path: string, program: string): Promise<string[]> {
  const teller = new Teller(path);
  try {
    await refusals(teller);
    await waiting(teller, program);
    await survival(teller, program);
    return teller.lines.flatMap((line) => line.split('\n'));
  } finally {
    teller.closeAll();
  }
}

async function refusals(teller: Teller): Promise<void> {
  const wrong = [[], ['-x', 'y'], ['-f'], ['-f', 'x', 'y'], ['-a', 'x'], ['-f', '/nonexistent'], ['-f', '/etc/passwd']];
  const starts = [['-t'], ['-q'], ['zzz'], ['-t', 'x'], ['-help'], ['--help'], ['-F', '-t', '1', '-x']];
  for (const words of [...wrong, ['-a'], ...starts.map((each) => ['-s', ...each])]) await teller.update('a', ...words);
  await teller.ask('a', XsType.CONTROL, 'live-update');
  await teller.ask('a', XsType.CONTROL, 'live-update\0-a');
  await teller.ask('a', XsType.CONTROL, 'live-update\0-a\0', 77);
}

async function waiting(teller: Teller, program: string): Promise<void> {
  await teller.update('a', '-f', program);
  await teller.ask('b', XsType.TRANSACTION_START, '\0');
  await teller.ask('b', XsType.WRITE, '/b\0in a transaction', 1);
  // Whoever asks meanwhile is told to wait, whatever is asked; another transaction may begin.
  await teller.update('a', '-s', '-t', '60');
  await teller.update('a', '-s', 'zzz');
  await teller.update('b', '-f', program);
  await teller.ask('c', XsType.TRANSACTION_START, '\0');
  await teller.update('b', '-a');
  await teller.update('b', '-a');
  await teller.ask('c', XsType.TRANSACTION_END, 'F\0', 1);
  // Time is up, which ends it; who asks next hears why, once.
  await teller.update('a', '-s', '-t', '1');
  await teller.outcome('a', '-t', '60');
  await teller.update('a', '-a');
}

async function survival(teller: Teller, program: string): Promise<void> {
  const watcher = await teller.client('watcher');
  await teller.ask('watcher', XsType.WATCH, '/half\0token\0');
  await watcher.next();
  // Force does not end a transaction: it waits for its end, beyond its time.
  await teller.update('a', '-s', '-t', '0', '-F');
  await teller.update('a', '-s');
  await teller.ask('b', XsType.READ, '/b\0', 1);
  await teller.ask('b', XsType.TRANSACTION_END, 'T\0', 1);
  await teller.outcome('a');
  await teller.ask('b', XsType.READ, '/b\0');
  await teller.ask('b', XsType.WRITE, '/half/way\0after');
  teller.note('watcher', (await watcher.next()).payload);
  await teller.ask('watcher', XsType.UNWATCH, '/half\0token\0');
  // Half a request has its other half later.
  const half = await teller.client('half');
  const request = encodeFrame({ type: XsType.READ, requestId: 9, transactionId: 0, payload: '/half/way\0' });
  half.socket.write(request.subarray(0, HALF_BYTES));
  await teller.update('a', '-f', program);
  await teller.update('a', '-s');
  half.socket.write(request.subarray(HALF_BYTES));
  teller.note('half', (await half.next()).payload);
  await teller.outcome('a');
  // Ids of transactions begin anew; whoever connects now finds the next daemon.
  await teller.ask('b', XsType.TRANSACTION_START, '\0');
  await teller.ask('late', XsType.DIRECTORY, '/half\0');
}
