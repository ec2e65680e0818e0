/**
 * The end of a transaction with success, as in C xenstored 4.17.
 */
import type { Draft } from './draft.js';
import type { Node } from './node.js';
import type { Path } from './path.js';
import { failure, OK, type Reply } from './requests.js';
import { type Accessed, SILENT, type Transaction } from './transactions.js';

/**
 * Makes the changes of `transaction` real and tells the watchers: one event per touched node, in the order of first
 * access. EAGAIN, and no change, if any node it accessed is not as it was.
 */
export function commit(draft: Draft, transaction: Transaction): Reply {
  const entries = transaction.entries();
  if (transaction.doomed || entries.some((entry) => entry.before === null && draft.read(entry.path) !== null)) {
    return failure('EAGAIN');
  }
  const old = draft.tree;
  const written = entries.filter((entry) => entry.modified);
  for (const entry of written) if (entry.node !== null || entry.before !== null) draft.put(entry.path, entry.node);
  for (const entry of written) {
    if (entry.reach === SILENT) continue;
    const { path, reach, node, before } = entry;
    draft.announce({ path, reach, node, before, parent: parentAt(entry) });
  }
  return OK;

  /** The daemon stores node by node and tells as it goes: of a parent that comes later it still sees the old state. */
  function parentAt({ path, order }: Accessed): Node | null {
    const above: Path | null = path.parent;
    if (above === null) return null;
    const entry = transaction.get(above);
    const tree = entry === undefined || entry.order < order ? draft.tree : old;
    return tree.get(above) ?? null;
  }
}
