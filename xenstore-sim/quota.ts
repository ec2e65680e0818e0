/**
 * What an unprivileged domain may use up, with the comparisons of C xenstored 4.17: they are not alike, and clients can
 * tell. Privileged callers are exempt.
 */
import type { Connection } from './connections.js';
import type { Node } from './node.js';
import type { Transaction } from './transactions.js';

export interface Quota {
  /** Nodes owned. A domain can have this many, by a transaction one less. */
  readonly nodes: number;
  /** Watches. One more than this can be set. */
  readonly watches: number;
  /** Open transactions. One more than this can be started. */
  readonly transactions: number;
  /** Bytes of a node's record; it must stay below this. */
  readonly nodeSize: number;
  /** Entries in a permission list. */
  readonly permissions: number;
  /** Nodes accessed by one transaction. */
  readonly transactionNodes: number;
}

export function mayWatch(quota: Quota, caller: Connection): boolean {
  return caller.privileged || caller.watches.length <= quota.watches;
}

export function mayStartTransaction(quota: Quota, caller: Connection): boolean {
  return caller.privileged || caller.transactions.length <= quota.transactions;
}

/** Whether `transaction` of `caller` may access one more node. */
export function mayAccess(quota: Quota, caller: Connection, transaction: Transaction): boolean {
  return caller.privileged || transaction.order.length < quota.transactionNodes;
}

/** Whether `caller` may store `node`. */
export function mayStore(quota: Quota, caller: Connection, node: Node): boolean {
  return caller.privileged || recordSize(node) < quota.nodeSize;
}

/** The size of the record in the daemon's database: header, permission entries, value, names of the children. */
function recordSize({ permissions, value, children }: Node): number {
  let size = 24 + 8 * permissions.entries.length + value.length;
  for (const child of children) size += child.name.length + 1;
  return size;
}
