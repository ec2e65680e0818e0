/**
 * The trace of a live run: what each of its parts did, in files of JSON lines, one for each time a part was started.
 *
 *     {"at":1,"trace":1,"part":"a/guest","pid":4711,"tpmfront":"sequenced","tpm":"model","drain":true}
 *     {"at":12,"begin":"guest1.user/issue"}
 *     {"at":15,"of":12,"command":"8001…","locality":0,"state":{"user.position":1}}
 *     {"at":31,"begin":"tpm1.execute/complete","answer":"8001…"}
 *
 * `at` comes from one counter that all parts share, taken before the step begins and after it has ended: where one step
 * ended before another began, that is the order in which they happened; steps whose intervals overlap may have happened
 * in either. A step that began and has no end was cut off by the death of its part.
 *
 * The parser trusts nothing. What it does not know it refuses, as to pass over it would be to say that it means nothing; but
 * for a last line without an end, which is what a part that is killed leaves.
 */
import { QuiesceError } from './errors.js';

export const LIVE_TRACE_VERSION = 1;

/** First line of a file. */
export interface PartHeader {
  readonly at: number;
  /** `a/guest`, `b/backend`, `toolstack` and so on. */
  readonly part: string;
  readonly tpmfront: string;
  readonly tpm: string;
  /** Whether the toolstack asks the backend to quiesce before it copies the guest's memory. */
  readonly drain: boolean;
}

/** A store request: operation as in xenstored's log, path as the driver gave it, value or what was read. */
export type TracedRequest = readonly [operation: string, path: string, value: string];

/** What is recorded with the end of a step; each where it applies. */
export interface StepDetails {
  /** Store requests that took effect, in order. */
  readonly store?: readonly TracedRequest[];
  /** Fields of the part's own state that the step has changed, with their values after it. */
  readonly state?: { readonly [field: string]: number };
  /** The last state word that the step stored into a ring page: number of the page, value. */
  readonly ring?: readonly [page: number, state: number];
  /** A command that was taken from the user, its bytes in hexadecimal; and its locality. */
  readonly command?: string;
  readonly locality?: number;
  /** Number of a command that the driver sends by itself. */
  readonly own?: number;
  /** Digest of the packet that was copied out of the ring. */
  readonly request?: number;
  /** Digest of the packet that was put into the ring, or that the user got. */
  readonly response?: number;
  /** The user was told this error instead. */
  readonly errno?: number;
  /** Answer of the TPM, its bytes in hexadecimal. */
  readonly answer?: string;
}

/** One step of a part, or what a toolstack did between two moments. */
export interface TracedStep {
  readonly name: string;
  readonly begin: number;
  /** `Infinity` for a step that was cut off. */
  readonly end: number;
  readonly details: StepDetails;
  /** Where it begins. */
  readonly file: string;
  readonly line: number;
  /** Of its end; the same where it has none. */
  readonly endLine: number;
}

/** A part from one start to its end. */
export interface TracedPart {
  readonly file: string;
  readonly header: PartHeader;
  /** In the order of their beginnings. */
  readonly steps: readonly TracedStep[];
}

const LINE_MAX = 40_000;
const QUOTE_MAX = 60;

/** Parses one file. Throws `BAD_RECORDING` with `file:line: expected ..., found ...`. */
export function parsePartTrace(file: string, text: string): TracedPart {
  const lines = text.split('\n');
  // A part that is killed leaves at most the beginning of a line.
  lines.pop();
  const [first = ''] = lines;
  const header = headerOf(file, first);
  const open = new Map<number, Pick<TracedStep, 'name' | 'line' | 'details'>>();
  const steps: TracedStep[] = [];
  let last = header.at;
  for (let index = 1; index < lines.length; index++) {
    const line = index + 1;
    const text = lines[index] as string;
    const entry = objectOf(file, line, text);
    const { at, begin, of } = entry;
    if (!isCount(at) || at <= last) fail(file, line, `a number 'at' above ${last}`, text);
    last = at;
    if (typeof begin === 'string' && begin !== '') {
      const { begin: _begin, ...rest } = entry;
      open.set(at, { name: begin, line, details: detailsOf(file, line, rest, text) });
      continue;
    }
    const begun = isCount(of) ? open.get(of) : undefined;
    if (begun === undefined || !isCount(of)) fail(file, line, "the end 'of' a step that has begun", text);
    open.delete(of);
    const details = { ...begun.details, ...detailsOf(file, line, entry, text) };
    steps.push({ name: begun.name, begin: of, end: at, details, file, line: begun.line, endLine: line });
  }
  for (const [begin, { name, line, details }] of open)
    steps.push({ name, begin, end: Number.POSITIVE_INFINITY, details, file, line, endLine: line });
  steps.sort((a, b) => a.begin - b.begin);
  return { file, header, steps };
}

function headerOf(file: string, text: string): PartHeader {
  const entry = objectOf(file, 1, text);
  const { at, trace, part, tpmfront, tpm, drain } = entry;
  const whole =
    isCount(at) &&
    trace === LIVE_TRACE_VERSION &&
    typeof part === 'string' &&
    typeof tpmfront === 'string' &&
    typeof tpm === 'string' &&
    typeof drain === 'boolean';
  if (!whole) fail(file, 1, 'the first line of a live trace of version 1', text);
  return { at, part, tpmfront, tpm, drain };
}

const CHECKS: { readonly [K in keyof StepDetails]-?: (value: unknown) => boolean } = {
  store: (value) => Array.isArray(value) && value.every(isRequest),
  state: (value) => typeof value === 'object' && value !== null && Object.values(value).every(isCount),
  ring: (value) => Array.isArray(value) && value.length === 2 && value.every(isCount),
  command: isHex,
  locality: isCount,
  own: isCount,
  request: Number.isInteger,
  response: Number.isInteger,
  errno: isCount,
  answer: isHex,
};

function detailsOf(file: string, line: number, entry: Entry, text: string): StepDetails {
  const names = Object.keys(CHECKS) as (keyof StepDetails)[];
  known(file, line, entry, ['at', 'of', ...names], text);
  for (const name of names) {
    if (entry[name] !== undefined && !CHECKS[name](entry[name])) fail(file, line, `a value for '${name}'`, text);
  }
  const { at: _at, of: _of, ...details } = entry;
  return details as StepDetails;
}

interface Entry {
  readonly [name: string]: unknown;
}

function objectOf(file: string, line: number, text: string): Entry {
  if (text.length > LINE_MAX) fail(file, line, `a line of at most ${LINE_MAX} characters`, text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    fail(file, line, 'a line of JSON', text);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(file, line, 'a JSON object', text);
  return value as Entry;
}

function known(file: string, line: number, entry: Entry, names: readonly string[], text: string): void {
  const other = Object.keys(entry).find((name) => !names.includes(name));
  if (other !== undefined) fail(file, line, `one of ${names.join(', ')}`, `'${other}' in ${text}`);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHex(value: unknown): boolean {
  return typeof value === 'string' && /^([0-9a-f]{2})*$/.test(value);
}

function isRequest(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && value.every((text) => typeof text === 'string');
}

function fail(file: string, line: number, expected: string, found: string): never {
  const quoted = found.length > QUOTE_MAX ? `${found.slice(0, QUOTE_MAX)}…` : found;
  throw new QuiesceError('BAD_RECORDING', `${file}:${line}: expected ${expected}, found ${quoted || 'nothing'}`);
}
