/**
 * The normal form in which a recording and the simulator are compared: changes of the store, as texts.
 *
 * Compared are *changes*: who writes, removes or protects which node of the vTPM and of `control/shutdown`, in which
 * transaction, and which watches guest and backend hold on each other and on `control/shutdown`. Not compared are
 * reads and replies; watches of the toolstack (the simulated one looks at a condition where libxl is told); watches of
 * the backend on its own directories (the recorded one watches all of `backend/vtpm`, the simulated one single nodes,
 * to keep the state space small); and nodes of other devices and of the domain itself, such as libxl's under `/vm`.
 */
import type { RecordedLine } from './recording.js';

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

/** A change, or the begin or end of a transaction with changes. */
export interface Change {
  /** `who OPERATION path value`. */
  readonly text: string;
  readonly line: number;
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
  const who = domain === undefined ? BY.get(entry.who) : 'guest';
  if (who === undefined) return null;
  const path =
    entry.path.startsWith('/') || entry.path === '' ? entry.path : `/local/domain/${domain ?? 0}/${entry.path}`;
  return { who, domid: Number(domain ?? 0), operation: entry.op, path, value: entry.value.trim(), line: entry.line };
}

/** The receiver of a migration appears as a client of domain 0 in one recording. */
const BY: ReadonlyMap<string, Request['who']> = new Map([
  ['toolstack', 'toolstack'],
  ['dom0-client', 'toolstack'],
  ['vtpm-backend', 'tpmback'],
]);

const COMPARED: ReadonlySet<string> = new Set([
  'WRITE',
  'RM',
  'MKDIR',
  'SET_PERMS',
  'WATCH',
  'UNWATCH',
  'INTRODUCE',
  'RESUME',
]);

/** Changes with transactions as blocks. Equal runs give equal texts. */
export function changesOf(requests: readonly Request[], roles: Roles): readonly Change[] {
  const changes: Change[] = [];
  let begun: number | null = null;
  for (const request of requests) {
    const { who, operation, line } = request;
    if (operation === 'TRANSACTION_START') {
      begun = changes.length;
      changes.push({ text: `${who} BEGIN`, line });
    } else if (operation === 'TRANSACTION_END') {
      if (begun === changes.length - 1) changes.pop();
      else changes.push({ text: `${who} COMMIT`, line });
      begun = null;
    } else {
      const text = changeOf(request, roles);
      if (text !== null) changes.push({ text, line });
    }
  }
  return changes;
}

function changeOf({ who, operation, path, value }: Request, roles: Roles): string | null {
  if (!COMPARED.has(operation)) return null;
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
export function placeOf(path: string, roles: Roles): string | null {
  if (path === '/local/domain/0/backend/vtpm') return 'back-root';
  for (const [pattern, name] of PLACES) {
    const match = pattern.exec(path);
    if (match !== null) return `${roleOf(match[1] ?? '', roles)}:${name}${path.slice(match[0].length)}`;
  }
  return null;
}

/** The number of the domain that a compared path belongs to; null for a path that is not compared. */
export function domainOf(path: string): number | null {
  for (const [pattern] of PLACES) {
    const domid = pattern.exec(path)?.[1];
    if (domid !== undefined) return Number(domid);
  }
  return null;
}

export function roleOf(domid: string, roles: Roles): string {
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
