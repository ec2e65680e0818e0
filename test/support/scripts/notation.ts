/**
 * Conversations about one topic each, in a short notation. A daemon's answers to them are not written here: they are
 * recorded from one daemon and compared with another's.
 *
 *     a WRITE /x|1        connection a (or b on sockets, g1 or g2 on rings) sends WRITE with the payload `/x`, nul, `1`
 *     a#1 READ /x|        in its last transaction but none; #2 the one before
 *     ! 2 gone            domain 2 is gone (or shut-down, dying, new)
 */
import { XsType, type XsTypeName } from '../../../protocol/xs-wire.js';
import type { FuzzHostAction, FuzzStep } from '../xenstore-fuzz.js';

/** A step in the notation above. */
export function parseStep(text: string): FuzzStep {
  const [, domid, state] = /^! (\d+) ([a-z-]+)$/.exec(text) ?? [];
  if (domid !== undefined) return { domid: Number(domid), state: state as FuzzHostAction['state'] };
  const [, conn = '', transaction = '0', type = '', payload = ''] = /^(\w+)(?:#(\d))? (\w+) ?(.*)$/s.exec(text) ?? [];
  const number = /^\d+$/.test(type) ? Number(type) : XsType[type as XsTypeName];
  if (number === undefined) throw new Error(`expected a request, found ${text}`);
  return { conn, type: number, transaction: Number(transaction), payload: payload.replaceAll('|', '\0') };
}

export const long = (length: number, character = 'x'): string => character.repeat(length);
export const times = (count: number, step: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => step(i));

/** Conversations by their topics. */
export interface Scripts {
  readonly [topic: string]: readonly string[];
}
