/**
 * Reader of the recordings in `test/recordings/xen-lifecycle` (recorded on Xen 4.17.7 with Linux 6.1.192), and the
 * normal form in which recording and simulator are compared.
 *
 * Compared are *changes*: who writes, removes or protects which node of the vTPM and of `control/shutdown`, in which
 * transaction, and which watches guest and backend hold on each other and on `control/shutdown`. Not compared are
 * reads and replies; watches of the toolstack (the simulated one looks at a condition where libxl is told); watches of
 * the backend on its own directories (the recorded one watches all of `backend/vtpm`, the simulated one single nodes,
 * to keep the state space small); and nodes of other devices and of the domain itself, such as libxl's under `/vm`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** The names of the two domains of a scenario. */
export interface Roles {
  readonly source: number;
  readonly target: number;
}

/** A store request by anybody, with absolute paths; `domid` is that of a guest, else 0. */
export interface Request {
  readonly who: 'toolstack' | 'tpmback' | 'guest';
  readonly domid: number;
  readonly operation: string;
  readonly path: string;
  readonly value: string;
  readonly line: number;
}

/** A recording, from `test/recordings/xen-lifecycle/<name>.jsonl`. */
export function readRecording(name: string): readonly RecordedLine[] {
  const file = join('test', 'recordings', 'xen-lifecycle', `${name}.jsonl`);
  return parseRecording(file, readFileSync(join(process.cwd(), file), 'utf8'));
}

/** An empty line stands for one that is not used; so lines keep their numbers. Throws `BAD_RECORDING`. */
export function parseRecording(file: string, text: string): readonly RecordedLine[] {
  const lines: RecordedLine[] = [];
  let line = 0;
  for (const entry of text.split('\n')) {
    line++;
    if (entry !== '') lines.push(parseLine(`${file}:${line}`, line, entry));
  }
  return lines;
}

function parseLine(place: string, line: number, text: string): RecordedLine {
  const bad = (what: string): QuiesceError => new QuiesceError('BAD_RECORDING', `${place}: ${what}`);
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw bad('expected a JSON object, found something that is no JSON');
  }
  if (typeof found !== 'object' || found === null) throw bad('expected a JSON object');
  const fields: { readonly [name: string]: unknown } = { ...found };
  const { f: extra }: { readonly f?: unknown } = found;
  const string = (name: string, absent?: string): string => {
    const value = fields[name] ?? absent;
    if (typeof value !== 'string') throw bad(`expected text in field '${name}'`);
    return value;
  };
  const number = (name: string, absent?: number): number => {
    const value = fields[name] ?? absent;
    if (typeof value !== 'number') throw bad(`expected a number in field '${name}'`);
    return value;
  };
  const numbers = new Map<string, number>();
  for (const [name, value] of Object.entries(extra ?? {})) if (typeof value === 'number') numbers.set(name, value);
  return {
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
}

/** The store requests of a recording that were carried out: those of a transaction where it ended, if it took effect. */
export function recordedRequests(lines: readonly RecordedLine[]): readonly Request[] {
  const done: Request[][] = [];
  const open = new Map<number, Request[]>();
  const ending = new Map<number, Request[]>();
  for (const entry of lines) {
    if (entry.src !== 'xenstored') continue;
    if (entry.op === 'REPLY') {
      if (entry.to === 'ERROR') ending.get(entry.conn)?.splice(0);
      if (entry.to === 'ERROR' || entry.to === 'TRANSACTION_END') ending.delete(entry.conn);
      continue;
    }
    const request = requestOf(entry);
    if (request === null) continue;
    if (entry.op === 'TRANSACTION_START') open.set(entry.conn, [request]);
    else if (entry.op === 'TRANSACTION_END') {
      const requests = [...(open.get(entry.conn) ?? []), request];
      open.delete(entry.conn);
      if (entry.value !== 'T') continue;
      ending.set(entry.conn, requests);
      done.push(requests);
    } else if (/WATCH$|INTRODUCE|RESUME/.test(entry.op) || !open.has(entry.conn)) done.push([request]);
    else open.get(entry.conn)?.push(request);
  }
  return done.flat();
}

function requestOf(entry: RecordedLine): Request | null {
  const domain = /^dom(\d+)$/.exec(entry.who)?.[1];
  const who = domain === undefined ? BY[entry.who] : 'guest';
  if (who === undefined) return null;
  const path =
    entry.path.startsWith('/') || entry.path === '' ? entry.path : `/local/domain/${domain ?? 0}/${entry.path}`;
  return { who, domid: Number(domain ?? 0), operation: entry.op, path, value: entry.value.trim(), line: entry.line };
}

/** The receiver of a migration appears as a client of domain 0 in one recording. */
const BY: { readonly [who: string]: Request['who'] } = {
  toolstack: 'toolstack',
  'dom0-client': 'toolstack',
  'vtpm-backend': 'tpmback',
};

const COMPARED: { readonly [operation: string]: true } = {
  WRITE: true,
  RM: true,
  MKDIR: true,
  SET_PERMS: true,
  WATCH: true,
  UNWATCH: true,
  INTRODUCE: true,
  RESUME: true,
};

/** Changes as texts: `who OPERATION path value`, with transactions as blocks. Equal runs give equal texts. */
export function changesOf(requests: readonly Request[], roles: Roles): readonly string[] {
  const changes: string[] = [];
  let begun: number | null = null;
  for (const request of requests) {
    const { who, operation } = request;
    if (operation === 'TRANSACTION_START') {
      begun = changes.length;
      changes.push(`${who} BEGIN`);
    } else if (operation === 'TRANSACTION_END') {
      if (begun === changes.length - 1) changes.pop();
      else changes.push(`${who} COMMIT`);
      begun = null;
    } else {
      const change = changeOf(request, roles);
      if (change !== null) changes.push(change);
    }
  }
  return changes;
}

function changeOf({ who, operation, path, value }: Request, roles: Roles): string | null {
  if (COMPARED[operation] === undefined) return null;
  if (operation === 'INTRODUCE' || operation === 'RESUME') {
    return `${who} ${operation} ${roleOf(value.split(' ')[0] ?? '', roles)}`;
  }
  const place = placeOf(path, roles);
  if (place === null) return null;
  const watch = operation === 'WATCH' || operation === 'UNWATCH';
  if (!watch) return `${who} ${operation} ${place} ${textOf(place, value, operation, roles)}`.trimEnd();
  const other = who === 'guest' ? / back\/state| control\/shutdown/ : / front\/state/;
  return who !== 'toolstack' && other.test(` ${place.slice(place.indexOf(':') + 1)}`)
    ? `${who} ${operation} ${place}`
    : null;
}

/** Beginnings of the paths that are compared, with the domain's number in the first group. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/^\/local\/domain\/(\d+)\/device\/vtpm\/0/, 'front'],
  [/^\/local\/domain\/(\d+)\/device\/vtpm$/, 'front-parent'],
  [/^\/local\/domain\/0\/backend\/vtpm\/(\d+)\/0/, 'back'],
  [/^\/local\/domain\/0\/backend\/vtpm\/(\d+)$/, 'back-parent'],
  [/^\/libxl\/(\d+)\/device\/vtpm\/0/, 'libxl'],
  [/^\/libxl\/(\d+)\/device\/vtpm$/, 'libxl-parent'],
  [/^\/local\/domain\/(\d+)\/control\/shutdown/, 'control/shutdown'],
];

/** `source:front/state` and the like; null when the path is not compared. */
function placeOf(path: string, roles: Roles): string | null {
  if (path === '/local/domain/0/backend/vtpm') return 'back-root';
  for (const [pattern, name] of PLACES) {
    const match = pattern.exec(path);
    if (match !== null) return `${roleOf(match[1] ?? '', roles)}:${name}${path.slice(match[0].length)}`;
  }
  return null;
}

function roleOf(domid: string, roles: Roles): string {
  if (Number(domid) === roles.source) return 'source';
  return Number(domid) === roles.target ? 'target' : `domain ${domid}`;
}

/** Values that differ from one instance to the next: their form remains. */
function textOf(place: string, value: string, operation: string, roles: Roles): string {
  const node = place.slice(place.lastIndexOf('/') + 1);
  if (operation === 'SET_PERMS')
    return value.replace(/\b([nrwb])([1-9]\d*)/g, (_, kind, id) => `${kind}:${roleOf(id, roles)}`);
  if (node === 'frontend-id') return roleOf(value, roles);
  if (node === 'ring-ref' || node === 'event-channel') return /^\d+$/.test(value) ? 'a number' : value;
  if (node === 'uuid') return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value) ? 'a uuid' : value;
  return value.startsWith('/') ? (placeOf(value, roles) ?? value) : value;
}

/** The requests that concern one of the two domains: those of its guest, and of others on its device. */
export function concerning(requests: readonly Request[], role: keyof Roles, roles: Roles): readonly Request[] {
  return requests.filter(({ domid, operation, path, value }) => {
    if (operation.startsWith('TRANSACTION')) return true;
    if (domid !== 0) return domid === roles[role];
    if (path === '') return Number(value.split(' ')[0]) === roles[role];
    const place = placeOf(path, roles);
    return place?.startsWith(`${role}:`) === true || (place === 'back-root' && role === 'source');
  });
}

/** The values of `ring-ref` and `event-channel` that were offered, in order: `ref/port`. */
export function offers(requests: readonly Request[]): readonly string[] {
  const written = (node: string): string[] =>
    requests
      .filter(({ operation, path }) => operation === 'WRITE' && path.endsWith(`device/vtpm/0/${node}`))
      .map(({ value }) => value);
  const ports = written('event-channel');
  return written('ring-ref').map((ref, index) => `${ref}/${ports[index]}`);
}

/** What the guest's probes saw, in order. */
export function probesOf(lines: readonly RecordedLine[]): readonly RecordedLine[] {
  return lines.filter(({ src }) => src === 'guest-probe');
}

/** What the backend did with the page: `map`, `fetch`, `execute`, `answer`, `unmap`. */
export interface RingLine {
  readonly line: number;
  readonly t: number;
  readonly kind: 'map' | 'fetch' | 'execute' | 'answer' | 'unmap' | 'cancel';
  /** Number of the request since the mapping; of an execution, the caller's own number. */
  readonly number: number;
  /** Of `execute`: how many extends the TPM has executed. */
  readonly executed: number;
  readonly text: string;
}

export function ringOf(lines: readonly RecordedLine[]): readonly RingLine[] {
  const found: RingLine[] = [];
  for (const { src, line, t, value, f } of lines) {
    if (src !== 'vtpm-backend') continue;
    const kind = KINDS.find(([, pattern]) => pattern.test(value))?.[0];
    if (kind === undefined) continue;
    const number =
      (kind === 'execute' ? f.get('echo') : kind === 'map' || kind === 'unmap' ? f.get('ref') : f.get('seq')) ?? 0;
    found.push({ line, t, kind, number, executed: f.get('exec') ?? 0, text: value });
  }
  return found;
}

const KINDS: readonly (readonly [RingLine['kind'], RegExp])[] = [
  ['map', /map ref=\d+ -> ok$/],
  ['unmap', /unmap ref=/],
  ['fetch', / fetch seq=/],
  ['execute', / extend exec=/],
  ['answer', / answer seq=/],
  ['cancel', / CANCEL seen/],
];

/** What became of a command, as its user in the guest reports it. */
export interface Done {
  readonly line: number;
  readonly t: number;
  readonly number: number;
  readonly errno: number;
  /** How many extends the TPM had executed by its answer; 0 without an answer. */
  readonly executed: number;
  readonly milliseconds: number;
}

export function doneOf(lines: readonly RecordedLine[]): readonly Done[] {
  const found: Done[] = [];
  for (const { src, line, t, value } of lines) {
    if (src !== 'guest-console' || !/G tpmn? done /.test(value)) continue;
    const field = (name: string): number => Number(new RegExp(` ${name}=(-?\\d+)`).exec(value)?.[1] ?? 0);
    const errno = field('werr') + field('rerr');
    found.push({ line, t, number: field('n'), errno, executed: field('exec'), milliseconds: field('dur_us') / 1000 });
  }
  return found;
}
