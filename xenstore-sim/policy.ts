/**
 * Where daemons differ, or where an exploration wants fewer states than a daemon has.
 */
import type { Quota } from './quota.js';
import type { RequestType } from './requests.js';

/** `creation`: a new child goes to the end (C). `name`: in byte order (oxenstored). */
export type ChildOrder = 'creation' | 'name';

export interface Policy {
  readonly name: string;
  readonly childOrder: ChildOrder;
  /** Longest path in bytes, a prefix `/local/domain/N/` not counted. */
  readonly pathLengthMax: number;
  /** Longest special name in a watch, in bytes. */
  readonly specialLengthMax: number;
  /** Longest event, path and token with their nuls, in bytes; a longer one is dropped. */
  readonly eventLengthMax: number;
  /** Whether an event is dropped while one with the same path and token is pending on that connection. */
  readonly mergeEvents: boolean;
  /** Requests whose reply goes out before the events they cause; for all others the caller's own events come first. */
  readonly repliesFirst: ReadonlySet<RequestType>;
  /** `counting`: ids are not used again. `lowest-free`: the least id that is not open. */
  readonly transactionIds: 'counting' | 'lowest-free';
  readonly quota: Quota;
}

/** The C xenstored of Xen 4.17 with its default settings. */
export const C_4_17: Policy = {
  name: 'c-4.17',
  childOrder: 'creation',
  pathLengthMax: 2048,
  specialLengthMax: 2048,
  eventLengthMax: 4096,
  mergeEvents: true,
  repliesFirst: new Set<RequestType>(['watch', 'release']),
  transactionIds: 'counting',
  quota: { nodes: 1000, watches: 128, transactions: 10, nodeSize: 2048, permissions: 5, transactionNodes: 1024 },
};

/**
 * `policy` with a finite state space: an id that counts up makes every transaction lead to a new state. Clients are
 * told nothing about ids but that those of open transactions differ, so this hides no behaviour they may rely on.
 */
export function finite(policy: Policy): Policy {
  return { ...policy, name: `${policy.name}, finite`, transactionIds: 'lowest-free' };
}
