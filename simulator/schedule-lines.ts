/**
 * The lines of a schedule file: a first line that says what it is, headers, an empty line, and one choice a line. Which
 * headers there are is for each kind of world to say.
 */
import { QuiesceError } from '../protocol/errors.js';

export const SCHEDULE_MAGIC = 'quiesce schedule 1';

/** Characters of a found line that a message quotes. */
const QUOTE_MAX = 60;

/**
 * The text of a schedule file. Throws `BAD_SCHEDULE` for a value or step that the format cannot hold: empty, with blanks
 * at its ends, with control characters, or a step that begins with `#`.
 */
export function formatLines(
  headers: readonly (readonly [header: string, value: string])[],
  steps: readonly string[],
): string {
  for (const name of [...headers.map(([, value]) => value), ...steps]) {
    if (!isName(name)) fail('schedule', null, 'a printable name without blanks at its ends', name);
  }
  for (const step of steps)
    if (step.startsWith('#')) fail('schedule', null, 'a choice that does not look like a comment', step);
  return [SCHEDULE_MAGIC, ...headers.map(([header, value]) => `${header}: ${value}`), '', ...steps, ''].join('\n');
}

export interface ScheduleLines<H extends string> {
  /** Throws `BAD_SCHEDULE` where the header is missing. */
  value(header: H): string;
  optional(header: H): string | undefined;
  readonly steps: readonly string[];
}

/**
 * Parses the text of a schedule file with these headers, each once at most. `file` is the name that messages use.
 * `expectedOf` says what a header must hold where its value is not it, or null. Throws `BAD_SCHEDULE`.
 */
export function parseLines<H extends string>(
  file: string,
  text: string,
  headers: readonly H[],
  expectedOf: (header: H, value: string) => string | null,
): ScheduleLines<H> {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  if (lines[0] !== SCHEDULE_MAGIC) fail(file, 1, `the line '${SCHEDULE_MAGIC}'`, lines[0] ?? '');
  const values = new Map<H, string>();
  let at = 1;
  for (; at < lines.length; at++) {
    const line = (lines[at] as string).trim();
    if (line.startsWith('#')) continue;
    if (line === '') break;
    const [, name, value] = /^([a-z]+):\s*(.*)$/.exec(line) ?? [];
    const header = headers.find((known) => known === name);
    if (header === undefined || value === undefined)
      fail(file, at + 1, `a header (${headers.join(', ')}) or an empty line`, line);
    if (values.has(header)) fail(file, at + 1, `${header} once`, line);
    if (!isName(value)) fail(file, at + 1, `a value for ${header}`, value);
    values.set(header, value);
    const expected = expectedOf(header, value);
    if (expected !== null) fail(file, at + 1, expected, value);
  }
  const end = at + 1;
  const found = lines[at] ?? '';

  const steps: string[] = [];
  for (at++; at < lines.length; at++) {
    const line = (lines[at] as string).trim();
    if (line === '' || line.startsWith('#')) continue;
    if (!isName(line)) fail(file, at + 1, 'the name of a choice', line);
    steps.push(line);
  }
  return {
    value: (header) =>
      values.get(header) ?? fail(file, end, `a header line for ${header} before the empty line`, found),
    optional: (header) => values.get(header),
    steps,
  };
}

function isName(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text !== '' && text.trim() === text && !/[\u0000-\u001f\u007f]/.test(text);
}

function fail(file: string, line: number | null, expected: string, found: string): never {
  const quoted = found.length > QUOTE_MAX ? `${found.slice(0, QUOTE_MAX)}…` : found;
  const where = line === null ? file : `${file}:${line}`;
  throw new QuiesceError(
    'BAD_SCHEDULE',
    `${where}: expected ${expected}, found ${quoted === '' ? 'nothing' : JSON.stringify(quoted)}`,
  );
}
