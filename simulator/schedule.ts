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
import type { DaemonName } from '../xenstore-sim/index.js';
import type { Grain } from './actors.js';
import { formatLines, parseLines } from './schedule-lines.js';
import { DAEMONS, USUAL_DAEMON } from './world-options.js';

export { SCHEDULE_MAGIC } from './schedule-lines.js';

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

/** The most commands a schedule can ask for. */
export const COMMANDS_MAX = 0xffffffff;

/**
 * The text of a schedule file. `parseSchedule` gives the schedule back. Throws `BAD_SCHEDULE` for a name that the
 * format cannot hold: empty, with blanks at its ends, with control characters, or a step that begins with `#`.
 */
export function formatSchedule(schedule: Schedule): string {
  const { commands, steps } = schedule;
  const values: { readonly [H in Header]: string } = {
    ...schedule,
    commands: commands === null ? 'all' : String(commands),
  };
  const headers = schedule.daemon === USUAL_DAEMON ? REQUIRED : HEADERS;
  return formatLines(
    headers.map((header) => [header, values[header]]),
    steps,
  );
}

/**
 * Parses the text of a schedule file. `file` is the name that messages use. Throws `BAD_SCHEDULE` with
 * `file:line: expected ..., found ...`.
 */
export function parseSchedule(file: string, text: string): Schedule {
  const { value, optional, steps } = parseLines(file, text, HEADERS, expectedOf);
  const daemon = optional('daemon') ?? USUAL_DAEMON;
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

/** What a header line must hold where `value` is not it. */
function expectedOf(header: Header, value: string): string | null {
  switch (header) {
    case 'commands':
      return commandsOf(value) === undefined ? `'all' or a number from 1 to ${COMMANDS_MAX} for commands` : null;
    case 'grain':
      return value === 'fine' || value === 'coarse' ? null : "'fine' or 'coarse' for grain";
    case 'daemon':
      return expectedDaemon(value);
    default:
      return null;
  }
}

function isDaemon(text: string): text is DaemonName {
  return (DAEMONS as readonly string[]).includes(text);
}

/** Undefined for what is neither `all` nor a number of commands. */
function commandsOf(text: string): number | null | undefined {
  if (text === 'all') return null;
  const number = Number(text);
  return /^[1-9][0-9]{0,9}$/.test(text) && number <= COMMANDS_MAX ? number : undefined;
}

/** A daemon that need not be the usual one, as part of the names of a world; nothing for the usual one. */
export function unusualDaemon(name: string | undefined): { readonly daemon?: DaemonName } {
  return name === undefined || name === USUAL_DAEMON || !isDaemon(name) ? {} : { daemon: name };
}

/** What a header `daemon` is expected to have in place of `value`; null if that will do. */
export function expectedDaemon(value: string): string | null {
  return isDaemon(value) ? null : `${DAEMONS.join(', ')} for daemon`;
}
