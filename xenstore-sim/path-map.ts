/**
 * A persistent map from paths to immutable values: a hash trie with 16 branches at each level.
 *
 * `get` takes a few array accesses, `set` and `delete` copy one short array per level and leave the old map as it was. The
 * one exception: whoever passes an `Owner` gives up the old map, and arrays and entries made for that owner before are
 * changed in place. For a daemon that throws each map away for the next, this halves the cost of a write.
 * The hash of a map is the sum (xor) of the hashes of its entries, so each change updates it in constant time and the
 * order of changes does not show. There is no iteration: nothing can come to depend on the order of a hash table.
 * A map that is made without hashes spends no time on them.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';
import type { Path } from './path.js';

/** A path and what it leads to. */
class Leaf<V> {
  readonly path: Path;
  /** Changed in place for the owner. */
  value: V;
  /** The next entry with the same 32 bits of hash, if there is one. */
  readonly next: Leaf<V> | null;
  /** Who may change it in place, if anybody. */
  readonly owner: Owner | null;

  constructor(path: Path, value: V, next: Leaf<V> | null, owner: Owner | null) {
    this.path = path;
    this.value = value;
    this.next = next;
    this.owner = owner;
  }
}

/** Stands for somebody who alone holds a map, and all that were made from it since. Compared by identity. */
export type Owner = object;

const BITS_PER_LEVEL = 4;
/** Where a branch has its owner, behind its slots. */
const OWNER_AT = 1 << BITS_PER_LEVEL;

/** The slots, and who may change them in place. A plain array: each object more on the way down is one more to wait for. */
type Branch<V> = (Slot<V> | Owner)[];
type Slot<V> = Leaf<V> | Branch<V> | null;

const NO_SLOTS: readonly null[] = Object.freeze([...Array.from({ length: OWNER_AT + 1 }, () => null)]);

export class PathMap<V extends Hashed> implements Hashed {
  readonly #root: Slot<V>;
  readonly #hashed: boolean;
  readonly hashLow: number;
  readonly hashHigh: number;

  private constructor(root: Slot<V>, hashed: boolean, hashLow: number, hashHigh: number) {
    this.#root = root;
    this.#hashed = hashed;
    this.hashLow = hashLow;
    this.hashHigh = hashHigh;
  }

  static empty<V extends Hashed>(hashed = true): PathMap<V> {
    return new PathMap<V>(null, hashed, 0, 0);
  }

  get(path: Path): V | undefined {
    let leaf = leafAt(this.#root, path.hashLow);
    while (leaf !== null && !leaf.path.equals(path)) leaf = leaf.next;
    return leaf?.value;
  }

  /** Whether there is an entry whose path has these bits of hash. */
  has(hashLow: number): boolean {
    return leafAt(this.#root, hashLow)?.path.hashLow === hashLow;
  }

  /** @param owner Whose this map is and will be, if it is not to be used any more. */
  set(path: Path, value: V, owner: Owner | null = null): PathMap<V> {
    if (!this.#hashed) return new PathMap(insert(this.#root, path, value, 0, owner), false, 0, 0);
    const old = this.get(path);
    const low = this.hashLow ^ entryLow(path, value) ^ (old === undefined ? 0 : entryLow(path, old));
    const high = this.hashHigh ^ entryHigh(path, value) ^ (old === undefined ? 0 : entryHigh(path, old));
    return new PathMap(insert(this.#root, path, value, 0, owner), true, low, high);
  }

  /** @param owner As for `set`. */
  delete(path: Path, owner: Owner | null = null): PathMap<V> {
    const old = this.get(path);
    if (old === undefined) return this;
    const root = remove(this.#root, path, 0, owner);
    if (!this.#hashed) return new PathMap(root, false, 0, 0);
    return new PathMap(root, true, this.hashLow ^ entryLow(path, old), this.hashHigh ^ entryHigh(path, old));
  }
}

/** The first entry with these bits of hash, or what is in its place. */
function leafAt<V>(root: Slot<V>, hash: number): Leaf<V> | null {
  let slot = root;
  let bits = hash;
  while (Array.isArray(slot)) {
    slot = slot[bits & 15] as Slot<V>;
    bits >>>= BITS_PER_LEVEL;
  }
  return slot;
}

/** `branch` with `slot` at `at`: the same one, if it belongs to `owner`. */
function withSlot<V>(branch: Branch<V>, at: number, slot: Slot<V>, owner: Owner | null): Branch<V> {
  if (owner !== null && branch[OWNER_AT] === owner) {
    if (branch[at] !== slot) branch[at] = slot;
    return branch;
  }
  const copy = branch.slice();
  copy[at] = slot;
  copy[OWNER_AT] = owner;
  return copy;
}

function insert<V>(slot: Slot<V>, path: Path, value: V, shift: number, owner: Owner | null): Slot<V> {
  if (slot === null) return new Leaf(path, value, null, owner);
  const at = (path.hashLow >>> shift) & 15;
  if (Array.isArray(slot)) {
    return withSlot(slot, at, insert(slot[at] as Slot<V>, path, value, shift + BITS_PER_LEVEL, owner), owner);
  }
  if (slot.path.hashLow === path.hashLow) {
    if (owner === null || slot.owner !== owner || !slot.path.equals(path))
      return new Leaf(path, value, unlink(slot, path), owner);
    slot.value = value;
    return slot;
  }
  const branch: Branch<V> = NO_SLOTS.slice();
  branch[(slot.path.hashLow >>> shift) & 15] = slot;
  branch[OWNER_AT] = owner;
  return insert<V>(branch, path, value, shift, owner);
}

function remove<V>(slot: Slot<V>, path: Path, shift: number, owner: Owner | null): Slot<V> {
  if (slot === null) return null;
  if (!Array.isArray(slot)) return unlink(slot, path);
  const at = (path.hashLow >>> shift) & 15;
  const left = remove(slot[at] as Slot<V>, path, shift + BITS_PER_LEVEL, owner);
  if (left === null && isEmptyBut(slot, at)) return null;
  return withSlot(slot, at, left, owner);
}

function isEmptyBut<V>(branch: Branch<V>, at: number): boolean {
  for (let i = 0; i < OWNER_AT; i++) if (i !== at && branch[i] !== null) return false;
  return true;
}

function unlink<V>(leaf: Leaf<V>, path: Path): Leaf<V> | null {
  if (leaf.path.equals(path)) return leaf.next;
  // A loop: a peer can choose paths of equal hash, and make a chain longer than the stack.
  const before: Leaf<V>[] = [];
  let at: Leaf<V> | null = leaf;
  for (; at !== null && !at.path.equals(path); at = at.next) before.push(at);
  if (at === null) return leaf;
  let rest = at.next;
  for (const entry of before.reverse()) rest = new Leaf(entry.path, entry.value, rest, null);
  return rest;
}

function entryLow(path: Path, value: Hashed): number {
  return mix(mix(LOW, path.hashLow), value.hashLow);
}

function entryHigh(path: Path, value: Hashed): number {
  return mix(mix(HIGH, path.hashHigh), value.hashHigh);
}
