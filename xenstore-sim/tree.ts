/**
 * The tree of nodes as a value.
 */
import type { Allocate } from '../protocol/allocate.js';
import { assert } from '../protocol/assert.js';
import type { Hashed } from '../protocol/hashed.js';
import type { Node } from './node.js';
import { PackedTree } from './packed-tree.js';
import type { Path } from './path.js';
import { type Owner, PathMap } from './path-map.js';
import type { PermissionList } from './permissions.js';
import type { Policy } from './policy.js';
import { VersionedTree } from './versioned-tree.js';

/** A tree to be looked at. */
export interface KnownTree extends Hashed {
  get(path: Path): Node | undefined;
}

/**
 * Every node by its path; the root is always there.
 *
 * `set` and `delete` leave the old tree as it was, unless its owner gives it up: then it is changed in place (`PathMap`).
 */
export interface Tree extends KnownTree {
  set(path: Path, node: Node, owner?: Owner | null): Tree;
  delete(path: Path, owner?: Owner | null): Tree;
}

/**
 * Nodes in a bucket. With a million nodes these are a few buckets of some megabytes: nobody waits for the objects that lead
 * to them, and each fills large pages.
 */
const BUCKET_NODES_MAX = 1 << 16;

/** The tree without nodes: for states that are compared, with a hash; else for very many nodes. */
export function emptyTree({ finite, rules }: Policy, allocate: Allocate): Tree {
  if (finite) return PathMap.empty<Node>();
  const packed = PackedTree.empty(BUCKET_NODES_MAX, allocate);
  return rules === 'c' ? packed : VersionedTree.of(packed);
}

/** `tree` as it is now: it stays so while its owner changes `tree`. Only a tree of oxenstored or one with a hash can be kept. */
export function keptTree(tree: Tree): KnownTree {
  assert(!(tree instanceof PackedTree), 'xenstore: a tree of the C daemon is not kept');
  return tree instanceof VersionedTree ? tree.keep() : tree;
}

/** The nodes of a tree in buckets, if it is one. */
export function packedTree(tree: Tree): PackedTree | null {
  if (tree instanceof PackedTree) return tree;
  return tree instanceof VersionedTree ? tree.now : null;
}

/** The generation of the node at `path`; 0 if there is none. */
export function generationAt(tree: Tree, path: Path): number {
  return tree instanceof PackedTree ? tree.generation(path) : (tree.get(path)?.generation ?? 0);
}

/** The permissions of the node at `path`. */
export function permissionsAt(tree: Tree, path: Path): PermissionList | undefined {
  return tree instanceof PackedTree ? tree.permissions(path) : tree.get(path)?.permissions;
}

/** The tree with `node` at `path`, as the one that change number `generation` has stored. */
export function storedAt(tree: Tree, path: Path, node: Node, generation: number, owner: Owner | null): Tree {
  if (tree instanceof PackedTree) return tree.set(path, node, owner, generation);
  return tree.set(path, node.generation === generation ? node : node.withGeneration(generation), owner);
}
