/**
 * The normal form in which recordings and worlds of block data are compared, beside that of `recording.ts`.
 *
 * Compared are *changes*: who writes, removes or protects which node of one virtual disk, in which transaction, and which
 * watches guest and backend hold on each other and on `physical-device`. Not compared are reads, watches of the
 * toolstack and of the buses, other devices, and numbers that differ from one disk to the next. A transaction around a
 * single change is that change.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoreOperation } from '../../simulator/store-client.js';
import { parseRecording, type RecordedLine, type Roles } from './recording.js';

export type BlockActor = 'toolstack' | 'script' | 'blkback' | 'guest';

interface StoreRequest {
  readonly who: BlockActor;
  readonly connection: string;
  readonly operation: string;
  readonly path: string;
  readonly value: string;
  /** A transaction that did not take effect. */
  failed: boolean;
}

/** A recording, from `test/recordings/xen-block/<name>.jsonl`. */
export function readBlockRecording(name: string): readonly RecordedLine[] {
  const file = join('test', 'recordings', 'xen-block', `${name}.jsonl`);
  return parseRecording(file, readFileSync(join(process.cwd(), file), 'utf8'));
}

/** What a recording says of virtual disk `device` of the domains in `roles`. */
export function recordedBlockChanges(lines: readonly RecordedLine[], device: number, roles: Roles): readonly string[] {
  const requests: StoreRequest[] = [];
  const ending = new Map<number, StoreRequest>();
  for (const entry of lines) {
    if (entry.src !== 'xenstored') continue;
    if (entry.op === 'REPLY') {
      const end = ending.get(entry.conn);
      if (end !== undefined && entry.to === 'ERROR') end.failed = true;
      ending.delete(entry.conn);
      continue;
    }
    const domain = /^dom(\d+)$/.exec(entry.who)?.[1];
    const who = domain === undefined ? ACTORS[entry.who] : 'guest';
    if (who === undefined) continue;
    const request = {
      who,
      connection: String(entry.conn),
      operation: entry.op,
      path: absolute(entry.path, domain ?? '0'),
      value: entry.value,
      failed: entry.op === 'TRANSACTION_END' && entry.value !== 'T',
    };
    if (entry.op === 'TRANSACTION_END') ending.set(entry.conn, request);
    requests.push(request);
  }
  return changesOf(requests, device, roles);
}

/** The same of what a world has done. */
export function simulatedBlockChanges(
  operations: readonly StoreOperation[],
  device: number,
  roles: Roles,
): readonly string[] {
  return changesOf(
    operations.map(({ client, operation, path, value }) => {
      const name = client.replace(/\d+$/, '');
      const domain = name === 'guest' ? client.slice(name.length) : '0';
      const who = name as BlockActor;
      return { who, connection: client, operation, path: absolute(path, domain), value, failed: false };
    }),
    device,
    roles,
  );
}

/** Only what `who` did. */
export function changesBy(changes: readonly string[], ...who: readonly BlockActor[]): readonly string[] {
  return changes.filter((change) => who.some((name) => change.startsWith(`${name} `)));
}

const ACTORS: { readonly [who: string]: BlockActor } = {
  toolstack: 'toolstack',
  'dom0-client': 'script',
  'dom0-kernel': 'blkback',
};

function absolute(path: string, domain: string): string {
  return path.startsWith('/') || path === '' ? path : `/local/domain/${domain}/${path}`;
}

/** Changes as texts, those of a transaction where it took effect. */
function changesOf(requests: readonly StoreRequest[], device: number, roles: Roles): readonly string[] {
  const done: string[] = [];
  const open = new Map<string, string[]>();
  for (const request of requests) {
    const { operation, connection, who } = request;
    if (operation === 'TRANSACTION_START') open.set(connection, []);
    else if (operation === 'TRANSACTION_END') {
      const changes = open.get(connection) ?? [];
      open.delete(connection);
      if (request.failed) continue;
      if (changes.length > 1) done.push(`${who} BEGIN`, ...changes, `${who} COMMIT`);
      else done.push(...changes);
    } else {
      const change = changeOf(request, device, roles);
      if (change === null) continue;
      const inside = operation.endsWith('WATCH') ? undefined : open.get(connection);
      (inside ?? done).push(change);
    }
  }
  return done;
}

function changeOf({ who, operation, path, value }: StoreRequest, device: number, roles: Roles): string | null {
  if (!/^(WRITE|RM|MKDIR|SET_PERMS|WATCH|UNWATCH)$/.test(operation)) return null;
  const place = placeOf(path, device, roles);
  if (place === null) return null;
  if (!operation.endsWith('WATCH'))
    return `${who} ${operation} ${place} ${textOf(place, value, operation, device, roles)}`.trimEnd();
  const other = who === 'guest' ? /:back\/state$/ : who === 'blkback' ? /:(front\/state|back\/physical-device)$/ : null;
  return other?.test(place) === true ? `${who} ${operation} ${place}` : null;
}

function placeOf(path: string, device: number, roles: Roles): string | null {
  const parts =
    /^\/local\/domain\/(?<domid>\d+)\/device\/vbd(?<rest>.*)$/.exec(path) ??
    /^\/local\/domain\/0\/backend\/vbd\/(?<domid>\d+)(?<rest>.*)$/.exec(path) ??
    /^\/libxl\/(?<domid>\d+)\/device\/vbd(?<rest>.*)$/.exec(path);
  if (path === '/local/domain/0/backend/vbd') return 'back-root';
  if (parts === null) return null;
  const { domid = '', rest = '' } = parts.groups ?? {};
  const role = Number(domid) === roles.source ? 'source' : Number(domid) === roles.target ? 'target' : null;
  const side = path.startsWith('/libxl') ? 'libxl' : path.includes('/backend/') ? 'back' : 'front';
  if (role === null) return null;
  if (rest === '') return `${role}:${side}-parent`;
  if (rest !== `/${device}` && !rest.startsWith(`/${device}/`)) return null;
  return `${role}:${side}${rest.slice(String(device).length + 1)}`;
}

/** Values that differ from one disk to the next: their form remains. */
const FORMS: { readonly [node: string]: readonly [form: RegExp, text: string] } = {
  'ring-ref': [/^\d+$/, 'a number'],
  'event-channel': [/^\d+$/, 'a number'],
  sectors: [/^\d+$/, 'a number'],
  dev: [/^xvd[a-z]$/, 'a name'],
  node: [/^\/dev\/loop\d+$/, 'a loop device'],
  'physical-device': [/^[0-9a-f]+:[0-9a-f]+$/, 'two numbers'],
  'physical-device-path': [/^\/dev\/loop\d+$/, 'a loop device'],
  params: [/^\/.+$/, 'a path'],
};

function textOf(place: string, value: string, operation: string, device: number, roles: Roles): string {
  const node = place.slice(place.lastIndexOf('/') + 1);
  const text = value.trim();
  const role = (domid: string): string => (Number(domid) === roles.source ? 'source' : 'target');
  if (operation === 'SET_PERMS') return text.replace(/\b([nrwb])([1-9]\d*)/g, (_, kind, id) => `${kind}:${role(id)}`);
  if (node === 'frontend-id') return role(text);
  if (node === 'virtual-device') return Number(text) === device ? 'its number' : text;
  const form = FORMS[node];
  if (form?.[0].test(text) === true) return form[1];
  return text.startsWith('/') ? (placeOf(text, device, roles) ?? text) : text;
}
