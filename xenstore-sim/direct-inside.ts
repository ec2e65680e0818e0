/**
 * READ and WRITE of a node that is there, inside a transaction of the C daemon and of a privileged client: from the bytes
 * of the request to what the transaction has of the node, with nothing between them.
 *
 * Whatever is not as usual is left to `execute`, which does the same and all the rest.
 */
import { binaryString, XS_PAYLOAD_BYTES_MAX, type XsHeader, XsType } from '../protocol/xs-wire.js';
import { type Accessed, SUBTREE } from './accessed.js';
import { PackedTree } from './packed-tree.js';
import { type Path, resolvePath } from './path.js';
import { keepPath, keptPath, nulIn, SLASH } from './path-bytes.js';
import type { Owner } from './path-map.js';
import type { Store } from './store.js';
import type { CTransaction } from './transactions.js';
import type { Output } from './wire/output.js';

/**
 * Performs the request with the payload in `input` from `from` to `end`, in a transaction of `connection`; the reply is
 * written to `output`. False, and nothing is done: it is not usual.
 *
 * @param owner Who gives up what the store was and alone holds it.
 */
export function performInsideDirectly(
  store: Store,
  owner: Owner,
  connection: number,
  { type, requestId, transactionId }: XsHeader,
  input: Uint8Array,
  from: number,
  end: number,
  output: Output,
): boolean {
  if ((type !== XsType.READ && type !== XsType.WRITE) || input[from] !== SLASH) return false;
  const transaction = store.connection(connection).transaction(transactionId);
  if (transaction?.rules !== 'c' || !transaction.isOwnedBy(owner)) return false;
  const nul = nulIn(input, from, end);
  if (nul === end || (store.policy.pathLengthForAll && nul - from >= store.quota.quota.pathLength)) return false;
  const path = keptPath(input, from, nul) ?? absolutePath(input, from, nul);
  if (path === null) return false;
  const there = transaction.get(path) ?? null;
  if (there !== null && there.node === null) return false;
  if (type === XsType.READ) {
    const entry = there ?? (nul === end - 1 ? accessedFirst(store, transaction, owner, path, null) : null);
    const value = entry?.node?.value ?? null;
    if (nul !== end - 1 || value === null || value.length > XS_PAYLOAD_BYTES_MAX) return false;
    output.frame(type, requestId, transactionId, value, 0);
    return true;
  }
  const value = binaryString(input, nul + 1, end);
  const entry = there ?? accessedFirst(store, transaction, owner, path, value);
  if (entry === null) return false;
  const node = there === null ? entry.node : (there.node?.withValue(value) ?? null);
  transaction.update(entry.changedTo(node, owner).reaching(SUBTREE, owner), owner);
  output.frame(type, requestId, transactionId, 'OK', 1);
  return true;
}

function absolutePath(input: Uint8Array, from: number, to: number): Path | null {
  const path = resolvePath(binaryString(input, from, to), 0);
  if (path !== null) keepPath(path);
  return path;
}

/**
 * What the transaction has of the node at `path` from now on: with `value` or, for null, with that which it has. Null, and
 * nothing is done, if there is no node.
 */
function accessedFirst(
  { tree }: Store,
  transaction: CTransaction,
  owner: Owner,
  path: Path,
  value: string | null,
): Accessed | null {
  if (!(tree instanceof PackedTree)) return null;
  const node = tree.get(path, value);
  return node === undefined ? null : (transaction.access(path, node, owner).get(path) ?? null);
}
