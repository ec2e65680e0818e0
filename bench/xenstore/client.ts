/**
 * Our client as the load, one connection in this process; the C load client with one connection is its peer, in turns.
 *
 * With one request under way the figure is the way there and back through client and daemon, with 16 it is the slower
 * of the two.
 */
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { unixSocket } from '../../xenstore-sim/client/unix-socket.js';
import { median, print, spread, thousands } from '../figures.js';
import { type Mode, runLoad } from './load.js';
import type { Peer } from './peers.js';

const ROUNDS = 3;
const MILLISECONDS = 100;
const DEPTH = 16;
const WRITES = 10;
const NODE = '/local/domain/0/bench/0/state-0';

interface Kind {
  readonly title: string;
  /** What the C load client does instead. */
  readonly mode: Mode;
  readonly depth: number;
  operation(client: XenstoreClient): Promise<unknown>;
}

const read = (client: XenstoreClient): Promise<unknown> => client.read(NODE);
const write = (client: XenstoreClient): Promise<unknown> => client.write(NODE, 'value 0123456789');
const KINDS: readonly Kind[] = [
  { title: 'READ', mode: 'read', depth: 1, operation: read },
  { title: 'WRITE', mode: 'write', depth: 1, operation: write },
  { title: 'transaction of 10', mode: 'tx', depth: 1, operation: transaction },
  { title: `READ, ${DEPTH} at once`, mode: 'read', depth: DEPTH, operation: read },
  { title: `WRITE, ${DEPTH} at once`, mode: 'write', depth: DEPTH, operation: write },
];

function transaction(client: XenstoreClient): Promise<void> {
  return client.transaction(async (tx) => {
    for (let child = 0; child < WRITES; child++) {
      await tx.write(`/local/domain/0/bench/0/state-${child}`, 'value 0123456789');
    }
  });
}

/** Prints, for each daemon and kind, operations a second by our client and by the C one. */
export async function benchClient(program: string, daemons: readonly Peer[]): Promise<void> {
  print(
    `our client over a unix socket, 1 connection, per second; ratio to the C load client, median of ${ROUNDS} rounds`,
  );
  const clients = await Promise.all(daemons.map(({ socket }) => XenstoreClient.connect(unixSocket(socket))));
  for (const kind of KINDS) {
    const speeds = daemons.map((): number[] => []);
    const ratios = daemons.map((): number[] => []);
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [index, daemon] of daemons.entries()) {
        const client = clients[index];
        if (client === undefined) continue;
        const speed = await perSecond(client, kind);
        const { operations, seconds } = runLoad(program, daemon.socket, kind.mode, 1, kind.depth, MILLISECONDS);
        if (round === 0) continue;
        speeds[index]?.push(speed);
        ratios[index]?.push((speed * seconds) / operations);
      }
    }
    for (const [index, { name }] of daemons.entries()) {
      const ratio = `${median(ratios[index] ?? []).toFixed(2)}x`;
      print(`  ${kind.title.padEnd(20)}${name.padEnd(12)}${spread(speeds[index] ?? [], tenths)}   ${ratio}`);
    }
  }
  for (const client of clients) client.close();
}

async function perSecond(client: XenstoreClient, { depth, operation }: Kind): Promise<number> {
  const start = performance.now();
  let operations = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - start < MILLISECONDS) {
      await operation(client);
      operations++;
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  return (operations * 1000) / (performance.now() - start);
}

function tenths(value: number): string {
  return value < 10_000 ? `${(value / 1000).toFixed(1)} k` : thousands(value);
}
