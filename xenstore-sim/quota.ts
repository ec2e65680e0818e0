/**
 * What an unprivileged domain may use up. Privileged callers are exempt.
 *
 * The daemons compare in different ways, and clients can tell: of a quota of n, one lets n - 1 fit, another n + 1. What
 * really fits is the quota plus an `Allowance` of the policy.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';

export interface Quota {
  /** Nodes owned. */
  readonly nodes: number;
  readonly watches: number;
  /** Open transactions. */
  readonly transactions: number;
  /** Bytes of a node's record (C), or of its value (oxenstored). */
  readonly nodeSize: number;
  /** Entries in a permission list. */
  readonly permissions: number;
  /** Nodes accessed by one transaction. */
  readonly transactionNodes: number;
  /** Requests in one transaction. */
  readonly transactionRequests: number;
  /** Bytes of a path, a prefix `/local/domain/N/` not counted. */
  readonly pathLength: number;
  /** Requests that are not answered yet, and events that are not read yet. */
  readonly outstanding: number;
  /** Bytes of memory: more makes the daemon refuse, above the soft limit it writes to its log. */
  readonly memory: number;
  readonly softMemory: number;
}

/** Quotas in the order in which they are hashed. */
export const QUOTA_NAMES: readonly (keyof Quota)[] = [
  'nodes',
  'watches',
  'transactions',
  'nodeSize',
  'permissions',
  'transactionNodes',
  'transactionRequests',
  'pathLength',
  'outstanding',
  'memory',
  'softMemory',
];

/** How many more (or fewer) than the quota really fit. */
export interface Allowance {
  readonly nodes: number;
  /** Nodes, when they are counted at the end of a transaction. */
  readonly nodesAtCommit: number;
  readonly watches: number;
  readonly transactions: number;
  readonly nodeSize: number;
  readonly permissions: number;
  readonly transactionNodes: number;
  readonly pathLength: number;
}

/** No limit. */
export const UNLIMITED = Number.POSITIVE_INFINITY;

/** A quota as part of a store's state. */
export class QuotaSet implements Hashed {
  readonly quota: Quota;
  readonly hashLow: number;
  readonly hashHigh: number;

  constructor(quota: Quota) {
    this.quota = quota;
    let low = LOW;
    let high = HIGH;
    for (const name of QUOTA_NAMES) {
      const word = quota[name] === UNLIMITED ? -1 : quota[name];
      low = mix(low, word);
      high = mix(high, word);
    }
    this.hashLow = low;
    this.hashHigh = high;
  }

  with(change: Partial<Quota>): QuotaSet {
    return new QuotaSet({ ...this.quota, ...change });
  }
}
