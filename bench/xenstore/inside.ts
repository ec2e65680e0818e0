/**
 * What a request costs inside the daemon, without sockets: a program of its own, so that its memory can be measured.
 * Run with --expose-gc.
 *
 * What is measured is processor time with that of the garbage collector; frames are made before. Sizes take turns, figures
 * are medians.
 */
import { allocateLarge } from '../../platform/large-pages.js';
import { encodeFrame, XsType } from '../../protocol/xs-wire.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { C_4_17, OCAML_4_17, type Policy, Store } from '../../xenstore-sim/index.js';
import { median, print, spread } from '../figures.js';

const ROUNDS = 5;
const REQUESTS = 10_000;
const CHILDREN = 1000;
const NODES = [1_000, 10_000, 100_000, 1_000_000];
/** From here on a difference in memory is the nodes'. */
const NODES_SEEN_MIN = 100_000;
/** From the root of a tree of a million nodes to the value of one of them are about so many objects. */
const LINKS = 8;
const SIBLINGS = [100, 1_000, 10_000, 100_000, 1_000_000];
const REPLACED = 2_000;
const WATCHES = [1, 1_000, 100_000];
const CONNECTIONS = [1, 100, 10_000];
const CLIENTS = [1, 10, 100];
/** Of all connections together, in a round. */
const INTERLEAVED = 2_000;
const BATCH = 16;
const WRITES = 10;
const TRANSACTIONS = 500;

/** A daemon with nodes, and a connection that asks. */
interface Populated {
  readonly size: number;
  readonly daemon: Daemon;
  readonly connection: number;
}

main();

function main(): void {
  requestCosts();
  print('');
  transactionsInTurns();
  print('');
  growth();
  print('');
  siblings();
  print('');
  watches();
  connections();
}

function requestCosts(): void {
  print(`inside the daemon, no sockets: nanoseconds, median of ${ROUNDS} runs [smallest .. largest]`);
  const { daemon, connection } = populated(1_000);
  const watched = populated(1_000);
  const watcher = watched.daemon.connect(0);
  send(watched.daemon, watcher, frame(XsType.WATCH, '/local\0token\0'));
  const kinds: readonly [string, Populated, (round: number) => readonly Uint8Array[], number][] = [
    ['READ', { size: 1_000, daemon, connection }, () => reads(1_000), 1],
    ['WRITE', { size: 1_000, daemon, connection }, () => writes(1_000), 1],
    [`READ, ${BATCH} in one piece`, { size: 1_000, daemon, connection }, () => batches(reads(1_000)), BATCH],
    [`WRITE, ${BATCH} in one piece`, { size: 1_000, daemon, connection }, () => batches(writes(1_000)), BATCH],
    ['WRITE, and an event', watched, () => writes(1_000), 1],
    [`transaction of ${WRITES}, in one piece`, { size: 1_000, daemon, connection }, transactions, 1],
  ];
  const figures = kinds.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    kinds.forEach(([, populated, frames, requests], kind) => {
      const cost = nanoseconds(populated, frames(round)) / requests;
      if (round > 0) figures[kind]?.push(cost);
    });
  }
  kinds.forEach(([title], kind) => {
    print(`  ${title.padEnd(32)}${spread(figures[kind] ?? [], whole)}`);
  });
}

/** The usual load of a daemon: each of many connections has a transaction open, and they take turns request by request. */
function transactionsInTurns(): void {
  print(`nanoseconds of a transaction of ${WRITES} WRITEs, for connections that take turns with each request`);
  print(`${'connections'.padStart(12)}${'--daemon c'.padStart(28)}${'--daemon ocaml'.padStart(28)}`);
  for (const clients of CLIENTS) {
    const figures = [C_4_17, OCAML_4_17].map((policy) => spread(costsInTurns(policy, clients), whole).padStart(28));
    print(`${String(clients).padStart(12)}${figures.join('')}`);
  }
}

function costsInTurns(policy: Policy, clients: number): number[] {
  const daemon = new Daemon(Store.empty(policy, allocateLarge));
  const connections = Array.from({ length: clients }, () => daemon.connect(0));
  for (let node = 0; node < WRITES * clients; node++) send(daemon, connections[0] ?? 0, write(node));
  const count = INTERLEAVED / clients;
  const costs: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const scripts = connections.map((_, client) =>
      Array.from({ length: count }, (_, index) => transactionOf(client, round * count + index + 1)).flat(),
    );
    const cost = processorNanoseconds(() => {
      for (let step = 0; step < count * (WRITES + 2); step++) {
        for (let client = 0; client < clients; client++) {
          send(daemon, connections[client] as number, scripts[client]?.[step] as Uint8Array);
        }
      }
    });
    if (round > 0) costs.push(cost / INTERLEAVED);
  }
  return costs;
}

/** The requests of the transaction with number `id` of its connection, to nodes that no other has. */
function transactionOf(client: number, id: number): Uint8Array[] {
  const writing = Array.from({ length: WRITES }, (_, index) =>
    frame(XsType.WRITE, `${path(client * WRITES + index)}\0value ${id}`, id),
  );
  return [frame(XsType.TRANSACTION_START, '\0'), ...writing, frame(XsType.TRANSACTION_END, 'T\0', id)];
}

function growth(): void {
  print('nanoseconds of a request to one of many nodes, and memory for a node with a value of 16 bytes;');
  print(
    `beside it what the machine takes to follow ${LINKS} references to one of so many strings, and to find it in a Map`,
  );
  print(
    '     nodes      READ     WRITE  transaction of 10   references       Map   bytes/node  resident bytes/node  seconds to create',
  );
  const memory: string[] = [];
  const all = NODES.map((size) => {
    const before = settled();
    let made: Populated | undefined;
    const seconds =
      processorNanoseconds(() => {
        made = populated(size);
      }) / 1e9;
    const after = settled();
    // What few nodes take is lost in what the rest of the program lets go.
    const bytes = (...what: ('heapUsed' | 'arrayBuffers' | 'rss')[]): string =>
      size < NODES_SEEN_MIN ? '-' : whole(what.reduce((sum, each) => sum + after[each] - before[each], 0) / size);
    const held = bytes('heapUsed', 'arrayBuffers').padStart(13);
    memory.push(`${held}${bytes('rss').padStart(21)}${seconds.toFixed(2).padStart(19)}`);
    return made as Populated;
  });
  const read = interleaved(all, reads);
  const write = interleaved(all, writes);
  const transaction = interleaved(all, (size, round) => transactions(round, size));
  const memoryOf = NODES.map((size) => randomLooks(size));
  all.forEach(({ size }, index) => {
    const figures = [read[index], write[index]].map((value) => whole(value).padStart(10));
    figures.push(whole(transaction[index]).padStart(19));
    const { references = 0, map = 0 } = memoryOf[index] ?? {};
    const machine = `${whole(references).padStart(13)}${whole(map).padStart(10)}`;
    print(`${String(size).padStart(10)}${figures.join('')}${machine}${memory[index]}`);
  });
  const times = [read, write, transaction].map(
    (kind) => `${((kind.at(-1) ?? Number.NaN) / (kind[0] ?? 1)).toFixed(1)}x`,
  );
  print(`  the last line is so many times the first: READ ${times[0]}, WRITE ${times[1]}, transaction ${times[2]}`);
}

interface Link {
  readonly next: Link | string;
}

/** Nanoseconds to reach one of `size` strings, picked at random: behind a chain of objects, and by its path in a Map. */
function randomLooks(size: number): { readonly references: number; readonly map: number } {
  const heads: Link[] = [];
  const byPath = new Map<string, string>();
  for (let node = 0; node < size; node++) {
    const text = `value ${String(node).padStart(10, '0')}`;
    heads.push(Array.from({ length: LINKS - 1 }).reduce((next: Link) => ({ next }), { next: text }));
    byPath.set(path(node), text);
  }
  const wanted = spreadOver(size, (node) => node);
  const paths = wanted.map(path);
  let sum = 0;
  const cost = (look: () => void): number =>
    median(Array.from({ length: ROUNDS }, () => processorNanoseconds(look) / REQUESTS));
  const references = cost(() => {
    for (const node of wanted) {
      let at: Link | string | undefined = heads[node];
      while (typeof at === 'object') at = at.next;
      sum += at?.charCodeAt(0) ?? 0;
    }
  });
  const map = cost(() => {
    for (const text of paths) sum += byPath.get(text)?.charCodeAt(0) ?? 0;
  });
  // Whoever prints it has not left it out.
  if (Number.isNaN(sum)) print('');
  return { references, map };
}

function siblings(): void {
  print('nanoseconds to remove one of many siblings, and to create it again');
  for (const size of SIBLINGS) {
    const daemon = new Daemon(Store.empty(C_4_17, allocateLarge));
    const connection = daemon.connect(0);
    for (let node = 0; node < size; node++) send(daemon, connection, frame(XsType.WRITE, `${sibling(node)}\0`));
    const nodes = spreadOver(size, (node) => node).slice(0, REPLACED);
    const removing = nodes.map((node) => frame(XsType.RM, `${sibling(node)}\0`));
    const creating = nodes.map((node) => frame(XsType.WRITE, `${sibling(node)}\0`));
    const costs = Array.from({ length: ROUNDS }, () =>
      [removing, creating].map((frames) => nanoseconds({ size, daemon, connection }, frames)),
    );
    const [removals, creations] = [0, 1].map((which) => costs.map((cost) => cost[which] ?? Number.NaN));
    print(
      `${String(size).padStart(10)} siblings   RM ${spread(removals ?? [], whole)}   WRITE ${spread(creations ?? [], whole)}`,
    );
  }
}

function sibling(node: number): string {
  return `/siblings/node-${node}`;
}

function watches(): void {
  const all = WATCHES.map((size) => {
    const { daemon, connection } = populated(1_000);
    for (let made = 0; made < size; ) {
      const watcher = daemon.connect(0);
      for (let own = 0; own < CHILDREN && made < size; own++, made++) {
        send(daemon, watcher, frame(XsType.WATCH, `/elsewhere/${watcher}/node-${own}\0token\0`));
      }
    }
    return { size, daemon, connection };
  });
  print('nanoseconds of a request while watches on other nodes are set');
  counts(all, 'watches');
}

function connections(): void {
  const all = CONNECTIONS.map((size) => {
    const { daemon, connection } = populated(1_000);
    for (let open = 1; open < size; open++) daemon.connect(0);
    return { size, daemon, connection };
  });
  print('nanoseconds of a request while connections are open');
  counts(all, 'connections');
}

function counts(all: readonly Populated[], what: string): void {
  const read = interleaved(all, () => reads(1_000));
  const write = interleaved(all, () => writes(1_000));
  const transaction = interleaved(all, (_, round) => transactions(round));
  all.forEach(({ size }, index) => {
    const figures = [read, write, transaction].map((kind) => whole(kind[index]).padStart(8));
    print(
      `${String(size).padStart(10)} ${what.padEnd(12)} READ${figures[0]}   WRITE${figures[1]}   transaction of ${WRITES}${figures[2]}`,
    );
  });
}

/** Median cost of what `frames` makes for each of `all`, in turns. */
function interleaved(
  all: readonly Populated[],
  frames: (size: number, round: number) => readonly Uint8Array[],
): number[] {
  const figures = all.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    all.forEach((populated, index) => {
      const cost = nanoseconds(populated, frames(populated.size, round));
      if (round > 0) figures[index]?.push(cost);
    });
  }
  return figures.map(median);
}

/** Nanoseconds for each of `pieces`: taken in, executed, and its output handed over. */
function nanoseconds({ daemon, connection }: Populated, pieces: readonly Uint8Array[]): number {
  const cost = processorNanoseconds(() => {
    for (const piece of pieces) send(daemon, connection, piece);
  });
  return cost / pieces.length;
}

function processorNanoseconds(body: () => void): number {
  const start = process.cpuUsage();
  body();
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1000;
}

function send(daemon: Daemon, connection: number, piece: Uint8Array): void {
  if (!daemon.receive(connection, piece)) throw new Error('the daemon has closed the connection');
  daemon.flush(ignore);
}

function ignore(): void {}

function populated(size: number): Populated {
  const daemon = new Daemon(Store.empty(C_4_17, allocateLarge));
  const connection = daemon.connect(0);
  for (let node = 0; node < size; node++) send(daemon, connection, write(node));
  return { size, daemon, connection };
}

function reads(size: number, round = 0): Uint8Array[] {
  return spreadOver(size, (node) => frame(XsType.READ, `${path(node)}\0`), round);
}

function writes(size: number, round = 0): Uint8Array[] {
  return spreadOver(size, write, round);
}

function write(node: number): Uint8Array {
  return frame(XsType.WRITE, `${path(node)}\0value ${String(node).padStart(10, '0')}`);
}

/** Requests to nodes in an order without a pattern, the same in each run, and others in each round. */
function spreadOver<T>(size: number, make: (node: number) => T, round = 0, count = REQUESTS): T[] {
  let state = round + 1;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // The high bits: the low ones repeat soon.
    return make(Math.floor((state / 2 ** 32) * size));
  });
}

/** Whole transactions, each in one piece. The ids are those the daemon will give: it counts them up from 1. */
function transactions(round: number, size = WRITES): Uint8Array[] {
  const nodes = spreadOver(size, (node) => node, round, TRANSACTIONS * WRITES);
  return Array.from({ length: TRANSACTIONS }, (_, index) => {
    const id = round * TRANSACTIONS + index + 1;
    return Buffer.concat([
      frame(XsType.TRANSACTION_START, '\0'),
      ...nodes
        .slice(index * WRITES, (index + 1) * WRITES)
        .map((node) => frame(XsType.WRITE, `${path(node)}\0value ${id}`, id)),
      frame(XsType.TRANSACTION_END, 'T\0', id),
    ]);
  });
}

function batches(frames: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at + BATCH <= frames.length; at += BATCH) pieces.push(Buffer.concat(frames.slice(at, at + BATCH)));
  return pieces;
}

function path(node: number): string {
  return `/local/domain/0/bench/${Math.floor(node / CHILDREN)}/state-${node % CHILDREN}`;
}

function frame(type: number, payload: string, transactionId = 0): Uint8Array {
  return encodeFrame({ type, requestId: 0, transactionId, payload });
}

function settled(): NodeJS.MemoryUsage {
  globalThis.gc?.();
  return process.memoryUsage();
}

function whole(value: number | undefined): string {
  return (value ?? Number.NaN).toFixed(0);
}
