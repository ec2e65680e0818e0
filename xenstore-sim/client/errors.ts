/**
 * The one error class of the xenstore client. Its `code` is stable: either the error name the daemon sent, or one of
 * the client's own codes below. `fromDaemon` tells the two apart.
 */

/** What the client itself finds wrong. */
export type ClientErrorCode =
  /** An argument that no request can carry: a nul in a token, a number that is none. Nothing was sent. */
  | 'BAD_ARGUMENT'
  /** A path that is empty, too long, or holds a nul. Nothing was sent. */
  | 'BAD_PATH'
  /** A payload of more than 4096 bytes. Nothing was sent. */
  | 'TOO_BIG'
  /** No answer in the time allowed. */
  | 'TIMEOUT'
  /** The caller's `AbortSignal` fired. */
  | 'ABORTED'
  /** No connection, or it was lost before the answer came. */
  | 'DISCONNECTED'
  /** No connection could be made. */
  | 'UNREACHABLE'
  /** The daemon sent what the protocol does not allow; the connection was closed. */
  | 'PROTOCOL'
  /** Others changed the same nodes, more often than the caller wanted to try. */
  | 'CONFLICT';

/** Error names of xs_wire.h, and EQUOTA, which oxenstored adds. */
export type WireErrorName =
  | 'EINVAL'
  | 'EACCES'
  | 'EEXIST'
  | 'EISDIR'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOSPC'
  | 'EIO'
  | 'ENOTEMPTY'
  | 'ENOSYS'
  | 'EROFS'
  | 'EBUSY'
  | 'EAGAIN'
  | 'EISCONN'
  | 'E2BIG'
  | 'EPERM'
  | 'EQUOTA';

/** A daemon may send names that are not in the list; they are kept as they came. */
export type XenstoreErrorCode = ClientErrorCode | WireErrorName | (string & {});

export interface XenstoreErrorDetails {
  /** Name of the request in xs_wire.h, such as `READ`. */
  readonly request?: string | undefined;
  readonly path?: string | undefined;
  readonly fromDaemon?: boolean;
  /** Whether the request may have been carried out all the same. */
  readonly outcomeUnknown?: boolean;
  readonly cause?: unknown;
}

const SHOWN_PATH_LENGTH_MAX = 200;

export class XenstoreError extends Error {
  override readonly name = 'XenstoreError';
  readonly code: XenstoreErrorCode;
  readonly request: string | undefined;
  readonly path: string | undefined;
  readonly fromDaemon: boolean;
  /** True when the request was sent and its answer was not seen: the daemon may have carried it out, or not. */
  readonly outcomeUnknown: boolean;

  constructor(code: XenstoreErrorCode, message: string, details: XenstoreErrorDetails = {}) {
    const { request, path, fromDaemon = false, outcomeUnknown = false, cause } = details;
    super(subject(request, path) + message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.request = request;
    this.path = path;
    this.fromDaemon = fromDaemon;
    this.outcomeUnknown = outcomeUnknown;
  }

  /**
   * Whether a quota of the daemon was the reason. The daemons use different names for it: C ENOSPC, for watches E2BIG
   * in 4.17, and ENOMEM for the commit of a transaction that met its limit; oxenstored EQUOTA, and E2BIG for a value.
   */
  get isQuota(): boolean {
    if (!this.fromDaemon) return false;
    if (this.code === 'EQUOTA' || this.code === 'ENOSPC') return true;
    if (this.code === 'ENOMEM') return this.request === 'TRANSACTION_END';
    return this.code === 'E2BIG' && (this.request === 'WATCH' || this.request === 'WRITE');
  }
}

/** What the daemon answered with an error. */
export function daemonError(name: string, request: string, path: string | undefined): XenstoreError {
  return new XenstoreError(name, `the daemon answered ${name}`, { request, path, fromDaemon: true });
}

/** A violation of the protocol by the daemon. */
export function protocolError(message: string, cause?: unknown): XenstoreError {
  return new XenstoreError('PROTOCOL', `${message}: the connection is closed`, { cause });
}

/** Whether `error` is a XenstoreError with one of `codes`. */
export function hasCode(error: unknown, ...codes: readonly XenstoreErrorCode[]): error is XenstoreError {
  return error instanceof XenstoreError && codes.includes(error.code);
}

function subject(request: string | undefined, path: string | undefined): string {
  if (request === undefined) return '';
  if (path === undefined) return `${request}: `;
  const shown = path.length > SHOWN_PATH_LENGTH_MAX ? `${path.slice(0, SHOWN_PATH_LENGTH_MAX)}...` : path;
  return `${request} ${shown}: `;
}
