/**
 * Builds and runs the load client `load.c`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export type Mode = 'setup' | 'read' | 'write' | 'tx' | 'watch' | 'fill' | 'replace';

/** Many nodes in place of those of `setup`. */
export interface Many {
  readonly nodes: number;
  /** Nodes in a directory. */
  readonly fanout: number;
  /** The first that `fill` makes. */
  readonly first?: number;
}

export interface Load {
  /** Requests, whole transactions, or events. */
  readonly operations: number;
  readonly seconds: number;
  /** Commits answered EAGAIN. */
  readonly refused: number;
  readonly medianMicroseconds: number;
  readonly p99Microseconds: number;
  /** Processor time of the daemon for one operation. */
  readonly processorMicroseconds: number;
}

/** The compiled load client, or undefined where there is no C compiler. */
export function compileLoad(folder: string): string | undefined {
  const program = join(folder, 'load');
  const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, 'bench/xenstore/load.c'], { encoding: 'utf8' });
  if (status === null) return undefined;
  if (status !== 0) throw new Error(`cc bench/xenstore/load.c: ${stderr}`);
  return program;
}

/** Runs `program` for about `milliseconds`. Throws when the daemon answers wrongly or not at all. */
export function runLoad(
  program: string,
  socket: string,
  mode: Mode,
  clients: number,
  depth: number,
  milliseconds: number,
  many?: Many,
): Load {
  const place = many === undefined ? [] : [many.nodes, many.fanout, many.first ?? 0];
  const parameters = [socket, mode, clients, depth, milliseconds, ...place].map(String);
  const { status, stdout, stderr } = spawnSync(program, parameters, { encoding: 'utf8' });
  const figures = stdout.trim().split(' ').map(Number);
  const [operations = 0, seconds = 0, refused = 0, middle = 0, p99 = 0, processor = 0] = figures;
  if (status !== 0 || figures.length !== 6) throw new Error(stderr.trim());
  return {
    operations,
    seconds,
    refused,
    medianMicroseconds: middle / 1000,
    p99Microseconds: p99 / 1000,
    processorMicroseconds: processor / 1000 / operations,
  };
}
