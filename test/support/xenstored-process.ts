/**
 * `quiesce xenstored` as a process of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

export interface Running {
  readonly child: ChildProcess;
  /** The first line on standard output. */
  readonly line: string;
  /** Sends `signal`; answers with the exit status and what was on standard error. */
  end(signal?: NodeJS.Signals): Promise<{ readonly status: number | null; readonly err: string; readonly out: string }>;
}

/** Starts it; it ends with `t` at the latest. Throws what it printed if it ends at once. */
export async function startXenstored(t: Test, argv: readonly string[], prefix = ''): Promise<Running> {
  const command = `${prefix}exec "$0" "$@"`;
  const child = spawn('sh', ['-c', command, process.execPath, PROGRAM, 'xenstored', ...argv]);
  t.teardown(() => child.kill('SIGKILL'));
  let err = '';
  let out = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const closed = once(child, 'close');
  const lines = createInterface(child.stdout);
  const first = await Promise.race([once(lines, 'line'), closed.then(() => undefined)]);
  if (first === undefined) throw new Error(`the server ended with status ${child.exitCode}: ${err}`);
  return {
    child,
    line: String(first[0]),
    async end(signal = 'SIGTERM') {
      child.kill(signal);
      await closed;
      return { status: child.exitCode, err, out };
    },
  };
}
