/**
 * Schedule files: which world, and which choices in which order, as plain text.
 *
 *     quiesce schedule 1
 *     scenario: checkpoint
 *     tpmfront: resend
 *     tpmback: v2
 *     session: ima_extends
 *     commands: all
 *     grain: fine
 *
 *     toolstack.run/request_suspend
 *     guest1.user/issue
 *
 * The first line is exact. Each header line stands once, in any order; an empty line ends them. One more header,
 * `daemon`, names the xenstored if it is not the usual one. Then comes the name
 * of one choice a line. A line that begins with `#` is a comment; empty lines between choices mean nothing.
 */
import { QuiesceError } from '../protocol/errors.js';
import type { DaemonName } from '../xenstore-sim/index.js';
import type { Grain } from './actors.js';
import { DAEMONS, USUAL_DAEMON } from './world-options.js';

export const SCHEDULE_MAGIC = 'quiesce schedule 1';

/** Which world a schedule is for. */
export interface WorldNames {
  readonly scenario: string;
  readonly tpmfront: string;
  readonly tpmback: string;
  readonly session: string;
  /** How many commands of the session are issued, 1 at least; null for all. */
  readonly commands: number | null;
  readonly grain: Grain;
  /** Which xenstored the hosts run. */
  readonly daemon: DaemonName;
}

export interface Schedule extends WorldNames {
  /** Names of the choices, in order. */
  readonly steps: readonly string[];
}

const REQUIRED = ['scenario', 'tpmfront', 'tpmback', 'session', 'commands', 'grain'] as const;
const HEADERS = [...REQUIRED, 'daemon'] as const;

type Header = (typeof HEADERS)[number];

/** Characters of a found line that a message quotes. */
const QUOTE_MAX = 60;

/** The most commands a schedule can ask for. */
export const COMMANDS_MAX = 0xffffffff;

/**
 * The text of a schedule file. `parseSchedule` gives the schedule back. Throws `BAD_SCHEDULE` for a name that the
 * format cannot hold: empty, with blanks at its ends, with control characters, or a step that begins with `#`.
 */
export function formatSchedule(schedule: Schedule): string {
  const { commands, steps } = schedule;
  const names = [schedule.scenario, schedule.tpmfront, schedule.tpmback, schedule.session];
  for (const name of [...names, ...steps]) {
    if (!isName(name)) fail('schedule', null, 'a printable name without blanks at its ends', name);
  }
  for (const step of steps)
    if (step.startsWith('#')) fail('schedule', null, 'a choice that does not look like a comment', step);
  const values: { readonly [H in Header]: string } = {
    ...schedule,
    commands: commands === null ? 'all' : String(commands),
  };
  const headers = schedule.daemon === USUAL_DAEMON ? REQUIRED : HEADERS;
  return [SCHEDULE_MAGIC, ...headers.map((header) => `${header}: ${values[header]}`), '', ...steps, ''].join('\n');
}

/**
 * Parses the text of a schedule file. `file` is the name that messages use. Throws `BAD_SCHEDULE` with
 * `file:line: expected ..., found ...`.
 */
export function parseSchedule(file: string, text: string): Schedule {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  if (lines[0] !== SCHEDULE_MAGIC) fail(file, 1, `the line '${SCHEDULE_MAGIC}'`, lines[0] ?? '');
  const values = new Map<string, string>();
  let at = 1;
  for (; at < lines.length; at++) {
    const line = (lines[at] as string).trim();
    if (line.startsWith('#')) continue;
    if (line === '') break;
    const [, header, value] = /^([a-z]+):\s*(.*)$/.exec(line) ?? [];
    if (header === undefined || value === undefined || !isHeader(header)) {
      fail(file, at + 1, `a header (${HEADERS.join(', ')}) or an empty line`, line);
    }
    if (values.has(header)) fail(file, at + 1, `${header} once`, line);
    if (!isName(value)) fail(file, at + 1, `a value for ${header}`, value);
    values.set(header, value);
    if (header === 'commands' && commandsOf(value) === undefined)
      fail(file, at + 1, `'all' or a number from 1 to ${COMMANDS_MAX} for commands`, value);
    if (header === 'grain' && value !== 'fine' && value !== 'coarse')
      fail(file, at + 1, "'fine' or 'coarse' for grain", value);
    if (header === 'daemon' && !isDaemon(value)) fail(file, at + 1, `${DAEMONS.join(', ')} for daemon`, value);
  }
  const end = at + 1;
  const daemon = values.get('daemon') ?? USUAL_DAEMON;
  const value = (header: Header): string =>
    values.get(header) ?? fail(file, end, `a header line for ${header} before the empty line`, lines[at] ?? '');

  const steps: string[] = [];
  for (at++; at < lines.length; at++) {
    const line = (lines[at] as string).trim();
    if (line === '' || line.startsWith('#')) continue;
    if (!isName(line)) fail(file, at + 1, 'the name of a choice', line);
    steps.push(line);
  }
  return {
    scenario: value('scenario'),
    tpmfront: value('tpmfront'),
    tpmback: value('tpmback'),
    session: value('session'),
    commands: commandsOf(value('commands')) ?? null,
    grain: value('grain') === 'coarse' ? 'coarse' : 'fine',
    daemon: isDaemon(daemon) ? daemon : USUAL_DAEMON,
    steps,
  };
}

function isHeader(text: string): text is Header {
  return (HEADERS as readonly string[]).includes(text);
}

function isDaemon(text: string): text is DaemonName {
  return (DAEMONS as readonly string[]).includes(text);
}

function isName(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text !== '' && text.trim() === text && !/[\u0000-\u001f\u007f]/.test(text);
}

/** Undefined for what is neither `all` nor a number of commands. */
function commandsOf(text: string): number | null | undefined {
  if (text === 'all') return null;
  const number = Number(text);
  return /^[1-9][0-9]{0,9}$/.test(text) && number <= COMMANDS_MAX ? number : undefined;
}

function fail(file: string, line: number | null, expected: string, found: string): never {
  const quoted = found.length > QUOTE_MAX ? `${found.slice(0, QUOTE_MAX)}…` : found;
  const where = line === null ? file : `${file}:${line}`;
  throw new QuiesceError(
    'BAD_SCHEDULE',
    `${where}: expected ${expected}, found ${quoted === '' ? 'nothing' : JSON.stringify(quoted)}`,
  );
}
