/**
 * The nodes that a transaction of the C daemon has accessed, each as the transaction has it.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';
import type { Node } from './node.js';
import type { Path } from './path.js';
import type { Owner } from './path-map.js';
import type { PermissionList } from './permissions.js';

/** Whom a change of a node concerns: nobody, watches on exactly this node, or also watches on nodes above it. */
export const SILENT = 0;
export const EXACT = 1;
export const SUBTREE = 2;
export type Reach = typeof SILENT | typeof EXACT | typeof SUBTREE;

export interface AccessedState {
  readonly path: Path;
  /** Position in the order of first accesses, from 0. */
  readonly order: number;
  /** The permissions at the first access; null if the node was absent then. */
  readonly before: PermissionList | null;
  /** The generation at the first access; 0 if the node was absent, or if there are no generations. */
  readonly generation: number;
  /** The node now, inside the transaction; null if absent. */
  readonly node: Node | null;
  readonly modified: boolean;
  /** The events to send at commit. */
  readonly reach: Reach;
}

/** A node as one transaction has it. Immutable, but for its owner. */
export class Accessed implements Hashed, AccessedState {
  readonly path: Path;
  readonly order: number;
  readonly before: PermissionList | null;
  readonly generation: number;
  /** Changed in place for the owner, as are the next two. */
  node: Node | null;
  modified: boolean;
  reach: Reach;
  /** Who may change it in place, if anybody. */
  readonly #owner: Owner | null;

  constructor(entry: AccessedState, owner: Owner | null = null) {
    this.path = entry.path;
    this.order = entry.order;
    this.before = entry.before;
    this.generation = entry.generation;
    this.node = entry.node;
    this.modified = entry.modified;
    this.reach = entry.reach;
    this.#owner = owner;
  }

  get hashLow(): number {
    return mix(mix(mix(LOW, this.#flags), this.before?.hashLow ?? 0), this.node?.hashLow ?? 0);
  }

  get hashHigh(): number {
    return mix(mix(mix(HIGH, this.#flags), this.before?.hashHigh ?? 0), this.node?.hashHigh ?? 0);
  }

  get #flags(): number {
    return (this.order << 3) | (this.reach << 1) | (this.modified ? 1 : 0);
  }

  /** @param owner Who gives this one up for the new one, if anybody. */
  changedTo(node: Node | null, owner: Owner | null = null): Accessed {
    const entry = this.#for(owner);
    entry.node = node;
    entry.modified = true;
    return entry;
  }

  /** @param owner As for `changedTo`. */
  reaching(reach: Reach, owner: Owner | null = null): Accessed {
    const entry = this.#for(owner);
    entry.reach = reach;
    return entry;
  }

  /** This one if it may be changed in place, else a copy. */
  #for(owner: Owner | null): Accessed {
    return owner !== null && this.#owner === owner ? this : new Accessed(this, owner);
  }

  withPermissions(before: PermissionList | null, node: Node | null): Accessed {
    const { path, order, generation, modified, reach } = this;
    return new Accessed({ path, order, before, generation, node, modified, reach });
  }
}

/** With more entries they are found by a map. */
const LOOKED_THROUGH_MAX = 16;

/**
 * Accessed nodes in the order of first access, found by path. A list is immutable but for its owner: others get a copy with
 * each change. It takes no hash unless it is to be compared; one with a hash must not have an owner.
 */
export class AccessedList implements Hashed {
  readonly entries: readonly Accessed[];
  readonly hashLow: number;
  readonly hashHigh: number;
  readonly #hashed: boolean;
  readonly #owner: Owner | null;
  /** Entries by the text of their paths, once there are many. */
  #byText: Map<string, Accessed> | null = null;
  /** What was found or stored last: a request asks for the same node several times. */
  #last: Accessed | undefined = undefined;

  private constructor(
    entries: readonly Accessed[],
    hashed: boolean,
    hashLow: number,
    hashHigh: number,
    owner: Owner | null,
  ) {
    this.entries = entries;
    this.#hashed = hashed;
    this.hashLow = hashLow;
    this.hashHigh = hashHigh;
    this.#owner = owner;
  }

  static empty(hashed: boolean, owner: Owner | null): AccessedList {
    return new AccessedList([], hashed, 0, 0, owner);
  }

  /** Whether `owner` may change it in place. */
  isOwnedBy(owner: Owner | null): boolean {
    return owner !== null && this.#owner === owner;
  }

  get(path: Path): Accessed | undefined {
    if (this.#last?.path === path) return this.#last;
    const found = this.entries.length > LOOKED_THROUGH_MAX ? this.#index().get(path.text) : this.#lookFor(path);
    this.#last = found;
    return found;
  }

  /** The list with one more entry, whose path must not be in it. */
  with(entry: Accessed, owner: Owner | null): AccessedList {
    if (!this.isOwnedBy(owner)) return this.#made([...this.entries, entry], undefined, entry, owner);
    (this.entries as Accessed[]).push(entry);
    this.#byText?.set(entry.path.text, entry);
    this.#last = entry;
    return this;
  }

  /** The list with `entry` in the place of the one with its path and order. */
  replaced(entry: Accessed, owner: Owner | null): AccessedList {
    const old = this.entries[entry.order] as Accessed;
    // It was changed in place.
    if (old === entry) return this;
    if (!this.isOwnedBy(owner)) return this.#made(this.entries.with(entry.order, entry), old, entry, owner);
    (this.entries as Accessed[])[entry.order] = entry;
    this.#byText?.set(entry.path.text, entry);
    this.#last = entry;
    return this;
  }

  /** The list with what `change` makes of each entry, which keeps its path and order. */
  mapped(change: (entry: Accessed) => Accessed): AccessedList {
    const entries = this.entries.map(change);
    if (!this.#hashed) return new AccessedList(entries, false, 0, 0, null);
    const low = entries.reduce((sum, entry) => sum ^ entryLow(entry), 0);
    const high = entries.reduce((sum, entry) => sum ^ entryHigh(entry), 0);
    return new AccessedList(entries, true, low, high, null);
  }

  #lookFor(path: Path): Accessed | undefined {
    for (const entry of this.entries) if (entry.path.equals(path)) return entry;
    return undefined;
  }

  #index(): Map<string, Accessed> {
    this.#byText ??= new Map(this.entries.map((entry) => [entry.path.text, entry]));
    return this.#byText;
  }

  #made(entries: Accessed[], old: Accessed | undefined, entry: Accessed, owner: Owner | null): AccessedList {
    if (!this.#hashed) return new AccessedList(entries, false, 0, 0, owner);
    // A sum, although the order counts: each entry has its place in its hash.
    const low = this.hashLow ^ entryLow(entry) ^ (old === undefined ? 0 : entryLow(old));
    const high = this.hashHigh ^ entryHigh(entry) ^ (old === undefined ? 0 : entryHigh(old));
    return new AccessedList(entries, true, low, high, owner);
  }
}

function entryLow(entry: Accessed): number {
  return mix(mix(LOW, entry.path.hashLow), entry.hashLow);
}

function entryHigh(entry: Accessed): number {
  return mix(mix(HIGH, entry.path.hashHigh), entry.hashHigh);
}
