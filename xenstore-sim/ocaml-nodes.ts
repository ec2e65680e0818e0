/**
 * The requests on nodes by the rules of oxenstored.
 *
 * Each change is noted for the watchers (`Changes`), and each request widens the lowest paths that cover the reads and
 * the writes so far: a transaction is merged or replayed by them. A request that fails half way leaves what it has done,
 * as the daemon does: parents that it has created stay.
 */
import { unreachable } from '../protocol/assert.js';
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import { Node } from './node.js';
import { type Change, lowest } from './ocaml-transactions.js';
import { childPath, isSpecial, type Path, ROOT, resolvePath } from './path.js';
import { OWNER, type Permission, PermissionList, READ, WRITE } from './permissions.js';
import { type ErrorName, failure, type NodeRequest, OK, type Reply } from './requests.js';

/** What a series of requests has done. */
export interface Footprint {
  readLow: Path | null;
  writeLow: Path | null;
  readonly changes: Change[];
  readonly touched: Path[];
}

export function newFootprint(): Footprint {
  return { readLow: null, writeLow: null, changes: [], touched: [] };
}

/** Performs a request on nodes by the rules of oxenstored; what it has done is added to `footprint`. */
export function performOcaml(draft: Draft, caller: Connection, request: NodeRequest, footprint: Footprint): Reply {
  const path = parse(draft, caller, request.path);
  if (path === null) return failure('EINVAL');
  const work = new Work(draft, caller, footprint);
  switch (request.type) {
    case 'read':
      return work.look(path, (node) => ({ kind: 'value', value: node.value }));
    case 'directory':
      return work.look(path, (node) => ({ kind: 'list', names: node.children }));
    case 'getPerms':
      return work.look(path, (node) => ({ kind: 'perms', permissions: node.permissions.list() }));
    case 'directoryPart':
      return failure('ENOSYS');
    case 'write':
      return replyTo(work.createParents(path) ?? work.write(path, request.value));
    case 'mkdir':
      return replyTo(work.createParents(path) ?? work.makeDirectory(path));
    case 'rm':
      return replyTo(work.remove(path));
    case 'setPerms':
      return replyTo(work.setPermissions(path, request.permissions));
    default:
      return unreachable(request);
  }
}

/** Null: done. */
type Failure = ErrorName | null;

function replyTo(error: Failure): Reply {
  return error === null ? OK : failure(error);
}

/** The node path of `text`; a special name is a child of the root. */
function parse(draft: Draft, caller: Connection, text: NodeRequest['path']): Path | null {
  const path = typeof text === 'string' ? resolve(text, caller.domid) : text;
  return path === null || path.text.length - prefixLength(path) > draft.quota.quota.pathLength ? null : path;
}

function resolve(text: string, domid: number): Path | null {
  return isSpecial(text) && !text.includes('/') ? resolvePath(`/${text}`, domid) : resolvePath(text, domid);
}

/** Length of `/local/domain/N/` at the front of a path: it is not counted, however long N is. */
function prefixLength({ text }: Path): number {
  return /^\/local\/domain\/\d+\//.exec(text)?.[0].length ?? 0;
}

class Work {
  readonly #draft: Draft;
  readonly #caller: Connection;
  readonly #footprint: Footprint;

  constructor(draft: Draft, caller: Connection, footprint: Footprint) {
    this.#draft = draft;
    this.#caller = caller;
    this.#footprint = footprint;
  }

  look(path: Path, answer: (node: Node) => Reply): Reply {
    const node = this.#draft.read(path);
    if (node === null) return failure('ENOENT');
    if (!this.#may(node, READ)) return failure('EACCES');
    this.#footprint.readLow = lowest(path, this.#footprint.readLow);
    return answer(node);
  }

  createParents(path: Path): Failure {
    const missing: Path[] = [];
    for (let at = path.parent; at !== null && this.#draft.read(at) === null; at = at.parent) missing.push(at);
    for (const at of missing.reverse()) {
      const error = this.#create(at, '');
      if (error !== null) return error;
      this.#wrote(at.parent ?? ROOT);
    }
    return null;
  }

  write(path: Path, value: string): Failure {
    const node = this.#draft.read(path);
    if (value.length > this.#draft.quota.quota.nodeSize) return 'E2BIG';
    if (node === null) {
      const error = this.#create(path, value);
      if (error !== null) return error;
      this.#wrote(path.parent ?? ROOT);
    } else {
      if (!this.#may(node, WRITE)) return 'EACCES';
      this.#put(path, node.withValue(value));
      this.#wrote(path);
    }
    this.#changed('write', path);
    return null;
  }

  makeDirectory(path: Path): Failure {
    const node = this.#draft.read(path);
    if (node !== null && path !== ROOT) return this.#may(node, WRITE) ? null : 'EACCES';
    if (node === null) {
      const error = this.#create(path, '');
      if (error !== null) return error;
    }
    this.#wrote(path.parent ?? ROOT);
    this.#changed('mkdir', path);
    return null;
  }

  remove(path: Path): Failure {
    const node = this.#draft.read(path);
    if (node === null) return path.parent !== null && this.#draft.read(path.parent) !== null ? null : 'ENOENT';
    if (!this.#may(node, WRITE)) return 'EACCES';
    this.#removeBelow(path, node);
    const parent = path.parent === null ? null : this.#draft.read(path.parent);
    if (path.parent === null || parent === null) {
      this.#put(path, node.withoutChildren());
    } else {
      this.#put(path, null);
      this.#put(path.parent, parent.withoutChild(path.name, this.#draft.policy.childOrder));
    }
    this.#wrote(path.parent ?? ROOT);
    this.#changed('rm', path);
    return null;
  }

  setPermissions(path: Path, permissions: readonly Permission[]): Failure {
    const node = this.#draft.read(path);
    const list = PermissionList.of(permissions, () => true);
    if (permissions.length === 0) return 'EINVAL';
    if (node === null) return 'ENOENT';
    const owned = (this.#rights(node) & OWNER) !== 0;
    const moved = node.permissions.owner !== list.owner && !this.#draft.subject(this.#caller).privileged;
    if (moved || (path !== ROOT && !owned) || !this.#may(node, WRITE)) return 'EACCES';
    this.#put(path, node.withPermissions(list));
    this.#wrote(path);
    this.#changed('setPerms', path);
    return null;
  }

  /** The parent's permissions go to the child with the owner; the nodes count for that owner. */
  #create(path: Path, value: string): Failure {
    const { policy } = this.#draft;
    const above = path.parent;
    const parent = above === null ? null : this.#draft.read(above);
    if (above === null || parent === null) return 'ENOENT';
    const { owner } = parent.permissions;
    const owned = owner === 0 ? 0 : (this.#draft.domains.get(owner)?.nodes ?? 0);
    const limited = owner !== 0 && !this.#draft.subject(this.#caller).privileged;
    if (limited && owned >= this.#draft.quota.quota.nodes + policy.allowance.nodes) return policy.errors.tooManyNodes;
    if (!this.#may(parent, WRITE)) return 'EACCES';
    this.#put(path, Node.create(value, parent.permissions));
    this.#put(above, parent.withChild(path.name, policy.childOrder));
    return null;
  }

  #removeBelow(path: Path, node: Node): void {
    for (const name of node.children) {
      const below = childPath(path, name);
      const child = this.#draft.read(below);
      if (child === null) continue;
      this.#removeBelow(below, child);
      this.#put(below, null);
    }
  }

  #put(path: Path, node: Node | null): void {
    this.#draft.put(path, node);
    this.#footprint.touched.push(path);
  }

  #may(node: Node, needed: number): boolean {
    return (this.#rights(node) & needed) !== 0;
  }

  #rights(node: Node): number {
    return node.permissions.allowsEither(this.#draft.subject(this.#caller));
  }

  #wrote(low: Path): void {
    this.#footprint.writeLow = lowest(low, this.#footprint.writeLow);
  }

  #changed(kind: Change['kind'], path: Path): void {
    this.#footprint.changes.push({ kind, path });
  }
}

/** The child of the root that stands for a special name. */
export function specialNode(name: string): Path {
  return childPath(ROOT, name);
}
