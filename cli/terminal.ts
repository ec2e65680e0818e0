/**
 * All that a command touches of the world outside: what it writes to, and what it may ask about the place it runs in.
 */
import pc from 'picocolors';

export interface Terminal {
  /** Writes to standard output. */
  out(text: string): void;
  /** Writes to standard error. */
  err(text: string): void;
  /** Whether standard output shows colours. */
  readonly colour: boolean;
  /** Whether somebody looks at standard error while the command works. */
  readonly progress: boolean;
  /** Characters in a line of standard output. */
  readonly columns: number;
  /** Threads that can work at once. */
  readonly jobs: number;
  /** How this program is called, for commands that are shown. */
  readonly program: string;
  /** Variables of the environment; none when absent. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Seconds since some moment. */
  clock(): number;
}

/** Columns where nothing is known: pipes and files. */
export const COLUMNS_USUAL = 80;

export type Colours = ReturnType<typeof pc.createColors>;

export function coloursOf(terminal: Pick<Terminal, 'colour'>): Colours {
  return pc.createColors(terminal.colour);
}

/** Whether a stream shows colours: a terminal, unless NO_COLOR (no-color.org) or a dumb terminal says otherwise. */
export function showsColour(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const { NO_COLOR: refused = '', TERM: kind } = env;
  return stream.isTTY === true && refused === '' && kind !== 'dumb';
}

/** Characters in a line of a stream. A terminal that nobody has told its size says 0. */
export function columnsOf({ columns = 0 }: { readonly columns?: number | undefined }): number {
  return columns > 0 ? columns : COLUMNS_USUAL;
}
