/**
 * Lists of children that are too long for one reply (DIRECTORY_PART, Xen 4.9 and later).
 *
 * A part begins with the generation count of the node, which changes with the list. When it is another one than in the
 * part before, the parts do not belong together, and the list is fetched from the beginning.
 */
import { daemonError, hasCode, protocolError, XenstoreError } from './errors.js';
import { malformed, parseStrings } from './text.js';

const RESTARTS_MAX = 32;

export interface Part {
  readonly generation: string;
  readonly names: readonly string[];
  /** Bytes of the names, each with its nul: how far the list is read on. */
  readonly bytes: number;
  readonly isLast: boolean;
}

/** Fetches the part that begins at `offset` bytes. */
export type FetchPart = (offset: number, parse: (payload: string) => Part) => Promise<Part>;

/**
 * @param tooBig The daemon's answer to DIRECTORY.
 * @throws XenstoreError `E2BIG` from a daemon that does not know parts, as in libxenstore; `CONFLICT` when the list
 * changed in each of many attempts.
 */
export async function listInParts(path: string, tooBig: XenstoreError, fetch: FetchPart): Promise<string[]> {
  for (let restarts = 0; restarts <= RESTARTS_MAX; restarts++) {
    const names = await listOnce(fetch).catch((error: unknown) => {
      throw hasCode(error, 'ENOSYS') ? daemonError(tooBig.code, 'DIRECTORY', path) : error;
    });
    if (names !== undefined) return names;
  }
  const message = `expected a list that holds still, found it changed in ${RESTARTS_MAX + 1} attempts: try later`;
  throw new XenstoreError('CONFLICT', message, { request: 'DIRECTORY_PART', path });
}

async function listOnce(fetch: FetchPart): Promise<string[] | undefined> {
  const names: string[] = [];
  let part = await fetch(0, parsePart);
  const { generation } = part;
  for (let offset = 0; part.generation === generation; part = await fetch(offset, parsePart)) {
    for (const name of part.names) names.push(name);
    if (part.isLast) return names;
    offset += part.bytes;
  }
  return undefined;
}

export function parsePart(payload: string): Part {
  const end = payload.indexOf('\0');
  const rest = payload.slice(end + 1);
  if (end < 1 || !payload.endsWith('\0')) throw malformed('a part of a directory', payload);
  const isLast = rest === '\0' || rest.endsWith('\0\0');
  const list = isLast ? rest.slice(0, -1) : rest;
  // Without names the next part would begin at the same place, for ever.
  if (!isLast && list === '') throw malformed('names in a part of a directory', payload);
  return { generation: payload.slice(0, end), names: parseNames(list), bytes: list.length, isLast };
}

/** Names of children: terminated, none of them empty. */
export function parseNames(payload: string): string[] {
  const names = parseStrings(payload);
  if (names.includes('')) throw protocolError('expected names of children, found an empty one');
  return names;
}
