/**
 * Requests and replies, as values. The names follow the message types of xs_wire.h.
 *
 * Arguments are parsed already: a number that is no number, a missing nul or a malformed permission is refused by
 * whoever reads the bytes. Text and values are binary strings, one character per byte.
 */
import type { Permission } from './permissions.js';

interface InTransaction {
  /** Id of an open transaction of the same connection; 0 or absent for none. */
  readonly transaction?: number | undefined;
}

interface OnPath extends InTransaction {
  /** Absolute, or relative to the directory of the caller's domain. */
  readonly path: string;
}

interface OnDomain extends InTransaction {
  readonly domid: number;
}

export type Request =
  | ({ readonly type: 'directory' | 'read' | 'mkdir' | 'rm' | 'getPerms' } & OnPath)
  | ({ readonly type: 'write'; readonly value: string } & OnPath)
  /** `path` may also be `@introduceDomain` or `@releaseDomain`. */
  | ({ readonly type: 'setPerms'; readonly permissions: readonly Permission[] } & OnPath)
  /** `path` may also be a special name. A transaction is ignored. */
  | ({ readonly type: 'watch' | 'unwatch'; readonly token: string } & OnPath)
  | ({ readonly type: 'resetWatches' | 'transactionStart' } & InTransaction)
  | ({ readonly type: 'transactionEnd'; readonly commit: boolean } & InTransaction)
  | ({ readonly type: 'getDomainPath' } & OnDomain)
  | DomainRequest;

/** The requests about domains that only privileged callers may send. */
export type DomainRequest =
  | ({ readonly type: 'introduce'; readonly gfn: number; readonly port: number } & OnDomain)
  | ({ readonly type: 'release' | 'resume' | 'isDomainIntroduced' } & OnDomain)
  | ({ readonly type: 'setTarget'; readonly target: number } & OnDomain);

export type RequestType = Request['type'];

/** The names a reply may carry; all of them are in the list of xs_wire.h. */
export type ErrorName =
  | 'EINVAL'
  | 'EACCES'
  | 'EEXIST'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOSPC'
  | 'EBUSY'
  | 'EAGAIN'
  | 'E2BIG'
  | 'EPERM';

export type Reply =
  | { readonly kind: 'ok' }
  /** READ; a transaction id in decimal; a domain's path; `T` or `F`. */
  | { readonly kind: 'value'; readonly value: string }
  /** DIRECTORY. */
  | { readonly kind: 'list'; readonly names: readonly string[] }
  | { readonly kind: 'perms'; readonly permissions: readonly Permission[] }
  | { readonly kind: 'error'; readonly error: ErrorName };

export const OK: Reply = { kind: 'ok' };

export function failure(error: ErrorName): Reply {
  return FAILURES[error];
}

const FAILURES: { readonly [E in ErrorName]: Reply } = {
  EINVAL: { kind: 'error', error: 'EINVAL' },
  EACCES: { kind: 'error', error: 'EACCES' },
  EEXIST: { kind: 'error', error: 'EEXIST' },
  ENOENT: { kind: 'error', error: 'ENOENT' },
  ENOMEM: { kind: 'error', error: 'ENOMEM' },
  ENOSPC: { kind: 'error', error: 'ENOSPC' },
  EBUSY: { kind: 'error', error: 'EBUSY' },
  EAGAIN: { kind: 'error', error: 'EAGAIN' },
  E2BIG: { kind: 'error', error: 'E2BIG' },
  EPERM: { kind: 'error', error: 'EPERM' },
};
