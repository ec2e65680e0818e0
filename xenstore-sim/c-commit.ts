/**
 * The end of a transaction with success, as in the C xenstored.
 */
import { type Accessed, SILENT } from './accessed.js';
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import type { Node } from './node.js';
import { failure, OK, type Reply } from './requests.js';
import type { CTransaction } from './transactions.js';
import { generationAt, type Tree } from './tree.js';

/**
 * Makes the changes of `transaction` real and tells the watchers: one event per touched node, in the order of first
 * access. Without any change: ENOMEM if one of its requests broke it, ENOSPC if a domain would own too many nodes,
 * EAGAIN if any node it accessed is not as it was.
 */
export function commitC(draft: Draft, caller: Connection, transaction: CTransaction): Reply {
  if (transaction.failed) return failure('ENOMEM');
  const accessed = transaction.entries;
  const written = accessed.filter((entry) => entry.modified);
  if (!caller.privileged && exceedsNodes(draft, caller, written)) return failure('ENOSPC');
  const { finite } = draft.policy;
  const changed = ({ path, generation }: Accessed): boolean => generationAt(draft.tree, path) !== generation;
  if (transaction.doomed || (!finite && accessed.some(changed))) return failure('EAGAIN');

  const told = written.filter(({ path, reach }) => reach !== SILENT && draft.mayBeWatched(path, reach));
  const parents = told.map((entry) => oldParent(entry, transaction, draft.tree));
  for (const { path, node, before } of written) if (node !== null || before !== null) draft.put(path, node, before);
  told.forEach(({ path, reach, node, before }, i) => {
    const { above } = path;
    if (reach === SILENT) return;
    const old = parents[i];
    const parent = old !== undefined ? old : above === null ? null : (draft.tree.get(above) ?? null);
    draft.announce({ path, reach, node, before, parent });
  });
  return OK;
}

/** Whether a domain would own too many nodes; looked at only if the transaction has created any. */
function exceedsNodes(draft: Draft, caller: Connection, written: readonly Accessed[]): boolean {
  if (!written.some((entry) => entry.before === null)) return false;
  const change = new Map<number, number>();
  const count = (domid: number | undefined, by: number): void => {
    if (domid !== undefined && domid !== 0) change.set(domid, (change.get(domid) ?? 0) + by);
  };
  for (const { before, node } of written) {
    count(before?.owner, -1);
    count(node?.permissions.owner, 1);
  }
  const max = draft.limit(caller, 'nodesAtCommit');
  return [...change].some(([domid, by]) => (draft.domains.get(domid)?.nodes ?? 0) + by > max);
}

/**
 * The parent whose readers are told, if it is the one before the commit: the daemon stores node by node and tells as it
 * goes, and of a parent that comes later it sees the old state. Undefined: the new one.
 */
function oldParent({ path, order }: Accessed, transaction: CTransaction, old: Tree): Node | null | undefined {
  const { above } = path;
  if (above === null) return undefined;
  const entry = transaction.get(above);
  return entry === undefined || entry.order < order ? undefined : (old.get(above) ?? null);
}
