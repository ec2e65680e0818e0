/**
 * Arguments as the C xenstored reads them: counted strings, and numbers by atoi (Xen 4.17) or strtoul (Xen 4.22).
 */
import { parsePermission } from '../permissions.js';
import type { Policy } from '../policy.js';
import type { Request } from '../requests.js';
import type { ArgumentReaders } from './parse-request.js';

/** The strings of a payload that end with a nul; what follows the last one is left out. */
function strings(payload: string): string[] {
  const parts = payload.split('\0');
  parts.pop();
  return parts;
}

/** The only string of a payload; undefined if there is anything else in it. */
function onlyString(payload: string): string | undefined {
  return payload.length > 0 && payload.indexOf('\0') === payload.length - 1 ? payload.slice(0, -1) : undefined;
}

/** As C's atoi: the digits in front count, and no digits are 0. */
export function atoi(text: string): number {
  return Math.trunc(Number.parseInt(text, 10) || 0) | 0;
}

const DOMID_MAX = 65535;

/** The number of a domain; undefined for what is none. */
function domainNumber(text: string, { numbers }: Policy): number | undefined {
  if (numbers === 'atoi') return atoi(text) >>> 0;
  const match = /^[ \t\n\v\f\r]*\+?(\d*)$/.exec(text);
  const number = match === null ? Number.NaN : Number(match[1]);
  return number <= DOMID_MAX ? number : undefined;
}

function onPath(type: 'directory' | 'read' | 'mkdir' | 'rm' | 'getPerms') {
  return (payload: string): Request | undefined => {
    const path = onlyString(payload);
    return path === undefined ? undefined : { type, path };
  };
}

function onDomain(type: 'release' | 'resume' | 'isDomainIntroduced' | 'getDomainPath') {
  return (payload: string, policy: Policy): Request | undefined => {
    const text = onlyString(payload);
    const domid = text === undefined ? undefined : domainNumber(text, policy);
    return domid === undefined ? undefined : { type, domid };
  };
}

export const C_ARGUMENTS: ArgumentReaders = {
  directory: onPath('directory'),
  read: onPath('read'),
  mkdir: onPath('mkdir'),
  rm: onPath('rm'),
  getPerms: onPath('getPerms'),
  release: onDomain('release'),
  resume: onDomain('resume'),
  isDomainIntroduced: onDomain('isDomainIntroduced'),
  getDomainPath: onDomain('getDomainPath'),

  write(payload) {
    const nul = payload.indexOf('\0');
    return nul < 0 ? undefined : { type: 'write', path: payload.slice(0, nul), value: payload.slice(nul + 1) };
  },

  setPerms(payload) {
    const [path = '', ...texts] = strings(payload);
    const permissions = texts.map((text) => parsePermission(text));
    if (permissions.length === 0) return undefined;
    if (permissions.includes(undefined)) return { type: 'malformed', of: 'setPerms', entries: permissions.length };
    return { type: 'setPerms', path, permissions: permissions.filter((each) => each !== undefined) };
  },

  directoryPart(payload) {
    const [path = '', offset = '', ...rest] = strings(payload);
    if (strings(payload).length !== 2 || rest.length > 0) return undefined;
    return { type: 'directoryPart', path, offset: atoi(offset) >>> 0 };
  },

  watch(payload, policy) {
    const words = strings(payload);
    const [path = '', token = '', levels = ''] = words;
    if (words.length === 2) return { type: 'watch', path, token };
    const depth = atoi(levels);
    return words.length === 3 && policy.watchDepth && depth >= 0 ? { type: 'watch', path, token, depth } : undefined;
  },

  unwatch(payload) {
    const words = strings(payload);
    const [path = '', token = ''] = words;
    return words.length === 2 ? { type: 'unwatch', path, token } : undefined;
  },

  resetWatches: () => ({ type: 'resetWatches' }),
  transactionStart: () => ({ type: 'transactionStart' }),

  transactionEnd(payload) {
    return payload === 'T\0' || payload === 'F\0' ? { type: 'transactionEnd', commit: payload === 'T\0' } : undefined;
  },

  introduce(payload, policy) {
    const [domain, gfn, port] = strings(payload);
    if (domain === undefined || gfn === undefined || port === undefined) return undefined;
    const domid = domainNumber(domain, policy);
    return domid === undefined ? undefined : { type: 'introduce', domid, gfn: atoi(gfn), port: atoi(port) >>> 0 };
  },

  setTarget(payload, policy) {
    const [domain, other] = strings(payload);
    if (domain === undefined || other === undefined) return undefined;
    const domid = domainNumber(domain, policy);
    const target = domainNumber(other, policy);
    return domid === undefined || target === undefined ? undefined : { type: 'setTarget', domid, target };
  },

  control(payload) {
    const words = strings(payload);
    return words.length === 0 ? undefined : { type: 'control', words };
  },

  getFeature(payload, policy) {
    const words = strings(payload);
    const [domain] = words;
    if (domain === undefined) return { type: 'getFeature', domid: null };
    const domid = domainNumber(domain, policy);
    return words.length > 1 || domid === undefined ? undefined : { type: 'getFeature', domid };
  },

  setFeature(payload, policy) {
    const words = strings(payload);
    const domid = domainNumber(words[0] ?? '', policy);
    return words.length !== 2 || domid === undefined
      ? undefined
      : { type: 'setFeature', domid, features: atoi(words[1] ?? '') };
  },

  getQuota(payload, policy) {
    const words = strings(payload);
    if (words.length < 2) return { type: 'getQuota', domid: null, name: words[0] ?? null };
    const domid = domainNumber(words[0] ?? '', policy);
    return words.length > 2 || domid === undefined ? undefined : { type: 'getQuota', domid, name: words[1] ?? '' };
  },

  setQuota(payload, policy) {
    const words = strings(payload);
    const value = atoi(words.at(-1) ?? '');
    const domid = words.length === 3 ? domainNumber(words[0] ?? '', policy) : null;
    if (words.length < 2 || words.length > 3 || domid === undefined || value < 0) return undefined;
    return { type: 'setQuota', domid, name: words.at(-2) ?? '', value };
  },
};
