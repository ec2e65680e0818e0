/**
 * Arguments as oxenstored reads them: the payload split at its nuls, and numbers as OCaml's `int_of_string` reads them.
 */
import type { Access, Permission } from '../permissions.js';
import type { Request } from '../requests.js';
import type { ArgumentReaders } from './parse-request.js';

/** oxenstored counts in 63 bits; larger numbers than these are refused here. */
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

/** A number as in OCaml source: decimal, or with a prefix for base 16, 8 or 2, underscores between digits. */
export function ocamlInteger(text: string): number | undefined {
  const match =
    /^([-+]?)(?:0[xX]([\da-fA-F][\da-fA-F_]*)|0[oO]([0-7][0-7_]*)|0[bB]([01][01_]*)|(?:0[uU])?(\d[\d_]*))$/.exec(text);
  if (match === null) return undefined;
  const [, sign, hexadecimal, octal, binary, decimal = ''] = match;
  const digits = (hexadecimal ?? octal ?? binary ?? decimal).replaceAll('_', '');
  const base = hexadecimal !== undefined ? 16 : octal !== undefined ? 8 : binary !== undefined ? 2 : 10;
  const number = Number.parseInt(digits, base);
  return number > NUMBER_MAX ? undefined : sign === '-' ? -number : number;
}

/** The first digits that occur in `text`; 0 if there are none. */
function firstDigits(text: string): number {
  return Math.min(Number(/\d+/.exec(text)?.[0] ?? 0), NUMBER_MAX);
}

/** `payload` up to its only nul, which must end it. */
function onlyPath(payload: string): string | undefined {
  const [path = '', rest, ...more] = payload.split('\0');
  return rest === '' && more.length === 0 ? path : undefined;
}

function permission(text: string): Permission | undefined {
  const access = text.charAt(0);
  const domid = ocamlInteger(text.slice(1));
  if (domid === undefined || domid < 0 || (access !== 'n' && access !== 'r' && access !== 'w' && access !== 'b'))
    return undefined;
  return { access: access satisfies Access, domid };
}

function onPath(type: 'directory' | 'read' | 'mkdir' | 'rm' | 'getPerms') {
  return (payload: string): Request | undefined => {
    const path = onlyPath(payload);
    return path === undefined ? undefined : { type, path };
  };
}

function watchArguments(type: 'watch' | 'unwatch') {
  return (payload: string): Request | undefined => {
    const [path = '', token = '', end, ...more] = payload.split('\0');
    return end === '' && more.length === 0 ? { type, path, token } : undefined;
  };
}

/** A request that oxenstored 4.17 does not have. */
const none = (): undefined => undefined;

export const OCAML_ARGUMENTS: ArgumentReaders = {
  directory: onPath('directory'),
  read: onPath('read'),
  mkdir: onPath('mkdir'),
  rm: onPath('rm'),
  getPerms: onPath('getPerms'),
  watch: watchArguments('watch'),
  unwatch: watchArguments('unwatch'),

  write(payload) {
    const nul = payload.indexOf('\0');
    return nul < 0 ? undefined : { type: 'write', path: payload.slice(0, nul), value: payload.slice(nul + 1) };
  },

  setPerms(payload) {
    const [path = '', ...texts] = payload.split('\0');
    // Whatever follows the last nul is left out, even if it is an entry.
    const permissions = texts.slice(0, -1).map(permission);
    if (permissions.length === 0 || permissions.includes(undefined)) return undefined;
    return { type: 'setPerms', path, permissions: permissions.filter((each) => each !== undefined) };
  },

  resetWatches: () => ({ type: 'resetWatches' }),
  transactionStart: () => ({ type: 'transactionStart' }),

  transactionEnd(payload) {
    const [word] = payload.split('\0');
    return word === 'T' || word === 'F' ? { type: 'transactionEnd', commit: word === 'T' } : undefined;
  },

  introduce(payload) {
    const [domain, frame, channel] = payload.split('\0');
    const domid = ocamlInteger(domain ?? '');
    const gfn = ocamlInteger(frame ?? '');
    const port = ocamlInteger(channel ?? '');
    // What is no frame number raises an exception that the daemon did not think of.
    if (domid !== undefined && frame !== undefined && channel !== undefined && gfn === undefined)
      return { type: 'malformed', of: 'introduce', error: 'EIO' };
    return domid === undefined || gfn === undefined || port === undefined
      ? undefined
      : { type: 'introduce', domid, gfn, port };
  },

  release(payload) {
    const domid = ocamlInteger(onlyPath(payload) ?? '');
    return domid === undefined ? undefined : { type: 'release', domid };
  },

  resume(payload) {
    const domid = ocamlInteger(payload.split('\0')[0] ?? '');
    return domid === undefined ? undefined : { type: 'resume', domid };
  },

  isDomainIntroduced(payload) {
    const domid = ocamlInteger(payload.split('\0')[0] ?? '');
    return domid === undefined ? undefined : { type: 'isDomainIntroduced', domid };
  },

  getDomainPath(payload) {
    const text = onlyPath(payload);
    return text === undefined ? undefined : { type: 'getDomainPath', domid: firstDigits(text) };
  },

  setTarget(payload) {
    const [domain = '', target = '', end, ...more] = payload.split('\0');
    if (end !== '' || more.length > 0) return undefined;
    return { type: 'setTarget', domid: firstDigits(domain), target: firstDigits(target) };
  },

  control: (payload) => ({ type: 'control', words: payload.split('\0') }),

  directoryPart: none,
  getFeature: none,
  setFeature: none,
  getQuota: none,
  setQuota: none,
};
