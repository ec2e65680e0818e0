/**
 * Secrets of WebSocket clients. The token opens everything. The token of one domain is derived from it, so that it can be
 * handed to whoever plays that domain, and opens nothing else:
 *
 *     base64url(HMAC-SHA256(token, "xenstore domain N"))
 *
 * that is `printf 'xenstore domain %d' N | openssl dgst -sha256 -hmac TOKEN -binary | basenc --base64url | tr -d =`.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { QuiesceError } from '../../protocol/errors.js';
import { failureOf } from './listener.js';

/** What may stand in an HTTP header and in the name of a subprotocol, and is not guessed. */
const TOKEN = /^[A-Za-z0-9._~+-]{16,512}$/;
const TOKEN_RANDOM_BYTES = 32;
/** Permission bits of those who are not the owner. */
const OTHERS = 0o077;

export function randomToken(): string {
  return randomBytes(TOKEN_RANDOM_BYTES).toString('base64url');
}

/** The token that opens the connection of domain `domid` only. */
export function domainToken(token: string, domid: number): string {
  return createHmac('sha256', token).update(`xenstore domain ${domid}`).digest('base64url');
}

/** Whether two tokens are equal, in a time that tells nothing about where they differ, or how long they are. */
export function sameToken(left: string, right: string): boolean {
  return timingSafeEqual(createHash('sha256').update(left).digest(), createHash('sha256').update(right).digest());
}

/**
 * The token in file `path`; if there is no such file it is made, with a random token and mode 0600.
 * Throws `BAD_TOKEN` for a file that cannot be used, or that others than its owner may read or write.
 */
export function tokenFromFile(path: string): string {
  try {
    const token = randomToken();
    writeFileSync(path, `${token}\n`, { flag: 'wx', mode: 0o600 });
    return token;
  } catch (error) {
    if (failureOf(error) !== 'EEXIST') throw badToken(path, `cannot be made (${failureOf(error)})`);
  }
  const { text, mode } = readToken(path);
  if ((mode & OTHERS) !== 0) throw badToken(path, 'must be closed to other users: chmod 600');
  const token = text.trim();
  if (!TOKEN.test(token)) {
    throw badToken(path, 'must hold one token of 16 to 512 characters out of A-Z a-z 0-9 . _ ~ + -');
  }
  return token;
}

function readToken(path: string): { readonly text: string; readonly mode: number } {
  try {
    const file = openSync(path, 'r');
    try {
      return { text: readFileSync(file, 'utf8'), mode: fstatSync(file).mode };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw badToken(path, `cannot be read (${failureOf(error)})`);
  }
}

function badToken(path: string, what: string): QuiesceError {
  return new QuiesceError('BAD_TOKEN', `the token file ${path} ${what}`);
}
