/**
 * Where daemons differ. Everything else in this folder is what they have in common.
 *
 * Three daemons are described, each from its transcripts and its source: the C xenstored of Xen 4.17 and of Xen 4.22,
 * and the OCaml oxenstored of Xen 4.17. An exploration takes one of them with a finite number of states (`finite`).
 */
import { C_4_17 } from './policies/c-4.17.js';
import { C_4_22 } from './policies/c-4.22.js';
import { OCAML_4_17 } from './policies/ocaml-4.17.js';
import type { Allowance, Quota } from './quota.js';
import type { ErrorName, KnownType } from './requests.js';

export type DaemonName = 'c' | 'c-4.22' | 'ocaml';

/** `creation`: a new child goes to the end (C). `name`: in byte order (oxenstored). */
export type ChildOrder = 'creation' | 'name';

export interface Policy {
  readonly name: string;
  /** Whose rules hold for nodes and transactions: who may do what, in which order things are looked at, what conflicts. */
  readonly rules: 'c' | 'ocaml';
  readonly childOrder: ChildOrder;

  /** Whether the control domain's paths are limited too. */
  readonly pathLengthForAll: boolean;
  /** Whether the path of a watch is limited like other paths. */
  readonly watchLengthLimited: boolean;
  /** Whether UNWATCH refuses what is no path with EINVAL. */
  readonly unwatchChecksPath: boolean;
  /** Longest special name in a watch, in bytes. */
  readonly specialLengthMax: number;
  /**
   * The special names `@introduceDomain` and `@releaseDomain`. `apart`: SET_PERMS takes them, at once and silently.
   * `nodes`: SET_PERMS and GET_PERMS take them as nodes outside the tree. `children`: ordinary children of the root.
   */
  readonly specialNames: 'apart' | 'nodes' | 'children';

  /** Longest event, path and token with their nuls, in bytes; a longer one is dropped. */
  readonly eventLengthMax: number;
  /** Whether an event is dropped while one with the same path and token is pending on that connection. */
  readonly mergeEvents: boolean;
  /** Requests whose reply goes out before the events they cause; for all others the caller's own events come first. */
  readonly repliesFirst: ReadonlySet<KnownType>;
  /** Whether watches may be limited to a number of levels, and special ones tell of single domains. */
  readonly watchDepth: boolean;

  /** What becomes of permission entries of a domain that has ended: listed but dead, or deleted. */
  readonly deadEntries: 'stale' | 'deleted';
  /** The feature bits a domain gets, where domains have any. */
  readonly features: number;
  /** Whether each domain has quotas of its own. A quota of 0 is none then. */
  readonly quotaOfDomain: boolean;

  readonly errors: {
    readonly unknownTransaction: ErrorName;
    readonly tooManyNodes: ErrorName;
    readonly tooManyWatches: ErrorName;
    readonly tooManyTransactions: ErrorName;
  };
  /** Requests that get ENOSYS. */
  readonly unknownRequests: ReadonlySet<KnownType>;
  /** How numbers in requests are read: as atoi does, strictly, or as OCaml's int_of_string does. */
  readonly numbers: 'atoi' | 'strict' | 'ocaml';
  /** Bytes that a node's record has besides entries, value and names of children. */
  readonly recordBytes: number;

  /** What is done with a payload that is announced longer than 4096 bytes: the connection is closed, or the rest waited for. */
  readonly overlongRequest: 'close' | 'wait';
  /** Whether a reply over 4096 bytes becomes E2BIG on a socket too, and not only on a ring. */
  readonly overlongReplyRefused: boolean;
  /** Whether a request with an empty payload is put off, on a socket, until more bytes come. */
  readonly emptyPayloadWaits: boolean;
  /** Whether WATCH and UNWATCH are answered with the transaction id of the request. */
  readonly watchKeepsTransactionId: boolean;

  /** Whether INTRODUCE makes the domain, for want of a hypervisor that could be asked. */
  readonly domainsAppear: boolean;
  /** Whether states are finite: ids are used again, and nothing counts up for ever. */
  readonly finite: boolean;
  readonly quota: Quota;
  readonly allowance: Allowance;
}

export { C_4_17, C_4_22, OCAML_4_17 };

export const POLICIES: { readonly [name in DaemonName]: Policy } = {
  c: C_4_17,
  'c-4.22': C_4_22,
  ocaml: OCAML_4_17,
};

/**
 * `policy` with a finite state space: an id that counts up makes every transaction lead to a new state. Clients are
 * told nothing about ids but that those of open transactions differ, so this hides no behaviour they may rely on.
 */
export function finite(policy: Policy): Policy {
  return { ...policy, name: `${policy.name}, finite`, finite: true };
}

/** `policy` with other quotas. */
export function withQuota(policy: Policy, quota: Partial<Quota>): Policy {
  return { ...policy, quota: { ...policy.quota, ...quota } };
}
