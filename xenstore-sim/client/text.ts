/**
 * Text and numbers on their way into payloads, and payloads on their way back.
 *
 * Payloads are binary strings, one character per byte, as in protocol/xs-wire.ts. Text of the caller is sent as UTF-8;
 * what must not be in a payload is found here, before anything is sent. A reply of the wrong form is a violation of
 * the protocol.
 */
import { binaryString, XS_ABSOLUTE_PATH_BYTES_MAX, XS_RELATIVE_PATH_BYTES_MAX } from '../../protocol/xs-wire.js';
import { type Access, formatPermission, type Permission } from '../permissions.js';
import { protocolError, XenstoreError } from './errors.js';

const DOMID_MAX = 0xffff;
/** Values and quotas are 32 bits wide; a frame number may be wider. */
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The UTF-8 form of `text`, one character per byte. */
export function utf8(text: string): string {
  return isAscii(text) ? text : binaryString(encoder.encode(text));
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

export function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? encoder.encode(value) : value;
}

/** The bytes of a payload. */
export function bytesFrom(payload: string): Uint8Array {
  const bytes = new Uint8Array(payload.length);
  for (let i = 0; i < payload.length; i++) bytes[i] = payload.charCodeAt(i);
  return bytes;
}

/** A payload taken as UTF-8. Bytes that are not UTF-8 become U+FFFD. */
export function textFrom(payload: string): string {
  return isAscii(payload) ? payload : decoder.decode(bytesFrom(payload));
}

/**
 * `path` as one terminated string. The characters are for the daemon to judge.
 *
 * @throws XenstoreError `BAD_PATH`: empty, with a nul, or longer than xs_wire.h allows.
 */
export function pathString(path: string, request: string): string {
  const bytes = utf8(path);
  const absolute = path.startsWith('/') || path.startsWith('@');
  const max = absolute ? XS_ABSOLUTE_PATH_BYTES_MAX : XS_RELATIVE_PATH_BYTES_MAX;
  const wrong = (found: string): never => {
    throw new XenstoreError('BAD_PATH', `expected a path of 1 to ${max} bytes without nul, found ${found}`, {
      request,
      path,
    });
  };
  if (bytes.length === 0) wrong('an empty one');
  if (bytes.length > max) wrong(`${bytes.length} bytes`);
  if (bytes.includes('\0')) wrong('a nul');
  return `${bytes}\0`;
}

/**
 * `text` as one terminated string.
 *
 * @throws XenstoreError `BAD_ARGUMENT` when it holds a nul.
 */
export function terminated(text: string, what: string, request: string): string {
  if (text.includes('\0')) {
    throw new XenstoreError('BAD_ARGUMENT', `expected a ${what} without nul, found one at ${text.indexOf('\0')}`, {
      request,
    });
  }
  return `${utf8(text)}\0`;
}

/** @throws XenstoreError `BAD_ARGUMENT` when it is not an integer from 0 to `max`. */
export function numberString(number: number, what: string, request: string, max = NUMBER_MAX): string {
  if (!Number.isInteger(number) || number < 0 || number > max) {
    throw new XenstoreError('BAD_ARGUMENT', `expected a ${what} from 0 to ${max}, found ${number}`, { request });
  }
  return `${number}\0`;
}

export function domidString(domid: number, request: string): string {
  return numberString(domid, 'domain number', request, DOMID_MAX);
}

/** @throws XenstoreError `BAD_ARGUMENT` for an empty list or an entry that is none. */
export function permissionStrings(permissions: readonly Permission[], request: string, path: string): string {
  const texts = permissions.map(formatPermission);
  const wrong = texts.length === 0 ? 'none' : texts.find((text) => !isPermission(text));
  if (wrong !== undefined) {
    throw new XenstoreError('BAD_ARGUMENT', `expected entries such as n0 or r5, found ${wrong}`, { request, path });
  }
  return texts.map((text) => `${text}\0`).join('');
}

/** A letter and a domain number. */
function isPermission(text: string): boolean {
  return /^[nrwb]\d{1,5}$/.test(text) && Number(text.slice(1)) <= DOMID_MAX;
}

export function parseOk(payload: string): void {
  if (payload !== 'OK\0') throw malformed('OK', payload);
}

/** Strings that each end with a nul. */
export function parseStrings(payload: string): string[] {
  if (payload === '') return [];
  if (!payload.endsWith('\0')) throw malformed('strings that end with a nul', payload);
  return payload.slice(0, -1).split('\0');
}

export function parsePermissions(payload: string): Permission[] {
  const texts = parseStrings(payload);
  // C xenstored takes any number into an entry and gives back its low 32 bits.
  if (texts.length === 0 || !texts.every((text) => /^[nrwb]-?\d{1,15}$/.test(text)))
    throw malformed('permissions', payload);
  return texts.map((text) => ({ access: text[0] as Access, domid: Number(text.slice(1)) }));
}

export function parseNumber(payload: string): number {
  if (!/^\d{1,15}\0$/.test(payload)) throw malformed('a number', payload);
  return Number(payload.slice(0, -1));
}

export function parseTrueOrFalse(payload: string): boolean {
  if (payload !== 'T\0' && payload !== 'F\0') throw malformed('T or F', payload);
  return payload === 'T\0';
}

/** One string; the nul at its end may be missing. */
export function parseText(payload: string): string {
  return textFrom(payload.endsWith('\0') ? payload.slice(0, -1) : payload);
}

export function malformed(expected: string, payload: string): XenstoreError {
  const start = JSON.stringify(payload.slice(0, 40));
  return protocolError(`expected ${expected} in a reply, found ${start} (${payload.length} bytes)`);
}
