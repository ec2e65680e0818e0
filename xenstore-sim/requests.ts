/**
 * Requests and replies, as values. The names follow the message types of xs_wire.h.
 *
 * Arguments are parsed already (`wire/parse-request.ts`). A request whose arguments make no sense is a request too: which
 * error it gets depends on what else is wrong with it. Text and values are binary strings, one character per byte.
 */
import type { Path } from './path.js';
import type { Permission } from './permissions.js';

interface InTransaction {
  /** Id of an open transaction of the same connection; 0 or absent for none. */
  readonly transaction?: number | undefined;
}

interface OnPath extends InTransaction {
  /** Text, absolute or relative to the directory of the caller's domain; or the path itself, where it is known. */
  readonly path: string | Path;
}

interface OnDomain extends InTransaction {
  readonly domid: number;
}

/** The requests that read and change nodes: those that a transaction concerns. */
export type NodeRequest =
  | ({ readonly type: 'directory' | 'read' | 'mkdir' | 'rm' | 'getPerms' } & OnPath)
  /** `offset` is in bytes of the list of names, each with its nul. */
  | ({ readonly type: 'directoryPart'; readonly offset: number } & OnPath)
  | ({ readonly type: 'write'; readonly value: string } & OnPath)
  /** `path` may also be `@introduceDomain` or `@releaseDomain`. */
  | ({ readonly type: 'setPerms'; readonly permissions: readonly Permission[] } & OnPath);

export type Request =
  | NodeRequest
  /** `path` may also be a special name. A transaction is ignored. `depth` is the levels below the path, if limited. */
  | ({
      readonly type: 'watch';
      readonly path: string;
      readonly token: string;
      readonly depth?: number | undefined;
    } & InTransaction)
  | ({ readonly type: 'unwatch'; readonly path: string; readonly token: string } & InTransaction)
  | ({ readonly type: 'resetWatches' | 'transactionStart' } & InTransaction)
  | ({ readonly type: 'transactionEnd'; readonly commit: boolean } & InTransaction)
  | ({ readonly type: 'getDomainPath' } & OnDomain)
  | DomainRequest
  | SettingRequest
  | ({ readonly type: 'control'; readonly words: readonly string[] } & InTransaction)
  /**
   * A request of type `of` with arguments that make no sense. `error` is what it gets if not EINVAL; `entries` is the
   * number of permissions it has, which may be too many before they are looked at.
   */
  | ({
      readonly type: 'malformed';
      readonly of: KnownType;
      readonly error?: ErrorName;
      readonly entries?: number;
    } & InTransaction)
  /** A type that the daemon does not know; `reserved` for those that only a daemon sends. */
  | ({ readonly type: 'unknown'; readonly reserved: boolean } & InTransaction);

/** The requests about domains that only privileged callers may send. */
export type DomainRequest =
  | ({ readonly type: 'introduce'; readonly gfn: number; readonly port: number } & OnDomain)
  | ({ readonly type: 'release' | 'resume' | 'isDomainIntroduced' } & OnDomain)
  | ({ readonly type: 'setTarget'; readonly target: number } & OnDomain);

/** Features and quotas (since Xen 4.21 and 4.22). `domid` null: the caller's own features, the quota of all domains. */
export type SettingRequest =
  | ({ readonly type: 'getFeature'; readonly domid: number | null } & InTransaction)
  | ({ readonly type: 'setFeature'; readonly features: number } & OnDomain)
  /** `name` null asks for the names of all quotas. */
  | ({ readonly type: 'getQuota'; readonly domid: number | null; readonly name: string | null } & InTransaction)
  | ({
      readonly type: 'setQuota';
      readonly domid: number | null;
      readonly name: string;
      readonly value: number;
    } & InTransaction);

export type RequestType = Request['type'];
export type KnownType = Exclude<RequestType, 'malformed' | 'unknown'>;

/** The names a reply may carry. EQUOTA is oxenstored's own, the others are in the list of xs_wire.h. */
export type ErrorName =
  | 'EINVAL'
  | 'EACCES'
  | 'EEXIST'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOSPC'
  | 'EIO'
  | 'ENOSYS'
  | 'EBUSY'
  | 'EAGAIN'
  | 'E2BIG'
  | 'EPERM'
  | 'EQUOTA';

export type Reply =
  | { readonly kind: 'ok' }
  /** READ; a transaction id in decimal; a domain's path; `T` or `F`; a setting; the text of CONTROL. */
  | { readonly kind: 'value'; readonly value: string }
  /** What oxenstored says of live updates: no nul ends it. */
  | { readonly kind: 'text'; readonly value: string }
  /** DIRECTORY. */
  | { readonly kind: 'list'; readonly names: readonly string[] }
  /** DIRECTORY_PART: the names that fit, the number that changes with the list, and whether the list ends here. */
  | { readonly kind: 'part'; readonly generation: string; readonly names: readonly string[]; readonly last: boolean }
  | { readonly kind: 'perms'; readonly permissions: readonly Permission[] }
  | { readonly kind: 'error'; readonly error: ErrorName };

export const OK: Reply = { kind: 'ok' };

const FAILURES: ReadonlyMap<ErrorName, Reply> = new Map(
  (
    [
      'EINVAL',
      'EACCES',
      'EEXIST',
      'ENOENT',
      'ENOMEM',
      'ENOSPC',
      'EIO',
      'ENOSYS',
      'EBUSY',
      'EAGAIN',
      'E2BIG',
      'EPERM',
      'EQUOTA',
    ] as const
  ).map((error) => [error, { kind: 'error', error }]),
);

/** The reply with an error name; one object for each name. */
export function failure(error: ErrorName): Reply {
  return FAILURES.get(error) ?? { kind: 'error', error };
}
