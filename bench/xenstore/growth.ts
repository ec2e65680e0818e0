/**
 * What an operation costs when there are more and more nodes, ours beside the real daemons: processor time of the daemon,
 * with 16 requests under way, so that what the socket costs hides as little as possible.
 */
import { median, print, spread } from '../figures.js';
import { type Load, type Many, type Mode, runLoad } from './load.js';
import type { Peer } from './peers.js';

const ROUNDS = 5;
const MILLISECONDS = 100;
const DEPTH = 16;
const NODES = [1_000, 10_000, 100_000, 1_000_000];
const CHILDREN = 1_000;
/** The C daemon takes a millisecond for each of more siblings. */
const SIBLINGS = [100, 1_000, 10_000];

/** Prints processor time for READ and WRITE of one of many nodes, and for creation and removal among many siblings. */
export function benchGrowth(program: string, daemons: readonly Peer[]): void {
  const nodes = NODES.map((count) => ({ nodes: count, fanout: CHILDREN }));
  table(program, daemons, `READ of one of so many nodes, ${CHILDREN} in a directory`, 'read', nodes);
  table(program, daemons, 'WRITE of one of so many nodes', 'write', nodes);
  const siblings = SIBLINGS.map((count) => ({ nodes: count, fanout: count }));
  table(program, daemons, 'RM, or WRITE that creates, of one of so many siblings', 'replace', siblings);
}

function table(program: string, daemons: readonly Peer[], title: string, mode: Mode, sizes: readonly Many[]): void {
  print(`${title}: microseconds of the daemon, and how many times that of the first line`);
  print(`${'nodes'.padStart(10)}${daemons.map(({ name }) => name.padStart(32)).join('')}`);
  const least = new Map<Peer, number>();
  let before = 0;
  for (const many of sizes) {
    const figures = new Map(daemons.map((daemon): [Peer, number[]] => [daemon, []]));
    for (const daemon of daemons) fill(program, daemon, many, many.fanout === CHILDREN ? before : 0);
    before = many.nodes;
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [daemon, values] of figures) {
        const load = runLoad(program, daemon.socket, mode, 1, mode === 'replace' ? 2 : DEPTH, MILLISECONDS, many);
        if (round > 0) values.push(load.processorMicroseconds);
      }
    }
    const cells = [...figures].map(([daemon, values]) => {
      const middle = median(values);
      const first = least.get(daemon) ?? middle;
      least.set(daemon, first);
      return `${spread(values, (value) => value.toFixed(value < 100 ? 1 : 0))}${`${(middle / first).toFixed(1)}x`.padStart(8)}`;
    });
    print(`${String(many.nodes).padStart(10)}${cells.map((cell) => cell.padStart(32)).join('')}`);
  }
  print('');
}

function fill(program: string, { socket }: Peer, many: Many, first: number): Load {
  return runLoad(program, socket, 'fill', 1, DEPTH, 0, { ...many, first });
}
