/** A terminal that remembers what was written to it. */
import { main } from '../../cli/program.js';
import type { Terminal } from '../../cli/terminal.js';

export interface Output {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program in this process, or whatever `run` does with the terminal. Its clock stands still. */
export async function quiesce(
  argv: readonly string[],
  more: Partial<Terminal> = {},
  run: (argv: readonly string[], terminal: Terminal) => Promise<number> = main,
): Promise<Output> {
  let out = '';
  let err = '';
  const terminal: Terminal = {
    out(text) {
      out += text;
    },
    err(text) {
      err += text;
    },
    colour: false,
    progress: false,
    columns: 80,
    jobs: 1,
    program: 'quiesce',
    clock: () => 0,
    ...more,
  };
  const status = await run(argv, terminal);
  return { status, out, err };
}
