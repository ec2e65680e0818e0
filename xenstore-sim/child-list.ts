/**
 * The children of a node in the order in which they are listed: a persistent B-tree.
 *
 * They are ordered by a key: the number of their creation among all children that the node has had, or the name. A child
 * more or less copies one block and one branch for each level. Most nodes have few children: one block.
 */
import { assert } from '../protocol/assert.js';
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW, mixText } from './hash.js';

export type ChildKey = number | string;

/** Keys and names by turns. */
type Block = readonly ChildKey[];
type Part = Block | Branch;

class Branch {
  /** The lowest key of each part, or one below it. */
  readonly firsts: readonly ChildKey[];
  readonly parts: readonly Part[];

  constructor(firsts: readonly ChildKey[], parts: readonly Part[]) {
    this.firsts = firsts;
    this.parts = parts;
  }
}

/** Children in a block, and parts in a branch. */
const PARTS_MAX = 32;

export class ChildList implements Hashed {
  static readonly empty = new ChildList([], 0, 0, 0);

  readonly count: number;
  /** Bytes of all names, each with its nul. */
  readonly bytes: number;
  /** The number that the next child gets. */
  readonly nextBirth: number;
  readonly #root: Part;
  #all: readonly string[] | null = null;
  #hash: Hashed | null = null;

  private constructor(root: Part, count: number, bytes: number, nextBirth: number) {
    this.#root = root;
    this.count = count;
    this.bytes = bytes;
    this.nextBirth = nextBirth;
  }

  get hashLow(): number {
    return this.#hashes().hashLow;
  }

  get hashHigh(): number {
    return this.#hashes().hashHigh;
  }

  #hashes(): Hashed {
    if (this.#hash !== null) return this.#hash;
    let low = LOW;
    let high = HIGH;
    for (const name of this.all) {
      low = mixText(low, name);
      high = mixText(high, name);
    }
    this.#hash = { hashLow: mix(low, this.count), hashHigh: mix(high, this.count) };
    return this.#hash;
  }

  /** The names of all children in order. */
  get all(): readonly string[] {
    if (this.#all === null) {
      const all: string[] = [];
      collect(this.#root, all);
      this.#all = all;
    }
    return this.#all;
  }

  /** The list with a child of name `child`, whose key must not be in it. */
  with(child: string, key: ChildKey): ChildList {
    const parts = inserted(this.#root, key, child);
    const root = parts.length === 1 ? (parts[0] as Part) : new Branch(parts.map(firstOf), parts);
    const nextBirth = typeof key === 'number' ? Math.max(this.nextBirth, key + 1) : this.nextBirth;
    return new ChildList(root, this.count + 1, this.bytes + child.length + 1, nextBirth);
  }

  /** The list without `child`; the same one if it is not there. With another `key` than it was put in it is looked for. */
  without(child: string, key: ChildKey): ChildList {
    const found = at(this.#root, key) === child ? key : keyOf(this.#root, child);
    if (found === undefined) return this;
    const root = removed(this.#root, found) ?? [];
    return new ChildList(root, this.count - 1, this.bytes - child.length - 1, this.nextBirth);
  }
}

function collect(part: Part, all: string[]): void {
  if (part instanceof Branch) for (const each of part.parts) collect(each, all);
  else for (let i = 1; i < part.length; i += 2) all.push(part[i] as string);
}

function firstOf(part: Part): ChildKey {
  return (part instanceof Branch ? part.firsts[0] : part[0]) as ChildKey;
}

/** The number of the last of `firsts` that is not above `key`; 0 if there is none. */
function partOf(firsts: readonly ChildKey[], key: ChildKey): number {
  let low = 1;
  let high = firsts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((firsts[middle] as ChildKey) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Where `key` is in `block`, or would be. */
function placeOf(block: Block, key: ChildKey): number {
  let low = 0;
  let high = block.length >>> 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((block[2 * middle] as ChildKey) < key) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

function at(root: Part, key: ChildKey): string | undefined {
  let part = root;
  while (part instanceof Branch) part = part.parts[partOf(part.firsts, key)] as Part;
  const place = placeOf(part, key);
  return part[place] === key ? (part[place + 1] as string) : undefined;
}

/** The key of `child`, found by looking at every one. */
function keyOf(part: Part, child: string): ChildKey | undefined {
  if (part instanceof Branch) {
    for (const each of part.parts) {
      const key = keyOf(each, child);
      if (key !== undefined) return key;
    }
    return undefined;
  }
  for (let i = 0; i < part.length; i += 2) if (part[i + 1] === child) return part[i] as ChildKey;
  return undefined;
}

/** `part` with one child more, as one part or two. */
function inserted(part: Part, key: ChildKey, child: string): readonly Part[] {
  if (part instanceof Branch) {
    const index = partOf(part.firsts, key);
    const parts = inserted(part.parts[index] as Part, key, child);
    const all = part.parts.toSpliced(index, 1, ...parts);
    const firsts = part.firsts.toSpliced(index, 1, ...parts.map(firstOf));
    if (all.length <= PARTS_MAX) return [new Branch(firsts, all)];
    const half = index === PARTS_MAX - 1 ? PARTS_MAX : PARTS_MAX >>> 1;
    return [new Branch(firsts.slice(0, half), all.slice(0, half)), new Branch(firsts.slice(half), all.slice(half))];
  }
  const place = placeOf(part, key);
  assert(part[place] !== key, `xenstore: a second child with key ${key}`);
  if (place === part.length && place === 2 * PARTS_MAX) return [part, [key, child]];
  const block = part.toSpliced(place, 0, key, child);
  return block.length <= 2 * PARTS_MAX ? [block] : [block.slice(0, PARTS_MAX), block.slice(PARTS_MAX)];
}

/** `part` without the child at `key`, which is there; null if nothing is left. */
function removed(part: Part, key: ChildKey): Part | null {
  if (!(part instanceof Branch)) {
    return part.length === 2 ? null : part.toSpliced(placeOf(part, key), 2);
  }
  const { firsts, parts } = part;
  const index = partOf(firsts, key);
  const left = removed(parts[index] as Part, key);
  if (left !== null) return new Branch(firsts, parts.with(index, left));
  if (parts.length === 2) return parts[1 - index] as Part;
  return new Branch(firsts.toSpliced(index, 1), parts.toSpliced(index, 1));
}
