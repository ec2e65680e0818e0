/**
 * The end of a transaction with success, as in oxenstored.
 */
import { toArray } from './chain.js';
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import { announceOcaml } from './ocaml-events.js';
import { type Footprint, newFootprint, performOcaml } from './ocaml-nodes.js';
import type { OcamlTransaction, Operation } from './ocaml-transactions.js';
import { OverlayTree } from './overlay-tree.js';
import { type Path, ROOT } from './path.js';
import { failure, type NodeRequest, OK, type Reply } from './requests.js';
import { startTransaction } from './transaction-start.js';
import type { Tree } from './tree.js';

/**
 * Makes the changes of `transaction` real and tells the watchers: one event per request that changed something, in order.
 * One that changed nothing ends well whatever happened outside.
 */
export function commitOcaml(draft: Draft, caller: Connection, transaction: OcamlTransaction): Reply {
  const { base, tree, changes, touched, readLow, writeLow } = transaction.state;
  if (changes === null) return OK;
  const before = draft.tree;
  const untouched = (path: Path | null): boolean => path === null || isUntouched(transaction, before, path);
  const alone = !transaction.changedOutside(ROOT, before);
  if (alone || (untouched(readLow) && untouched(writeLow))) graft(draft, tree, toArray(touched));
  else {
    const error = replay(draft, caller, transaction);
    if (error !== null) return error;
  }
  announceOcaml(draft, toArray(changes), base, tree);
  return OK;
}

/** Whether nothing has changed outside at or below `path`, nor the permissions on the way to it. */
function isUntouched(transaction: OcamlTransaction, now: Tree, path: Path): boolean {
  const { base } = transaction.state;
  const was = base.get(path);
  const is = now.get(path);
  if (was === undefined && is === undefined) return path.parent !== null && now.get(path.parent) !== undefined;
  if (was === undefined || is === undefined || transaction.changedOutside(path, now)) return false;
  for (let at: Path | null = path; at !== null && at !== ROOT; at = at.parent) {
    const one = base.get(at)?.permissions;
    const other = now.get(at)?.permissions;
    if (one === undefined || other === undefined || one.text !== other.text) return false;
  }
  return true;
}

/** Stores each node that the transaction stored, as it left it. */
function graft(draft: Draft, tree: Tree, touched: readonly Path[]): void {
  const done = new Set<string>();
  for (const path of touched) {
    if (done.has(path.text)) continue;
    done.add(path.text);
    const node = tree.get(path) ?? null;
    if (node !== null || draft.tree.get(path) !== undefined) draft.put(path, node);
  }
}

/**
 * Performs the requests once more, on the tree as it is. The daemon does so in a transaction of its own, which takes an
 * id. Null if each request had the same reply as before.
 */
function replay(draft: Draft, caller: Connection, { state }: OcamlTransaction): Reply | null {
  const start = startTransaction(draft, caller);
  if (start.kind === 'error') return start;
  const now = draft.connections.get(caller.id) ?? caller;
  draft.setConnection(now.with({ transactions: now.transactions.slice(0, -1) }));
  const { tree, domains, generation } = draft;
  draft.isolated = true;
  if (!draft.policy.finite) draft.tree = OverlayTree.over(tree);
  const footprint = newFootprint();
  // A request of a type that the daemon does not know ends the attempt in another way than one that it cannot repeat.
  const operations = toArray(state.operations);
  const odd = operations.findIndex((operation) => !repeats(draft, caller, operation, footprint));
  const result = draft.tree;
  draft.isolated = false;
  draft.tree = tree;
  draft.domains = domains;
  draft.generation = generation;
  if (odd >= 0) return failure(operations[odd]?.request.type === 'unknown' ? 'EINVAL' : 'EAGAIN');
  graft(draft, result, footprint.touched);
  return null;
}

function repeats(draft: Draft, caller: Connection, { request, reply }: Operation, footprint: Footprint): boolean {
  if (request.type === 'malformed') return SIMPLE.has(request.of);
  // Those it knows, and refuses again.
  if (request.type === 'unknown') return request.reserved;
  if (!isNodeRequest(request)) return request.type === 'getDomainPath';
  return JSON.stringify(performOcaml(draft, caller, request, footprint)) === JSON.stringify(reply);
}

/** Requests that can be performed again; any other in the transaction ends the attempt. */
const SIMPLE: ReadonlySet<string> = new Set([
  'read',
  'write',
  'directory',
  'mkdir',
  'rm',
  'getPerms',
  'setPerms',
  'getDomainPath',
]);

function isNodeRequest(request: Operation['request']): request is NodeRequest {
  return SIMPLE.has(request.type) && request.type !== 'getDomainPath';
}
