/**
 * What an operation costs when there are more and more nodes, ours beside the real daemons: processor time of the daemon,
 * with 16 requests under way, so that what the socket costs hides as little as possible.
 */
import { median, print, spread } from '../figures.js';
import { type Many, type Mode, runLoad } from './load.js';
import type { Peer } from './peers.js';

const ROUNDS = 5;
const MILLISECONDS = 100;
const DEPTH = 16;
const NODES = [1_000, 10_000, 100_000, 1_000_000];
/** The C daemon takes more than five minutes to create a million: the time for each of them grows too. */
const NODES_OF_C_MAX = 100_000;
const CHILDREN = 1_000;
/** The C daemon takes a millisecond for each of more siblings. */
const SIBLINGS = [100, 1_000, 10_000];
const WIDTH = 36;

interface Growth {
  readonly title: string;
  readonly mode: Mode;
  readonly depth: number;
}

const IN_TREE: readonly Growth[] = [
  { title: `READ of one of so many nodes, ${CHILDREN} in a directory`, mode: 'read', depth: DEPTH },
  { title: 'WRITE of one of so many nodes', mode: 'write', depth: DEPTH },
];
const AMONG_SIBLINGS: readonly Growth[] = [
  // One and the same node is removed and made.
  { title: 'RM of one of so many siblings, and WRITE that creates it, for each', mode: 'replace', depth: 2 },
];

/** Prints processor time for READ and WRITE of one of many nodes, and for removal and creation among many siblings. */
export function benchGrowth(program: string, daemons: readonly Peer[]): void {
  const tree = NODES.map((nodes, index) => ({ nodes, fanout: CHILDREN, first: NODES[index - 1] ?? 0 }));
  tables(program, daemons, IN_TREE, tree);
  const siblings = SIBLINGS.map((nodes) => ({ nodes, fanout: nodes }));
  tables(program, daemons, AMONG_SIBLINGS, siblings);
}

function tables(program: string, daemons: readonly Peer[], growths: readonly Growth[], sizes: readonly Many[]): void {
  const lines = growths.map(({ title }) => [
    `${title}: microseconds of the daemon, and how many times the first line`,
    `${'nodes'.padStart(10)}${daemons.map(({ name }) => name.padStart(WIDTH)).join('')}`,
  ]);
  const first = growths.map(() => new Map<Peer, number>());
  for (const many of sizes) {
    const taking = daemons.filter(({ name }) => name !== 'C xenstored' || many.nodes <= NODES_OF_C_MAX);
    for (const { socket } of taking) runLoad(program, socket, 'fill', 1, DEPTH, 0, many);
    for (const [index, { mode, depth }] of growths.entries()) {
      const figures = measured(program, taking, many, mode, depth);
      const cells = daemons.map((daemon) => cell(figures.get(daemon) ?? [], first[index] ?? new Map(), daemon));
      lines[index]?.push(`${String(many.nodes).padStart(10)}${cells.map((text) => text.padStart(WIDTH)).join('')}`);
    }
  }
  for (const each of lines) print(`${each.join('\n')}\n`);
}

function measured(
  program: string,
  daemons: readonly Peer[],
  many: Many,
  mode: Mode,
  depth: number,
): ReadonlyMap<Peer, readonly number[]> {
  const figures = new Map(daemons.map((daemon): [Peer, number[]] => [daemon, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [{ socket }, values] of figures) {
      const load = runLoad(program, socket, mode, 1, depth, MILLISECONDS, many);
      // The first round warms up.
      if (round > 0) values.push(load.processorMicroseconds);
    }
  }
  return figures;
}

function cell(values: readonly number[], first: Map<Peer, number>, daemon: Peer): string {
  if (values.length === 0) return '-';
  const middle = median(values);
  const least = first.get(daemon) ?? middle;
  first.set(daemon, least);
  return `${spread(values, microseconds)}${`${(middle / least).toFixed(1)}x`.padStart(8)}`;
}

function microseconds(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}
