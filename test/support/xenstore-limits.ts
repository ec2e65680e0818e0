/**
 * The limits of a recorded scenario as quotas of a policy.
 */
import type { DaemonName, Policy, Quota } from '../../xenstore-sim/index.js';
import { POLICIES, withQuota } from '../../xenstore-sim/index.js';

/** Settings of the recorded daemon that differ from the default. */
export interface Limits {
  readonly nodes?: number;
  readonly watches?: number;
  readonly transactions?: number;
  readonly permissions?: number;
  readonly 'node-size'?: number;
  readonly 'path-max'?: number;
  readonly 'trans-nodes'?: number;
  /** Of oxenstored only. */
  readonly requests?: number;
}

const QUOTAS: { readonly [limit in keyof Required<Limits>]: keyof Quota } = {
  nodes: 'nodes',
  watches: 'watches',
  transactions: 'transactions',
  permissions: 'permissions',
  'node-size': 'nodeSize',
  'path-max': 'pathLength',
  'trans-nodes': 'transactionNodes',
  requests: 'transactionRequests',
};

/** Limits that a daemon does not know, which its recording names all the same. */
const UNKNOWN: { readonly [name in DaemonName]: readonly (keyof Limits)[] } = {
  c: ['requests'],
  'c-4.22': ['requests'],
  ocaml: ['permissions', 'trans-nodes'],
};

export function policyWith(name: DaemonName, limits: Limits): Policy {
  const entries = Object.entries(limits) as [keyof Limits, number][];
  const known = entries.filter(([limit]) => !UNKNOWN[name].includes(limit));
  return withQuota(POLICIES[name], Object.fromEntries(known.map(([limit, value]) => [QUOTAS[limit], value])));
}
