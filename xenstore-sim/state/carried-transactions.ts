/**
 * Open transactions as records of a state stream, and back.
 *
 * A record holds a node as the transaction has it, and whether it was read or written: not what the transaction found,
 * which children it sees in which order, nor whom it will tell. For a transaction of the C daemon whose nodes are all
 * still as it found them, this follows from the order of the records (that of first access) and from the tree:
 *
 * - what it found is what the tree has;
 * - a node with access 1 was read, and has children added or taken away by the records below it;
 * - one with access 3 was written; one with access 2 was stored without anybody being told, as when it was created on
 *   the way to another;
 * - one without permissions was removed (access 0, as the specification has it) or found absent (access 1). A removal
 *   is told to those above the topmost removed node, and to those who watch one of the others.
 *
 * Where that does not give back the same transaction, and for transactions that have met a conflict or a quota, and for
 * those of oxenstored (a snapshot and a list of requests) once they have done anything, only the conflict is carried: a
 * single record that says that the transaction read the root and found it absent. It is never true, so the commit will
 * fail with EAGAIN, for which every client of a xenstore must be prepared; until then it sees the tree as it is. Nothing
 * is lost but the work, and the client is told.
 */

import { Accessed, EXACT, type Reach, SILENT, SUBTREE } from '../accessed.js';
import { append } from '../chain.js';
import { Node } from '../node.js';
import { OcamlTransaction } from '../ocaml-transactions.js';
import { type Path, ROOT } from '../path.js';
import { PermissionList } from '../permissions.js';
import type { Policy } from '../policy.js';
import { failure } from '../requests.js';
import type { Store } from '../store.js';
import { CTransaction, type Transaction } from '../transactions.js';
import { generationAt, type Tree } from '../tree.js';
import { KeptTree, VersionedTree } from '../versioned-tree.js';
import { carriedEntry } from './carried-entry.js';
import { NODE_READ, NODE_WRITTEN, type NodeRecord } from './records.js';

/** A record of a node, with its path parsed. */
export interface NodeAt {
  readonly path: Path;
  readonly record: NodeRecord;
}

/** The nodes of `transaction` of the connection that the stream calls `connection`. */
export function dumpTransaction(store: Store, connection: number, transaction: Transaction): NodeRecord[] {
  const conflict: NodeRecord = {
    type: 'NODE_DATA',
    connection,
    transaction: transaction.id,
    access: NODE_READ,
    permissions: [],
    path: ROOT.text,
    value: '',
  };
  if (transaction.rules === 'ocaml') return isUnused(store, transaction) ? [] : [conflict];
  if (transaction.doomed || transaction.failed) return [conflict];
  const { entries } = transaction;
  if (entries.some(({ path, generation }) => generationAt(store.tree, path) !== generation)) return [conflict];
  const nodes = entries.map((entry): NodeAt => {
    const { path, node } = entry;
    const permissions = (node?.permissions.entries ?? []).map(carriedEntry);
    return {
      path,
      record: {
        ...conflict,
        access: accessOf(entry, store.tree),
        permissions,
        path: path.text,
        value: node?.value ?? '',
      },
    };
  });
  const carried = loadTransaction(store, transaction.id, nodes);
  return carried.rules === 'c' && sameAccesses(carried.entries, entries)
    ? nodes.map(({ record }) => record)
    : [conflict];
}

/** Whether a transaction started now would be the same. */
function isUnused(store: Store, { state }: OcamlTransaction): boolean {
  const { base } = state;
  const { tree } = store;
  const same = tree instanceof VersionedTree && base instanceof KeptTree ? tree.isStill(base) : tree === base;
  return state.operations === null && same && state.baseDomains === store.domains;
}

function accessOf({ path, node, modified, reach }: Accessed, tree: Tree): number {
  if (!modified) return NODE_READ;
  if (node === null) return 0;
  if (reach !== SILENT) return NODE_READ | NODE_WRITTEN;
  const found = tree.get(path);
  // That its children have changed follows from their records.
  const follows = found !== undefined && sameContent(found, node) && !sameChildren(found, node);
  return follows ? NODE_READ : NODE_WRITTEN;
}

/** The transaction with number `id` and the nodes `nodes`, in the order of the stream. The store has its tree. */
export function loadTransaction(store: Store, id: number, nodes: readonly NodeAt[]): Transaction {
  const { policy, tree, domains } = store;
  if (policy.rules === 'ocaml') {
    const started = OcamlTransaction.start(id, tree, domains, policy.finite);
    return nodes.length === 0 ? started : conflicting(started);
  }
  // Nobody else has it yet.
  const owner = policy.finite ? null : {};
  const below = childrenBelow(nodes, tree);
  const removed = new Set(nodes.filter(({ record }) => isRemoved(record)).map(({ path }) => path.text));
  let transaction = CTransaction.start(id, policy.finite, owner);
  for (const { path, record } of nodes) {
    const found = tree.get(path) ?? null;
    const node = nodeOf(record, found, below.get(path.text), policy);
    if (contradicts(record, node, found) || transaction.get(path) !== undefined)
      return CTransaction.start(id, policy.finite).doom();
    const written = (record.access & NODE_WRITTEN) !== 0;
    const modified = isRemoved(record) || written || (node !== null && found !== null && !sameChildren(node, found));
    let reach: Reach = written && (record.access & NODE_READ) !== 0 ? SUBTREE : SILENT;
    if (isRemoved(record)) reach = path.parent !== null && removed.has(path.parent.text) ? EXACT : SUBTREE;
    const before = found?.permissions ?? null;
    const generation = found?.generation ?? 0;
    transaction = transaction.adopt(
      new Accessed({ path, order: transaction.count, before, generation, node, modified, reach }, owner),
      owner,
    );
  }
  return transaction;
}

/** A transaction of oxenstored whose commit fails: one of its requests had a reply that it will not have again. */
function conflicting(started: OcamlTransaction): OcamlTransaction {
  return started
    .with({
      operations: append(null, { request: { type: 'read' as const, path: ROOT.text }, reply: failure('EAGAIN') }),
      changes: append(null, { kind: 'write' as const, path: ROOT }),
      readLow: ROOT,
      writeLow: ROOT,
    })
    .afterChangeOf(ROOT);
}

/** Whether a node that was only read is not as the tree has it: the conflict that every such record stands for. */
function contradicts({ access }: NodeRecord, node: Node | null, found: Node | null): boolean {
  if (access !== NODE_READ) return false;
  return node === null || found === null ? node !== found : !sameContent(node, found);
}

function isRemoved({ access, permissions }: NodeRecord): boolean {
  return permissions.length === 0 && access === 0;
}

interface Children {
  readonly added: Path[];
  readonly removed: Set<string>;
}

/** By path of the parent: the children that the transaction has created and removed, in order. */
function childrenBelow(nodes: readonly NodeAt[], tree: Tree): Map<string, Children> {
  const below = new Map<string, Children>();
  for (const { path, record } of nodes) {
    if (path.parent === null) continue;
    const there = record.permissions.length > 0;
    if (there === (tree.get(path) !== undefined)) continue;
    const children = below.get(path.parent.text) ?? { added: [], removed: new Set() };
    below.set(path.parent.text, children);
    if (there) children.added.push(path);
    else if (isRemoved(record)) children.removed.add(path.name);
  }
  return below;
}

function nodeOf(
  record: NodeRecord,
  found: Node | null,
  changes: Children | undefined,
  { childOrder }: Policy,
): Node | null {
  if (record.permissions.length === 0) return null;
  const permissions = new PermissionList(record.permissions);
  let node = (found ?? Node.create('', permissions)).withPermissions(permissions).withValue(record.value);
  for (const child of found?.children ?? [])
    if (changes?.removed.has(child)) node = node.withoutChild(child, childOrder);
  for (const child of changes?.added ?? []) node = node.withChild(child.name, childOrder);
  return node;
}

function sameAccesses(some: readonly Accessed[], others: readonly Accessed[]): boolean {
  return (
    some.length === others.length &&
    some.every((one, i) => {
      const other = others[i];
      if (other === undefined || !one.path.equals(other.path)) return false;
      if (one.modified !== other.modified || one.reach !== other.reach) return false;
      if (!samePermissions(one.before, other.before)) return false;
      if (one.node === null || other.node === null) return one.node === other.node;
      return sameContent(one.node, other.node) && sameChildren(one.node, other.node);
    })
  );
}

function sameContent(one: Node, other: Node): boolean {
  return one.value === other.value && samePermissions(one.permissions, other.permissions);
}

function sameChildren(one: Node, other: Node): boolean {
  return one.children.length === other.children.length && one.children.every((name, i) => name === other.children[i]);
}

function samePermissions(one: PermissionList | null, other: PermissionList | null): boolean {
  if (one === null || other === null) return one === other;
  return (
    one.entries.length === other.entries.length &&
    one.entries.every(({ access, domid, stale }, i) => {
      const entry = other.entries[i];
      return entry !== undefined && access === entry.access && domid === entry.domid && stale === entry.stale;
    })
  );
}
