/**
 * The requests on nodes by the rules of the C xenstored: what they check, what they change, whom they tell.
 *
 * Each function works on a draft and knows nothing of transactions; but the *order* in which it reads nodes is part of
 * its behaviour, since inside a transaction each read is an access and the events at commit follow that order.
 */

import { unreachable } from '../protocol/assert.js';
import { EXACT, SUBTREE } from './accessed.js';
import type { Connection } from './connections.js';
import { directoryPart } from './directory-part.js';
import type { Draft } from './draft.js';
import { Node } from './node.js';
import { childPath, isSpecial, type Path, resolvePath, specialPath } from './path.js';
import { DOMID_ANY, OWNER, type Permission, PermissionList, READ, WRITE } from './permissions.js';
import { type ErrorName, failure, type NodeRequest, OK, type Reply } from './requests.js';

/** Performs a request on nodes by the rules of the C daemon. */
export function performC(draft: Draft, caller: Connection, request: NodeRequest): Reply {
  switch (request.type) {
    case 'read':
      return read(draft, caller, request.path);
    case 'write':
      return write(draft, caller, request.path, request.value);
    case 'directory':
      return directory(draft, caller, request.path);
    case 'directoryPart': {
      const found = find(draft, caller, request.path, READ);
      return typeof found === 'string' ? failure(found) : directoryPart(found.node, request.offset);
    }
    case 'mkdir':
      return makeDirectory(draft, caller, request.path);
    case 'rm':
      return remove(draft, caller, request.path);
    case 'getPerms':
      return getPermissions(draft, caller, request.path);
    case 'setPerms':
      return setPermissions(draft, caller, request.path, request.permissions);
    default:
      return unreachable(request);
  }
}

function read(draft: Draft, caller: Connection, text: PathText): Reply {
  const found = find(draft, caller, text, READ);
  return typeof found === 'string' ? failure(found) : { kind: 'value', value: found.node.value };
}

function directory(draft: Draft, caller: Connection, text: PathText): Reply {
  const found = find(draft, caller, text, READ);
  return typeof found === 'string' ? failure(found) : { kind: 'list', names: found.node.children };
}

function getPermissions(draft: Draft, caller: Connection, text: PathText): Reply {
  const found = find(draft, caller, text, READ, draft.policy.specialNames === 'nodes');
  return typeof found === 'string' ? failure(found) : { kind: 'perms', permissions: found.node.permissions.list() };
}

/** Creates the node and its missing parents, or stores a new value. */
function write(draft: Draft, caller: Connection, text: PathText, value: string): Reply {
  const path = parse(draft, caller, text);
  if (path === null) return failure('EINVAL');
  const found = lookUp(draft, caller, path, WRITE);
  if (found === 'ENOENT') {
    return create(draft, caller, path, value);
  } else if (typeof found === 'string') {
    return failure(found);
  } else {
    const node = found.withValue(value);
    if (!mayStore(draft, caller, node)) return failure('ENOSPC');
    draft.put(path, node);
    announceChange(draft, path, node, null);
  }
  return OK;
}

/** Creates the node and its missing parents; does nothing if the node is there. */
function makeDirectory(draft: Draft, caller: Connection, text: PathText): Reply {
  const path = parse(draft, caller, text);
  if (path === null) return failure('EINVAL');
  const found = lookUp(draft, caller, path, WRITE);
  if (found === 'ENOENT') return create(draft, caller, path, '');
  return typeof found === 'string' ? failure(found) : OK;
}

/** Removes the node with everything below it. An absent node below a present parent counts as removed. */
function remove(draft: Draft, caller: Connection, text: PathText): Reply {
  const path = parse(draft, caller, text);
  if (path === null) return failure('EINVAL');
  const found = lookUp(draft, caller, path, WRITE);
  if (found === 'ENOENT') return path.parent !== null && draft.read(path.parent) !== null ? OK : failure('ENOENT');
  if (typeof found === 'string') return failure(found);
  if (path.parent === null) return failure('EINVAL');
  const parent = draft.read(path.parent);
  if (parent === null) return failure('EINVAL');
  return removeSubtree(draft, path, path.parent, found) ? OK : failure('EIO');
}

function setPermissions(draft: Draft, caller: Connection, text: PathText, permissions: readonly Permission[]): Reply {
  const owner = permissions[0];
  if (owner === undefined) return failure('EINVAL');
  if (permissions.length > draft.limit(caller, 'permissions')) return failure('ENOSPC');
  const anyDomain = draft.policy.specialNames === 'nodes';
  const exists = (domid: number): boolean =>
    (anyDomain && domid === DOMID_ANY) || draft.domains.get(domid) !== undefined;
  if (!exists(owner.domid)) return failure('ENOENT');
  const list = PermissionList.of(permissions, exists);
  const path = parse(draft, caller, text, true);
  if (path === null) return failure('EINVAL');
  if (path.special && draft.policy.specialNames === 'apart') return setSpecialPermissions(draft, caller, path, list);

  const found = lookUp(draft, caller, path, WRITE | OWNER);
  if (typeof found === 'string') return failure(found);
  if (!caller.privileged && list.owner !== found.permissions.owner) return failure('EPERM');
  const node = found.withPermissions(list);
  if (!mayStore(draft, caller, node)) return failure('ENOSPC');
  draft.put(path, node);
  announceChange(draft, path, node, found.permissions);
  return OK;
}

/** At once, whatever the transaction, and without an event. */
function setSpecialPermissions(draft: Draft, caller: Connection, path: Path, list: PermissionList): Reply {
  const node = draft.tree.get(path);
  if (node === undefined) return failure('ENOENT');
  if ((node.permissions.allows(draft.subject(caller)) & OWNER) === 0) return failure('EACCES');
  draft.replace(path, node.withPermissions(list));
  return OK;
}

/**
 * Takes `node` at `path` and everything below out of the draft. Watches below see their node go first, each its own.
 *
 * False: in a transaction the daemon has met what it takes for a damaged database, and has stopped half way: a parent
 * that does not list its child or lists one that is not there, because the transaction has met one of them before a change
 * outside and the other after it; or a child beyond the limit on accessed nodes, which counts as not there
 * (`walk_node_tree` and `delete_child` of xenstored_core.c).
 */
export function removeSubtree(draft: Draft, path: Path, parentPath: Path, node: Node): boolean {
  const parent = draft.read(parentPath);
  if (!removeBelow(draft, path, node)) return false;
  draft.put(path, null);
  draft.announce({ path, reach: SUBTREE, node, before: null, parent });
  if (parent === null) return true;
  const left = parent.withoutChild(path.name, draft.policy.childOrder, node.birth);
  if (left === parent) return draft.transaction === null;
  draft.put(parentPath, left);
  return true;
}

function removeBelow(draft: Draft, path: Path, node: Node): boolean {
  for (const name of node.children) {
    const below = childPath(path, name);
    const child = draft.read(below);
    if (child === null || !removeBelow(draft, below, child)) {
      keepFrom(draft, path, node, name);
      return false;
    }
    draft.put(below, null);
    draft.announce({ path: below, reach: EXACT, node: child, before: null, parent: node });
  }
  return true;
}

/** Stores `node` without the children before `first`, which are gone. */
function keepFrom(draft: Draft, path: Path, node: Node, first: string): void {
  let left = node;
  for (const gone of node.children) {
    if (gone === first) break;
    left = left.withoutChild(gone, draft.policy.childOrder);
  }
  if (left !== node) draft.put(path, left);
}

/** A node that is not there yet, under the nearest ancestor that is; everything between is created empty and silently. */
function create(draft: Draft, caller: Connection, path: Path, value: string): Reply {
  const missing: Path[] = [];
  let top: Path = path;
  let ancestor: Node | null = null;
  while (top.parent !== null && ancestor === null) {
    missing.push(top);
    top = top.parent;
    ancestor = draft.read(top);
  }
  // Only a transaction that may not access more nodes finds none; its request fails as a whole.
  if (ancestor === null) return failure('ENOSPC');

  const { childOrder } = draft.policy;
  // An unprivileged domain owns what it creates; the other entries are those of the parent.
  const permissions = caller.privileged ? ancestor.permissions : ancestor.permissions.ownedBy(caller.domid);
  const bare = Node.create('', permissions);
  const leaf = bare.withValue(value);
  const owned = draft.domains.get(caller.domid)?.nodes ?? 0;
  // In a transaction the nodes are counted at commit.
  const exceeded = draft.transaction === null && owned + missing.length > draft.limit(caller, 'nodes');
  const below = missing.at(-1);
  const parent = below === undefined ? ancestor : ancestor.withChild(below.name, childOrder);
  if (exceeded || !mayStore(draft, caller, leaf) || !mayStore(draft, caller, parent)) return failure('ENOSPC');

  missing.forEach((each, i) => {
    const child = missing[i - 1];
    const node = child === undefined ? leaf : bare.withChild(child.name, childOrder);
    // All but the topmost are first children.
    draft.put(each, each === below ? node.withBirth(ancestor.nextBirth) : node);
  });
  draft.put(top, parent);
  announceChange(draft, path, leaf, null);
  return OK;
}

function announceChange(draft: Draft, path: Path, node: Node, before: PermissionList | null): void {
  const inside = draft.transaction !== null;
  if (!inside && !draft.mayBeWatched(path, SUBTREE)) return;
  const parent = path.above === null || inside ? null : draft.read(path.above);
  draft.announce({ path, reach: SUBTREE, node, before, parent });
}

/** As in a request. */
type PathText = NodeRequest['path'];

interface Found {
  readonly path: Path;
  readonly node: Node;
}

function find(draft: Draft, caller: Connection, text: PathText, needed: number, special = false): Found | ErrorName {
  const path = parse(draft, caller, text, special);
  if (path === null) return 'EINVAL';
  const node = lookUp(draft, caller, path, needed);
  return typeof node === 'string' ? node : { path, node };
}

/** @param special Whether a special name will do. */
function parse(draft: Draft, caller: Connection, text: PathText, special = false): Path | null {
  const path =
    typeof text !== 'string' ? text : special && isSpecial(text) ? specialPath(text) : resolvePath(text, caller.domid);
  return path === null || path.countedLength > pathLengthMax(draft, caller) ? null : path;
}

/** Longest path that `caller` may use, in bytes. */
export function pathLengthMax(draft: Draft, caller: Connection): number {
  const { pathLengthForAll, allowance } = draft.policy;
  return pathLengthForAll ? draft.quota.quota.pathLength + allowance.pathLength : draft.limit(caller, 'pathLength');
}

/**
 * The node at `path` if `caller` has all rights of the bit set `needed`. That a node is absent is told only to those who
 * have one of these rights on its nearest ancestor; the others hear that they lack permission.
 */
function lookUp(draft: Draft, caller: Connection, path: Path, needed: number): Node | 'ENOENT' | 'EACCES' {
  const node = draft.read(path);
  if (node !== null && (caller.privileged || (node.permissions.allows(draft.subject(caller)) & needed) === needed))
    return node;
  let ancestor: Node | null = null;
  for (let above = path.above; above !== null && ancestor === null; above = above.above) ancestor = draft.read(above);
  if (node !== null) return 'EACCES';
  const rights = ancestor === null ? 0 : ancestor.permissions.allows(draft.subject(caller));
  return (rights & needed) !== 0 ? 'ENOENT' : 'EACCES';
}

/** Whether the record of `node` in the daemon's database may be stored: header, permission entries, value, children's names. */
function mayStore(draft: Draft, caller: Connection, node: Node): boolean {
  if (caller.privileged) return true;
  const { permissions, value, childrenBytes } = node;
  const bytes = draft.policy.recordBytes + 8 * permissions.entries.length + value.length + childrenBytes;
  return bytes <= draft.limit(caller, 'nodeSize');
}
