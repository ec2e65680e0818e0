/**
 * The end of a transaction with success, as in C xenstored 4.17.
 */
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import type { Node } from './node.js';
import { failure, OK, type Reply } from './requests.js';
import type { Tree } from './store.js';
import { type Accessed, SILENT, type Transaction } from './transactions.js';

/**
 * Makes the changes of `transaction` real and tells the watchers: one event per touched node, in the order of first
 * access. Without any change: ENOMEM if one of its requests broke it, ENOSPC if a domain would own too many nodes,
 * EAGAIN if any node it accessed is not as it was.
 */
export function commit(draft: Draft, caller: Connection, transaction: Transaction): Reply {
  if (transaction.failed) return failure('ENOMEM');
  const written = transaction.entries().filter((entry) => entry.modified);
  if (!caller.privileged && exceedsNodes(draft, written)) return failure('ENOSPC');
  if (transaction.doomed) return failure('EAGAIN');

  const old = draft.tree;
  for (const { path, node, before } of written) if (node !== null || before !== null) draft.put(path, node);
  for (const entry of written) {
    const { path, reach, node, before } = entry;
    if (reach !== SILENT)
      draft.announce({ path, reach, node, before, parent: parentOf(entry, transaction, old, draft.tree) });
  }
  return OK;
}

/** Whether a domain would own too many nodes; looked at only if the transaction has created any. */
function exceedsNodes(draft: Draft, written: readonly Accessed[]): boolean {
  if (!written.some((entry) => entry.before === null)) return false;
  const change = new Map<number, number>();
  const count = (domid: number | undefined, by: number): void => {
    if (domid !== undefined && domid !== 0) change.set(domid, (change.get(domid) ?? 0) + by);
  };
  for (const { before, node } of written) {
    count(before?.owner, -1);
    count(node?.permissions.owner, 1);
  }
  return [...change].some(([domid, by]) => (draft.domain(domid)?.nodes ?? 0) + by >= draft.policy.quota.nodes);
}

/**
 * The parent whose readers are told. The daemon stores node by node and tells as it goes: of a parent that comes later
 * it sees the old state.
 */
function parentOf({ path, order }: Accessed, transaction: Transaction, old: Tree, now: Tree): Node | null {
  if (path.parent === null) return null;
  const entry = transaction.get(path.parent);
  return (entry === undefined || entry.order < order ? now : old).get(path.parent) ?? null;
}
