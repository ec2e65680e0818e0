/**
 * Who may open a WebSocket, decided from the HTTP request alone.
 *
 * `/` is the control domain and needs the token; `/domain/N` is guest N and needs the token or that domain's own
 * (`tokens.ts`); `/domain/N?resume` is the same guest, which goes on with the connection it had before the server was
 * started anew from its state. The token comes as `Authorization: Bearer TOKEN`. A browser cannot set that header: it
 * offers the subprotocol `xenstore.bearer.TOKEN` beside `xenstore`, and its `Origin` must be one of those allowed.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { domainToken, sameToken } from './tokens.js';

export const SUBPROTOCOL = 'xenstore';
const TOKEN_SUBPROTOCOL = 'xenstore.bearer.';
const RESUME = '?resume';
/** DOMID_FIRST_RESERVED of xen/include/public/xen.h: guests have lower numbers. */
const DOMID_RESERVED = 0x7ff0;

export interface AccessRules {
  readonly token: string;
  /** Values of `Origin` that may connect; programs that are no browsers send none, and may. */
  readonly origins: readonly string[];
}

export type Access =
  | { readonly domid: number; readonly resumed: boolean }
  | { readonly status: 400 | 401 | 403 | 404; readonly reason: string };

/** The domain that a request to open a WebSocket connects as, or why it may not. */
export function accessOf(url: string, headers: IncomingHttpHeaders, { token, origins }: AccessRules): Access {
  const { authorization } = headers;
  // The second is the name that the drafts before RFC 6455 used; version 8 is still accepted.
  const origin = headers.origin ?? headers['sec-websocket-origin'];
  if (origin !== undefined && !(typeof origin === 'string' && origins.includes(origin)))
    return { status: 403, reason: 'this origin is not allowed' };
  const resumed = url.endsWith(RESUME);
  const domid = domidOf(resumed ? url.slice(0, -RESUME.length) : url);
  if (domid === undefined || (resumed && domid === 0)) return { status: 404, reason: 'expected / or /domain/N' };
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const given = tokenIn(authorization, offered);
  // Both are compared whatever the first says, so that the time tells nothing.
  const isToken = given !== undefined && sameToken(given, token);
  const isDomainToken = given !== undefined && sameToken(given, domainToken(token, domid));
  if (!isToken && !(isDomainToken && domid !== 0)) return { status: 401, reason: 'expected a valid bearer token' };
  if (!offered.includes(SUBPROTOCOL)) return { status: 400, reason: `expected the subprotocol ${SUBPROTOCOL}` };
  return { domid, resumed };
}

function domidOf(url: string): number | undefined {
  if (url === '/') return 0;
  const [, digits] = /^\/domain\/([1-9][0-9]{0,4})$/.exec(url) ?? [];
  const domid = Number(digits);
  return domid < DOMID_RESERVED ? domid : undefined;
}

function tokenIn(authorization: string | undefined, offered: readonly string[]): string | undefined {
  const [, bearer] = /^bearer +([^\s]+)$/i.exec(authorization ?? '') ?? [];
  return bearer ?? offered.find((name) => name.startsWith(TOKEN_SUBPROTOCOL))?.slice(TOKEN_SUBPROTOCOL.length);
}
