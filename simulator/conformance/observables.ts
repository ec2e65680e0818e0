/**
 * What can be seen both in a recording and in the simulator: the observables of the vTPM, in order.
 *
 *     of the store    the changes of `changes.ts`, those of a transaction together where it took effect
 *     of the ring     the backend maps the page, fetches a request, stores an answer, unmaps the page
 *
 * Ignored of a recording, line by line: the block devices, the console and all other devices; what happens to the
 * nodes of a domain itself (a toolstack makes `control/shutdown` when it likes, and whether the directory of all vTPMs
 * goes with the last of a host depends on the others); reads, replies and watch events; the guest's console and its
 * probes, which come late over another way, so that their order among the other lines is not known; the logs of
 * toolstack and kernels; that the backend has seen a CANCEL, or executed an extend, which its answer shows; and all
 * times: between any two lines any time may have passed.
 */
import { type Change, changesOf, domainOf, type Request, type Roles, recordedRequests, roleOf } from './changes.js';
import { badRecording, quoted, type RecordedLine } from './recording.js';

export interface Observables {
  readonly roles: Roles;
  readonly events: readonly Change[];
  /** Whether the recording begins before the source has its device. */
  readonly created: boolean;
  /** Requests that the backend fetches. */
  readonly fetched: number;
  /** Somebody asks a guest to suspend. */
  readonly suspends: boolean;
}

/** There is no such domain. */
const NOBODY = -1;

/** Throws `BAD_RECORDING` for a line of the backend that is not understood; `file` is for messages. */
export function observablesOf(file: string, lines: readonly RecordedLine[]): Observables {
  const requests = recordedRequests(lines);
  const { roles, created } = rolesOf(lines, requests);
  const ring = lines.flatMap((line) => {
    const text = ringText(file, line, roles);
    return text === null ? [] : [{ text, line: line.line }];
  });
  const events = merged(storeEvents(requests, roles), ring);
  const pending = underWay(events);
  return {
    roles,
    events: [...pending, ...events],
    created,
    fetched: ring.filter(({ text }) => text.includes(' FETCH ')).length + pending.length,
    suspends: requests.some(({ path, value }) => path.endsWith('/control/shutdown') && value === 'suspend'),
  };
}

/** Changes of the store that both sides can be asked for. */
export function storeEvents(requests: readonly Request[], roles: Roles): readonly Change[] {
  const changes = changesOf(requests, roles);
  const kept = changes.filter(({ text }, i) => {
    if (text === 'toolstack RM back-root' || /^toolstack SET_PERMS \S+:control\/shutdown/.test(text)) return false;
    const made = /^toolstack WRITE (\S+:control\/shutdown)$/.exec(text)?.[1];
    return made === undefined || changes[i + 1]?.text.startsWith(`toolstack SET_PERMS ${made} `) !== true;
  });
  // A transaction of which nothing is left is nothing.
  return kept.filter(({ text }, i) => !isEmpty(text, kept[i + 1]?.text) && !isEmpty(kept[i - 1]?.text, text));
}

function isEmpty(text: string | undefined, next: string | undefined): boolean {
  return text?.endsWith(' BEGIN') === true && next?.endsWith(' COMMIT') === true;
}

/** The source is the domain that was there before; where none was, the first that is made. */
function rolesOf(
  lines: readonly RecordedLine[],
  requests: readonly Request[],
): { readonly roles: Roles; readonly created: boolean } {
  const made: number[] = [];
  const found: number[] = [];
  const add = (list: number[], domid: number): void => {
    if (domid > 0 && !list.includes(domid)) list.push(domid);
  };
  for (const { operation, value } of requests) if (operation === 'INTRODUCE') add(made, Number.parseInt(value, 10));
  for (const { operation, path, who } of requests) {
    const domid = domainOf(path);
    if (domid !== null && who === 'toolstack' && operation === 'SET_PERMS' && path.endsWith('/control/shutdown'))
      add(made, domid);
  }
  for (const { operation, path } of requests) if (COUNTS.has(operation)) add(found, domainOf(path) ?? 0);
  for (const { src, f } of lines) if (src === 'vtpm-backend') add(found, f.get('dom') ?? 0);
  const before = found.filter((domid) => !made.includes(domid));
  const [source = NOBODY, target = NOBODY] = [...before, ...made];
  return { roles: { source, target }, created: before.length === 0 && made.length > 0 };
}

const COUNTS: ReadonlySet<string> = new Set(['WRITE', 'RM', 'MKDIR', 'WATCH']);

/** What a line of the backend shows of the ring; the first group is the domain where `f` does not have it. */
const RING: readonly (readonly [RegExp, string | null])[] = [
  [/ map ref=\d+ -> ok$/, 'MAP'],
  [/ unmap ref=\d+ rc=0$/, 'UNMAP'],
  [/ fetch seq=\d+ /, 'FETCH'],
  [/ answer seq=\d+ /, 'ANSWER'],
  [/ CANCEL seen /, null],
  [/ poll state | why=\w+ /, null],
  [/ bind rport=\d+ -> lport=\d+$| unbind lport=\d+ rc=0 /, null],
  [/ new device uuid=| sees front=| own state changed by other: | gone$/, null],
  [/^write \S+$|^up /, null],
];

function ringText(file: string, { src, op, value, f, line }: RecordedLine, roles: Roles): string | null {
  if (src !== 'vtpm-backend' || (op !== 'ring' && op !== 'backend')) return null;
  const found = RING.find(([pattern]) => pattern.test(value));
  if (found === undefined) throw badRecording(`${file}:${line}`, `unknown event of the backend ${quoted(value)}`);
  const [, event] = found;
  if (event === null) return null;
  const domid = f.get('dom') ?? Number(/dom=(\d+)/.exec(value)?.[1] ?? Number.NaN);
  if (!Number.isInteger(domid)) throw badRecording(`${file}:${line}`, `expected dom=N in ${quoted(value)}`);
  return ringEvent(event, roleOf(String(domid), roles));
}

/** `event` is MAP, UNMAP, FETCH or ANSWER. */
export function ringEvent(event: string, role: string): string {
  return `tpmback ${event} ${role}:ring`;
}

/** Both are in the order of their lines, but a transaction's changes count where it ends. */
function merged(store: readonly Change[], ring: readonly Change[]): readonly Change[] {
  const all: Change[] = [];
  let next = 0;
  let block: Change[] = [];
  const put = (changes: readonly Change[], line: number): void => {
    for (; next < ring.length && (ring[next]?.line ?? 0) < line; next++) all.push(ring[next] as Change);
    all.push(...changes);
  };
  for (const change of store) {
    block.push(change);
    const begins = block[0]?.text.endsWith(' BEGIN') === true;
    if (begins && !change.text.endsWith(' COMMIT')) continue;
    put(block, change.line);
    block = [];
  }
  put(block, Number.POSITIVE_INFINITY);
  return all;
}

/** A command may be under way when the recording begins: its answer is the first that is seen of it. */
function underWay(events: readonly Change[]): readonly Change[] {
  const first = events.find(({ text }) => / (MAP|FETCH|ANSWER) /.test(text));
  return first?.text.includes(' ANSWER ') === true
    ? [{ text: first.text.replace(' ANSWER ', ' FETCH '), line: first.line }]
    : [];
}
