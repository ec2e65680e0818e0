/**
 * Reader of recordings of a domain's life on a real Xen: one JSON object a line, in time order.
 *
 *     {"t":66837,"src":"xenstored","who":"dom7","conn":20,"op":"WRITE","path":"device/vtpm/0/state","value":"3"}
 *
 * `t` is in microseconds, `src` is who wrote the line down, `who` asked for what (`op`, `path`, `value`) over which
 * connection, `to` is the request a reply answers, and `f` holds numbers out of a line of the backend. Members beside
 * these are not looked at. The parser trusts nothing: a source or an event that it does not know is refused, since
 * passing over it would be to say that it changes nothing.
 */
import { QuiesceError } from '../../protocol/errors.js';

export interface RecordedLine {
  /** Number of the line in the file, from 1. */
  readonly line: number;
  /** Microseconds. */
  readonly t: number;
  readonly src: string;
  readonly who: string;
  readonly op: string;
  readonly conn: number;
  readonly path: string;
  readonly value: string;
  /** Of a reply: the request. */
  readonly to: string;
  /** Numbers out of a line of the backend. */
  readonly f: ReadonlyMap<string, number>;
}

/** The events of each source; null where any name may stand: of functions that were probed, and of logs. */
const EVENTS: { readonly [source: string]: ReadonlySet<string> | null } = {
  xenstored: new Set([
    ...['READ', 'WRITE', 'MKDIR', 'RM', 'DIRECTORY', 'DIRECTORY_PART', 'GET_PERMS', 'SET_PERMS', 'WATCH', 'UNWATCH'],
    ...['WATCH_EVENT', 'RESET_WATCHES', 'TRANSACTION_START', 'TRANSACTION_END', 'INTRODUCE', 'RELEASE', 'RESUME'],
    ...['GET_DOMAIN_PATH', 'IS_DOMAIN_INTRODUCED', 'SET_TARGET', 'CONTROL', 'REPLY', 'connect', 'disconnect'],
  ]),
  'vtpm-backend': new Set(['ring', 'event', 'tpm', 'backend', 'watch', 'ctl']),
  lab: new Set(['BEGIN', 'END']),
  'guest-probe': null,
  'guest-console': null,
  'dom0-probe': null,
  'dom0-kernel-log': null,
  'xen-console': null,
  xl: null,
};

/** Characters of a found value that a message quotes. */
const QUOTE_MAX = 40;

/** An empty line stands for one that is not used; so lines keep their numbers. Throws `BAD_RECORDING`. */
export function parseRecording(file: string, text: string): readonly RecordedLine[] {
  const lines: RecordedLine[] = [];
  let line = 0;
  for (const entry of text.split('\n')) {
    line++;
    if (entry.trim() !== '') lines.push(parseLine(`${file}:${line}`, line, entry));
  }
  if (lines.length === 0) throw badRecording(`${file}:1`, 'expected one line at least, found none');
  return lines;
}

/** The error for a line that is not what it should be; `place` is file and line. */
export function badRecording(place: string, what: string): QuiesceError {
  return new QuiesceError('BAD_RECORDING', `${place}: ${what}`);
}

/** A found value as a message shows it. */
export function quoted(text: string): string {
  return `'${text.length > QUOTE_MAX ? `${text.slice(0, QUOTE_MAX)}...` : text}'`;
}

function parseLine(place: string, line: number, text: string): RecordedLine {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw badRecording(place, 'expected a JSON object, found something that is no JSON; is the file cut short?');
  }
  if (typeof found !== 'object' || found === null) throw badRecording(place, 'expected a JSON object');
  const fields: { readonly [name: string]: unknown } = { ...found };
  const field = (name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined);
  const string = (name: string, absent?: string): string => {
    const value = field(name) ?? absent;
    if (typeof value !== 'string') throw badRecording(place, `expected text in field '${name}'`);
    return value;
  };
  const number = (name: string, absent?: number): number => {
    const value = field(name) ?? absent;
    if (typeof value !== 'number') throw badRecording(place, `expected a number in field '${name}'`);
    return value;
  };
  const numbers = new Map<string, number>();
  for (const [name, value] of Object.entries(field('f') ?? {})) if (typeof value === 'number') numbers.set(name, value);
  const parsed: RecordedLine = {
    line,
    t: number('t'),
    src: string('src'),
    who: string('who'),
    op: string('op'),
    conn: number('conn', 0),
    path: string('path', ''),
    value: string('value', ''),
    to: string('to', ''),
    f: numbers,
  };
  checkEvent(place, parsed);
  return parsed;
}

function checkEvent(place: string, { src, op }: RecordedLine): void {
  const events = Object.hasOwn(EVENTS, src) ? EVENTS[src] : undefined;
  if (events === undefined)
    throw badRecording(place, `unknown source ${quoted(src)}; known: ${Object.keys(EVENTS).join(', ')}`);
  if (events !== null && !events.has(op))
    throw badRecording(place, `unknown event ${quoted(op)} of ${src}; known: ${[...events].join(', ')}`);
}
