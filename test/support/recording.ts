/**
 * The recordings in `test/recordings/xen-lifecycle` (recorded on Xen 4.17.7 with Linux 6.1.192), and what tests read off
 * them. Parser and normal form are those of `quiesce conform`, see `simulator/conformance/`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as normal from '../../simulator/conformance/changes.js';
import { placeOf, type Request, type Roles } from '../../simulator/conformance/changes.js';
import { parseRecording, type RecordedLine } from '../../simulator/conformance/recording.js';

export { type Request, type Roles, recordedRequests } from '../../simulator/conformance/changes.js';
export { parseRecording, type RecordedLine } from '../../simulator/conformance/recording.js';

const folder = join('test', 'recordings', 'xen-lifecycle');

/** Names of all recordings, sorted. */
export const RECORDING_NAMES: readonly string[] = readdirSync(join(process.cwd(), folder))
  .filter((file) => file.endsWith('.jsonl'))
  .map((file) => file.slice(0, -'.jsonl'.length))
  .sort();

/** The path of a recording below the folder of the repository. */
export function recordingFile(name: string): string {
  return join(folder, `${name}.jsonl`);
}

/** A recording, from `test/recordings/xen-lifecycle/<name>.jsonl`. */
export function readRecording(name: string): readonly RecordedLine[] {
  const file = recordingFile(name);
  return parseRecording(file, readFileSync(join(process.cwd(), file), 'utf8'));
}

/** Changes as texts: `who OPERATION path value`, with transactions as blocks. Equal runs give equal texts. */
export function changesOf(requests: readonly Request[], roles: Roles): readonly string[] {
  return normal.changesOf(requests, roles).map(({ text }) => text);
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
