/**
 * A tree of nodes in buckets: for a running daemon, with up to millions of nodes.
 *
 * The hash of a path leads through branches of 32 to a bucket (`Bucket`). A bucket may stand in several places of a
 * branch, one for each value of the bits that it does not tell apart; one that is full is split by its next bit, and two
 * that are nearly empty become one again. `set` and `delete` copy a bucket and one branch for each level, or change them in
 * place for the owner, as `PathMap` does. There is no hash of the whole.
 */
import { type Allocate, allocatePlain } from '../protocol/allocate.js';
import { Bucket } from './bucket.js';
import type { Node } from './node.js';
import type { Path } from './path.js';
import type { Owner } from './path-map.js';
import type { PermissionList } from './permissions.js';
import type { Tree } from './tree.js';

const LEVEL_BITS = 5;
const PLACES = 1 << LEVEL_BITS;
/** Where a branch has its owner, behind its places. */
const OWNER_AT = PLACES;

/** The places, and who may change them. */
type Branch = (Part | Owner | null)[];
type Part = Bucket | Branch;

export class PackedTree implements Tree {
  /** Nobody asks. */
  readonly hashLow = 0;
  readonly hashHigh = 0;
  readonly #root: Part;

  private constructor(root: Part) {
    this.#root = root;
  }

  /**
   * @param bucketNodesMax Nodes in a bucket: many make a look at one cheap, few a change without an owner.
   * @param allocate Where their bytes come from.
   */
  static empty(bucketNodesMax: number, allocate: Allocate = allocatePlain): PackedTree {
    return new PackedTree(new Bucket(0, bucketNodesMax, null, allocate));
  }

  /** @param value If not null, the node is to have this value in place of its own. */
  get(path: Path, value: string | null = null): Node | undefined {
    const bucket = this.bucket(path.hashLow);
    const at = bucket.find(path);
    if (at < 0) return undefined;
    return value === null ? bucket.node(at) : bucket.nodeWith(at, value);
  }

  /** The generation of the node at `path`; 0 if there is none. */
  generation(path: Path): number {
    const bucket = this.bucket(path.hashLow);
    const at = bucket.find(path);
    return at < 0 ? 0 : bucket.generation(at);
  }

  /** The permissions of the node at `path`. */
  permissions(path: Path): PermissionList | undefined {
    const bucket = this.bucket(path.hashLow);
    const at = bucket.find(path);
    return at < 0 ? undefined : bucket.permissions(at);
  }

  /** @param generation The node is to have this one. */
  set(path: Path, node: Node, owner: Owner | null = null, generation = node.generation): PackedTree {
    const bucket = this.bucket(path.hashLow);
    // Mostly it is changed where it is.
    if (owner !== null && bucket.owner === owner && bucket.replace(path, node, generation)) return this;
    const numbered = node.generation === generation ? node : node.withGeneration(generation);
    return this.#with(withNode(this.#root, path, numbered, 0, owner));
  }

  delete(path: Path, owner: Owner | null = null): PackedTree {
    if (this.bucket(path.hashLow).find(path) < 0) return this;
    return this.#with(withoutNode(this.#root, path, 0, owner));
  }

  /** Where the nodes are whose paths have these bits of hash. */
  bucket(hashLow: number): Bucket {
    let part = this.#root;
    let bits = hashLow;
    while (Array.isArray(part)) {
      part = part[bits & (PLACES - 1)] as Part;
      bits >>>= LEVEL_BITS;
    }
    return part;
  }

  #with(root: Part): PackedTree {
    return root === this.#root ? this : new PackedTree(root);
  }
}

/** @param shift Bits of the hash that have led to `part`. */
function withNode(part: Part, path: Path, node: Node, shift: number, owner: Owner | null): Part {
  if (!Array.isArray(part)) {
    const bucket = owned(part, owner);
    bucket.put(path, node);
    // Only at the root: else the branch above does it.
    return shift === 0 && bucket.isOverfull ? halves(bucket, owner) : bucket;
  }
  const place = (path.hashLow >>> shift) & (PLACES - 1);
  const old = part[place] as Part;
  const now = withNode(old, path, node, shift + LEVEL_BITS, owner);
  if (Array.isArray(now) || !now.isOverfull) return now === old ? part : replaced(part, old, now, owner);
  if (now.depth === shift + LEVEL_BITS) return replaced(part, old, halves(now, owner), owner);
  const branch = ownedBranch(part, owner);
  const [low, high] = now.split(owner);
  for (let i = 0; i < PLACES; i++) if (branch[i] === old) branch[i] = (i >>> (now.depth - shift)) & 1 ? high : low;
  return branch;
}

/** `path` must have a node. */
function withoutNode(part: Part, path: Path, shift: number, owner: Owner | null): Part {
  if (!Array.isArray(part)) {
    const bucket = owned(part, owner);
    bucket.remove(path);
    return bucket;
  }
  const place = (path.hashLow >>> shift) & (PLACES - 1);
  const old = part[place] as Part;
  const now = withoutNode(old, path, shift + LEVEL_BITS, owner);
  const branch = now === old ? part : replaced(part, old, now, owner);
  return Array.isArray(now) ? branch : joined(branch, place, shift, owner);
}

/** `branch` with the bucket at `place` and its neighbours as one, as long as they fit. */
function joined(part: Branch, place: number, shift: number, owner: Owner | null): Part {
  let branch = part;
  for (;;) {
    const bucket = branch[place] as Bucket;
    if (bucket.depth === shift) return bucket;
    const other = branch[place ^ (1 << (bucket.depth - shift - 1))] as Part;
    if (Array.isArray(other) || other.depth !== bucket.depth || !bucket.fitsWith(other)) return branch;
    const one = bucket.merged(other, owner);
    branch = ownedBranch(branch, owner);
    for (let i = 0; i < PLACES; i++) if (branch[i] === bucket || branch[i] === other) branch[i] = one;
  }
}

function owned(bucket: Bucket, owner: Owner | null): Bucket {
  return owner !== null && bucket.owner === owner ? bucket : bucket.copy(owner);
}

function ownedBranch(branch: Branch, owner: Owner | null): Branch {
  if (owner !== null && branch[OWNER_AT] === owner) return branch;
  const copy = branch.slice();
  copy[OWNER_AT] = owner;
  return copy;
}

/** `branch` with `now` wherever `old` is. */
function replaced(part: Branch, old: Part, now: Part, owner: Owner | null): Branch {
  const branch = ownedBranch(part, owner);
  for (let i = 0; i < PLACES; i++) if (branch[i] === old) branch[i] = now;
  return branch;
}

/** A branch of the two halves of a bucket. */
function halves(bucket: Bucket, owner: Owner | null): Branch {
  const [low, high] = bucket.split(owner);
  const branch: Branch = Array.from({ length: PLACES }, (_, i) => (i & 1 ? high : low));
  branch.push(owner);
  return branch;
}
