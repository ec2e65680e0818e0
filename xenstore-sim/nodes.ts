/**
 * The requests on nodes: what they check, what they change, whom they tell. As in C xenstored 4.17.
 *
 * Each function works on a draft and knows nothing of transactions; but the *order* in which it reads nodes is part of
 * its behaviour, since inside a transaction each read is an access and the events at commit follow that order.
 */
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import { Node } from './node.js';
import { isSpecial, type Path, resolvePath } from './path.js';
import { OWNER, type Permission, PermissionList, READ, WRITE } from './permissions.js';
import { mayStore } from './quota.js';
import { type ErrorName, failure, OK, type Reply } from './requests.js';
import { EXACT, SUBTREE } from './transactions.js';

export function read(draft: Draft, caller: Connection, text: string): Reply {
  const found = find(draft, caller, text, READ);
  return typeof found === 'string' ? failure(found) : { kind: 'value', value: found.node.value };
}

export function directory(draft: Draft, caller: Connection, text: string): Reply {
  const found = find(draft, caller, text, READ);
  return typeof found === 'string'
    ? failure(found)
    : { kind: 'list', names: found.node.children.map((child) => child.name) };
}

export function getPermissions(draft: Draft, caller: Connection, text: string): Reply {
  const found = find(draft, caller, text, READ);
  return typeof found === 'string' ? failure(found) : { kind: 'perms', permissions: found.node.permissions.list() };
}

/** Creates the node and its missing parents, or stores a new value. */
export function write(draft: Draft, caller: Connection, text: string, value: string): Reply {
  const path = parse(draft, caller, text);
  if (path === null) return failure('EINVAL');
  const found = lookUp(draft, caller, path, WRITE);
  if (found === 'ENOENT') {
    return create(draft, caller, path, value);
  } else if (typeof found === 'string') {
    return failure(found);
  } else {
    const node = found.withValue(value);
    if (!mayStore(draft.policy.quota, caller, node)) return failure('ENOSPC');
    draft.put(path, node);
    announceChange(draft, path, node, null);
  }
  return OK;
}

/** Creates the node and its missing parents; does nothing if the node is there. */
export function makeDirectory(draft: Draft, caller: Connection, text: string): Reply {
  const path = parse(draft, caller, text);
  if (path === null) return failure('EINVAL');
  const found = lookUp(draft, caller, path, WRITE);
  if (found === 'ENOENT') return create(draft, caller, path, '');
  return typeof found === 'string' ? failure(found) : OK;
}

/** Removes the node with everything below it. An absent node below a present parent counts as removed. */
export function remove(draft: Draft, caller: Connection, text: string): Reply {
  const path = parse(draft, caller, text);
  if (path === null) return failure('EINVAL');
  const found = lookUp(draft, caller, path, WRITE);
  if (found === 'ENOENT') return path.parent !== null && draft.read(path.parent) !== null ? OK : failure('ENOENT');
  if (typeof found === 'string') return failure(found);
  if (path.parent === null) return failure('EINVAL');
  removeSubtree(draft, path, path.parent, found);
  return OK;
}

export function setPermissions(
  draft: Draft,
  caller: Connection,
  text: string,
  permissions: readonly Permission[],
): Reply {
  const owner = permissions[0];
  if (owner === undefined) return failure('EINVAL');
  const { quota } = draft.policy;
  if (!caller.privileged && permissions.length > quota.permissions) return failure('ENOSPC');
  const exists = (domid: number): boolean => draft.domain(domid) !== undefined;
  if (!exists(owner.domid)) return failure('ENOENT');
  const list = PermissionList.of(permissions, exists);
  if (isSpecial(text)) return setSpecialPermissions(draft, caller, text, list);

  const path = parse(draft, caller, text);
  if (path === null) return failure('EINVAL');
  const found = lookUp(draft, caller, path, WRITE | OWNER);
  if (typeof found === 'string') return failure(found);
  if (!caller.privileged && list.owner !== found.permissions.owner) return failure('EPERM');
  const node = found.withPermissions(list);
  if (!mayStore(quota, caller, node)) return failure('ENOSPC');
  draft.put(path, node);
  announceChange(draft, path, node, found.permissions);
  return OK;
}

function setSpecialPermissions(draft: Draft, caller: Connection, name: string, list: PermissionList): Reply {
  if (name !== '@introduceDomain' && name !== '@releaseDomain') return failure('ENOENT');
  const introduce = name === '@introduceDomain';
  const old = introduce ? draft.introducePermissions : draft.releasePermissions;
  if ((old.allows(draft.subject(caller)) & OWNER) === 0) return failure('EACCES');
  if (introduce) draft.introducePermissions = list;
  else draft.releasePermissions = list;
  return OK;
}

/** Takes `node` at `path` and everything below out of the draft. Watches below see their node go first, each its own. */
export function removeSubtree(draft: Draft, path: Path, parentPath: Path, node: Node): void {
  const parent = draft.read(parentPath);
  removeBelow(draft, node);
  draft.put(path, null);
  draft.announce({ path, reach: SUBTREE, node, before: null, parent });
  if (parent !== null) draft.put(parentPath, parent.withoutChild(path));
}

function removeBelow(draft: Draft, node: Node): void {
  for (const childPath of node.children) {
    const child = draft.read(childPath);
    if (child === null) continue;
    removeBelow(draft, child);
    draft.put(childPath, null);
    draft.announce({ path: childPath, reach: EXACT, node: child, before: null, parent: node });
  }
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

  const { childOrder, quota } = draft.policy;
  // An unprivileged domain owns what it creates; the other entries are those of the parent.
  const permissions = caller.privileged ? ancestor.permissions : ancestor.permissions.ownedBy(caller.domid);
  const bare = Node.create('', permissions);
  const leaf = bare.withValue(value);
  const owned = draft.domain(caller.domid)?.nodes ?? 0;
  // In a transaction the nodes are counted at commit.
  const exceeded = !caller.privileged && draft.transaction === null && owned + missing.length > quota.nodes;
  const below = missing.at(-1);
  const parent = below === undefined ? ancestor : ancestor.withChild(below, childOrder);
  if (exceeded || !mayStore(quota, caller, leaf) || !mayStore(quota, caller, parent)) return failure('ENOSPC');

  missing.forEach((each, i) => {
    const child = missing[i - 1];
    draft.put(each, child === undefined ? leaf : bare.withChild(child, childOrder));
  });
  draft.put(top, parent);
  announceChange(draft, path, leaf, null);
  return OK;
}

function announceChange(draft: Draft, path: Path, node: Node, before: PermissionList | null): void {
  const parent = path.parent === null || draft.transaction !== null ? null : draft.read(path.parent);
  draft.announce({ path, reach: SUBTREE, node, before, parent });
}

interface Found {
  readonly path: Path;
  readonly node: Node;
}

function find(draft: Draft, caller: Connection, text: string, needed: number): Found | ErrorName {
  const path = parse(draft, caller, text);
  if (path === null) return 'EINVAL';
  const node = lookUp(draft, caller, path, needed);
  return typeof node === 'string' ? node : { path, node };
}

function parse(draft: Draft, caller: Connection, text: string): Path | null {
  const path = resolvePath(text, caller.domid);
  return path === null || path.countedLength > draft.policy.pathLengthMax ? null : path;
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
  for (let above = path.parent; above !== null && ancestor === null; above = above.parent) ancestor = draft.read(above);
  if (node !== null) return 'EACCES';
  const rights = ancestor === null ? 0 : ancestor.permissions.allows(draft.subject(caller));
  return (rights & needed) !== 0 ? 'ENOENT' : 'EACCES';
}
