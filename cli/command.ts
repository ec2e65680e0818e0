/**
 * A command of the program: what it accepts, and what it does.
 */
import type { Accepted, Arguments } from './arguments.js';
import type { ExitStatus } from './exit-status.js';
import type { Terminal } from './terminal.js';

export interface Command extends Accepted {
  readonly name: string;
  /** One line for the overview. */
  readonly summary: string;
  /** What else the help says, line by line. */
  readonly details: readonly string[];
  /** Throws `QuiesceError` for what it cannot answer. */
  run(args: Arguments, terminal: Terminal): Promise<ExitStatus>;
}
