/**
 * The daemons under one and the same load over unix sockets, in turns: each round gives every workload to each daemon
 * once; a ratio is taken within each round, and the median of those is printed. Beside requests a second it states the
 * processor time of the daemon for a request, which other work on the machine disturbs less.
 */
import { median, print } from '../figures.js';
import { type Load, type Mode, runLoad } from './load.js';
import type { Peer } from './peers.js';

const ROUNDS = 7;
const MILLISECONDS = 200;
/** So long each kind of request is asked for before anything is measured, on ten connections at once. */
const WARM_UP_MILLISECONDS = 500;
const WARM_UP_CLIENTS = 10;
const CLIENTS = [1, 10, 100];
const DEPTH = 16;

interface Workload {
  readonly title: string;
  readonly mode: Mode;
  readonly clients: number;
  readonly depth: number;
}

const WORKLOADS: readonly Workload[] = [
  ...eachCount('READ', 'read', 1),
  ...eachCount('WRITE', 'write', 1),
  ...eachCount('transaction of 10', 'tx', 1),
  ...eachCount(`READ, ${DEPTH} at once`, 'read', DEPTH),
  ...eachCount(`WRITE, ${DEPTH} at once`, 'write', DEPTH),
];
const WATCH: Workload = { title: 'watch event', mode: 'watch', clients: 1, depth: 1 };

function eachCount(title: string, mode: Mode, depth: number): Workload[] {
  return CLIENTS.map((clients) => ({ title, mode, clients, depth }));
}

/** Prints the tables. `echo` is a server without a store; ratios are those of the first of `daemons` to the second. */
export function benchSockets(program: string, daemons: readonly Peer[], echo: Peer): void {
  for (const daemon of daemons) runLoad(program, daemon.socket, 'setup', Math.max(...CLIENTS), 1, 0);
  for (const { socket } of daemons) {
    for (const mode of ['read', 'write', 'tx'] as const)
      runLoad(program, socket, mode, WARM_UP_CLIENTS, DEPTH, WARM_UP_MILLISECONDS);
  }
  const measured = new Map<Workload, Map<Peer, Load[]>>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const workload of [...WORKLOADS, WATCH]) {
      const { mode, clients, depth } = workload;
      for (const peer of mode === 'read' ? [...daemons, echo] : daemons) {
        const load = runLoad(program, peer.socket, mode, clients, depth, MILLISECONDS);
        // The first round warms up.
        if (round > 0) loadsOf(measured, workload, peer).push(load);
      }
    }
  }
  throughput(measured, daemons, echo);
  processorTime(measured, daemons, echo);
  watchLatency(measured.get(WATCH) ?? new Map());
}

type Measured = ReadonlyMap<Workload, ReadonlyMap<Peer, readonly Load[]>>;

function throughput(measured: Measured, daemons: readonly Peer[], echo: Peer): void {
  print(`per second, medians of ${ROUNDS} rounds [smallest .. largest]; ratio ours to C, above 1 is faster`);
  table(measured, daemons, echo, ({ operations, seconds }) => operations / seconds, perSecond);
  const refused = [...measured]
    .filter(([{ mode }]) => mode === 'tx')
    .flatMap(([, loads]) => daemons.map((peer) => [peer.name, sum(loads.get(peer) ?? [])] as const));
  const total = daemons.map(
    ({ name }) => `${name} ${refused.reduce((all, [of, n]) => (of === name ? all + n : all), 0)}`,
  );
  print(`  commits refused with EAGAIN and tried again: ${total.join(', ')}`);
  print('');
}

function processorTime(measured: Measured, daemons: readonly Peer[], echo: Peer): void {
  print('processor time of the daemon for one operation, microseconds; ratio ours to C, below 1 is cheaper');
  table(measured, daemons, echo, ({ processorMicroseconds }) => processorMicroseconds, microseconds);
  print('');
}

function table(
  measured: Measured,
  daemons: readonly Peer[],
  echo: Peer,
  figure: (load: Load) => number,
  format: (value: number) => string,
): void {
  const [ours, c] = daemons;
  print(
    `  ${'operation'.padEnd(20)}clients${[...daemons, echo].map(({ name }) => name.padStart(26)).join('')}     ratio`,
  );
  for (const [{ title, clients, mode }, loads] of measured) {
    if (mode === 'watch') continue;
    const figures = (peer: Peer | undefined): number[] => (peer && loads.get(peer)?.map(figure)) ?? [];
    const cells = [...daemons, echo].map((peer) => cell(figures(peer), format).padStart(26));
    const theirs = figures(c);
    const ratios = figures(ours).map((value, round) => value / (theirs[round] ?? Number.NaN));
    const ratio = theirs.length > 0 ? `${median(ratios).toFixed(2)}x` : '';
    print(`  ${title.padEnd(20)}${String(clients).padStart(7)}${cells.join('')}${ratio.padStart(10)}`);
  }
}

function watchLatency(loads: ReadonlyMap<Peer, readonly Load[]>): void {
  print('from sending a WRITE to the arrival of the event at another connection, microseconds');
  for (const [{ name }, runs] of loads) {
    const middle = cell(
      runs.map((run) => run.medianMicroseconds),
      microseconds,
    );
    const p99 = cell(
      runs.map((run) => run.p99Microseconds),
      microseconds,
    );
    print(`  ${name.padEnd(14)} median ${middle.padStart(20)}   99 % ${p99.padStart(20)}`);
  }
}

function cell(values: readonly number[], format: (value: number) => string): string {
  if (values.length === 0) return '';
  return `${format(median(values))} [${format(Math.min(...values))} .. ${format(Math.max(...values))}]`;
}

function loadsOf(measured: Map<Workload, Map<Peer, Load[]>>, workload: Workload, peer: Peer): Load[] {
  const byPeer = measured.get(workload) ?? new Map<Peer, Load[]>();
  measured.set(workload, byPeer);
  const loads = byPeer.get(peer) ?? [];
  byPeer.set(peer, loads);
  return loads;
}

function sum(loads: readonly Load[]): number {
  return loads.reduce((total, { refused }) => total + refused, 0);
}

function perSecond(value: number): string {
  return value < 10_000 ? `${(value / 1000).toFixed(1)} k` : `${Math.round(value / 1000)} k`;
}

function microseconds(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
