/**
 * Many nodes as bytes, found by the hash of their paths.
 *
 * A million nodes as objects are several million objects: each look at one waits for memory several times, and the
 * collector visits all of them again and again. Here they are one object for many nodes, and a node is two looks into its
 * bytes: a table with open addressing, and a record.
 *
 *     table: entries of 8, a power of two of them: offset of a record 4 | hash 4; all 0 where there is none
 *     record: generation 6 | birth 6 | permissions 3 | children 3 | path length 2 | value length 4 | room for it 4 | path | value
 *
 * All numbers have the low byte first. The high bits of the hash say where in the table an entry would best be. Permissions
 * and lists of children are objects beside the bytes, and stay the same objects.
 */
import { assert } from '../protocol/assert.js';
import { binaryString } from '../protocol/xs-wire.js';
import {
  copyBytes,
  isText,
  putText,
  putWord16,
  putWord24,
  putWord32,
  putWord48,
  word24,
  word32,
  word48,
} from './bucket-bytes.js';
import { ChildList } from './child-list.js';
import { Node } from './node.js';
import type { Path } from './path.js';
import type { Owner } from './path-map.js';
import type { PermissionList } from './permissions.js';

const BIRTH_AT = 6;
const PERMISSIONS_AT = 12;
const LIST_AT = 15;
const PATH_LENGTH_AT = 18;
const VALUE_LENGTH_AT = 20;
const ROOM_AT = 24;
const PATH_AT = 28;

const PATH_LENGTH_MAX = 0xffff;
/** Room for values comes in multiples of this. */
const ROOM_STEP = 8;
const ENTRY_BYTES = 8;
const HASH_AT = 4;
const ENTRY_BITS_MIN = 2;
/** The smallest table, empty. Never written to: there is no room for a record behind it. */
const NOTHING = new Uint8Array(ENTRY_BYTES << ENTRY_BITS_MIN);

/** Bytes for each of the nodes that may be in a bucket; with more bytes than for all of them it is to be split, too. */
const NODE_BYTES = 256;

/** With so many bits shared, all paths of a bucket have the same hash, and it cannot be split. */
const HASH_BITS = 32;

export class Bucket {
  /** How many of the low bits of the hash all paths in it share. */
  readonly depth: number;
  /** With more nodes it is to be split. */
  readonly nodesMax: number;
  /** Who may change it in place, if anybody. */
  readonly owner: Owner | null;
  count = 0;
  bytes: Uint8Array = NOTHING;
  /** The table has two to the power of this many entries. */
  #entryBits = ENTRY_BITS_MIN;
  /** Where the next record goes. */
  #end = NOTHING.length;
  /** Bytes of the records that are in use. */
  #live = 0;
  /** What records refer to by number. */
  #objects: (PermissionList | ChildList)[] = [ChildList.empty];

  constructor(depth: number, nodesMax: number, owner: Owner | null) {
    this.depth = depth;
    this.nodesMax = nodesMax;
    this.owner = owner;
  }

  /** A bucket with the same nodes, for `owner` to change. */
  copy(owner: Owner | null): Bucket {
    const copy = new Bucket(this.depth, this.nodesMax, owner);
    copy.count = this.count;
    copy.bytes = this.bytes.slice();
    copy.#entryBits = this.#entryBits;
    copy.#end = this.#end;
    copy.#live = this.#live;
    copy.#objects = this.#objects.slice();
    return copy;
  }

  get isOverfull(): boolean {
    if (this.depth === HASH_BITS) return false;
    return this.count > this.nodesMax || (this.#live > this.nodesMax * NODE_BYTES && this.count > 1);
  }

  /** Whether this and `other` would be a bucket that has room for more. */
  fitsWith(other: Bucket): boolean {
    const { nodesMax } = this;
    return 2 * (this.count + other.count) <= nodesMax && 2 * (this.#live + other.#live) <= nodesMax * NODE_BYTES;
  }

  /** Where the record of `path` is; -1 if it has none. */
  find({ text, hashLow }: Path): number {
    const { bytes } = this;
    for (let entry = this.#first(hashLow); ; entry = this.#next(entry)) {
      const at = this.#recordAt(entry, hashLow);
      if (at < 0 || (at > 0 && isPath(text, bytes, at))) return at;
    }
  }

  /** Where the record is whose path is the text in `input` from `from` to `to`, with these bits of hash; -1 for none. */
  findText(input: Uint8Array, from: number, to: number, hashLow: number): number {
    const { bytes } = this;
    for (let entry = this.#first(hashLow); ; entry = this.#next(entry)) {
      const at = this.#recordAt(entry, hashLow);
      if (at < 0 || (at > 0 && isSame(bytes, at, input, from, to))) return at;
    }
  }

  /** The node whose record is at `at`. */
  node(at: number): Node {
    const { bytes } = this;
    const from = this.valueAt(at);
    const length = this.valueLength(at);
    return this.nodeWith(at, length === 0 ? '' : binaryString(bytes, from, from + length));
  }

  /** The node whose record is at `at`, but for its value, which is `value`. */
  nodeWith(at: number, value: string): Node {
    const { bytes } = this;
    const list = this.#objects[word24(bytes, at + LIST_AT)] as ChildList;
    return Node.stored(value, this.permissions(at), list, this.generation(at), word48(bytes, at + BIRTH_AT));
  }

  generation(at: number): number {
    return word48(this.bytes, at);
  }

  permissions(at: number): PermissionList {
    return this.#objects[word24(this.bytes, at + PERMISSIONS_AT)] as PermissionList;
  }

  valueAt(at: number): number {
    return at + PATH_AT + pathLength(this.bytes, at);
  }

  valueLength(at: number): number {
    return word32(this.bytes, at + VALUE_LENGTH_AT);
  }

  /** Replaces value and generation of the node at `at`. False, and nothing is done, if there is no room. */
  overwrite(at: number, generation: number, input: Uint8Array, from: number, to: number): boolean {
    const { bytes } = this;
    if (to - from > word32(bytes, at + ROOM_AT)) return false;
    putWord48(bytes, at, generation);
    putWord32(bytes, at + VALUE_LENGTH_AT, to - from);
    let target = this.valueAt(at);
    for (let i = from; i < to; i++) bytes[target++] = input[i] as number;
    return true;
  }

  /** Stores `node` at `path`. The bucket must belong to whoever calls. */
  put(path: Path, node: Node): void {
    const { generation } = node;
    if (!this.replace(path, node, generation)) this.#store(this.#place(path, node), node, generation);
  }

  /**
   * Stores `node` with that generation in the place of the one at `path`. False, and nothing is done, if there is none, or
   * no room for the value. The bucket must belong to whoever calls.
   */
  replace(path: Path, node: Node, generation: number): boolean {
    const at = this.find(path);
    if (at < 0 || node.value.length > word32(this.bytes, at + ROOM_AT)) return false;
    this.#store(at, node, generation);
    return true;
  }

  #store(at: number, node: Node, generation: number): void {
    const { bytes } = this;
    putWord48(bytes, at, generation);
    putWord48(bytes, at + BIRTH_AT, node.birth);
    this.#putPermissions(at, node.permissions);
    this.#putList(at, node.list);
    putWord32(bytes, at + VALUE_LENGTH_AT, node.value.length);
    putText(bytes, this.valueAt(at), node.value);
  }

  /** Removes the node of `path`, which is there. The bucket must belong to whoever calls. */
  remove(path: Path): void {
    const { bytes } = this;
    const at = this.find(path);
    const list = word24(bytes, at + LIST_AT);
    if (list !== 0) this.#objects[list] = ChildList.empty;
    this.count--;
    this.#live -= recordBytes(bytes, at);
    this.#close(this.#entryOf(at, path.hashLow));
    if (4 * (this.#live + (ENTRY_BYTES << this.#entryBits)) < bytes.length) this.#rebuild(0);
  }

  /** The nodes in two buckets: by the next bit of their hash. */
  split(owner: Owner | null): [Bucket, Bucket] {
    const low = new Bucket(this.depth + 1, this.nodesMax, owner);
    const high = new Bucket(this.depth + 1, this.nodesMax, owner);
    this.#each((at, hash) => ((hash >>> this.depth) & 1 ? high : low).#adopt(this, at, hash));
    return [low, high];
  }

  /** The nodes of this bucket and of `other`, which differ in the last bit of those that they share. */
  merged(other: Bucket, owner: Owner | null): Bucket {
    const merged = new Bucket(this.depth - 1, this.nodesMax, owner);
    for (const each of [this, other]) each.#each((at, hash) => merged.#adopt(each, at, hash));
    return merged;
  }

  /** Where in the table the search for a hash begins. */
  #first(hashLow: number): number {
    return (hashLow >>> (HASH_BITS - this.#entryBits)) * ENTRY_BYTES;
  }

  #next(entry: number): number {
    return (entry + ENTRY_BYTES) & ((ENTRY_BYTES << this.#entryBits) - 1);
  }

  /** Where the record of the entry at `entry` is; 0 if its hash is another one, -1 if there is none. */
  #recordAt(entry: number, hashLow: number): number {
    const at = word32(this.bytes, entry);
    if (at === 0) return -1;
    return word32(this.bytes, entry + HASH_AT) === hashLow >>> 0 ? at : 0;
  }

  /** The entry of the record at `at`. */
  #entryOf(at: number, hashLow: number): number {
    let entry = this.#first(hashLow);
    while (word32(this.bytes, entry) !== at) entry = this.#next(entry);
    return entry;
  }

  #setEntry(entry: number, at: number, hashLow: number): void {
    putWord32(this.bytes, entry, at);
    putWord32(this.bytes, entry + HASH_AT, hashLow);
  }

  /** Puts the record at `at` into the table. */
  #enter(at: number, hashLow: number): void {
    let entry = this.#first(hashLow);
    while (word32(this.bytes, entry) !== 0) entry = this.#next(entry);
    this.#setEntry(entry, at, hashLow);
  }

  /** Takes an entry out of the table; those behind it that are not where they would best be move up. */
  #close(entry: number): void {
    const { bytes } = this;
    const mask = (ENTRY_BYTES << this.#entryBits) - 1;
    let hole = entry;
    for (let next = this.#next(hole); word32(bytes, next) !== 0; next = this.#next(next)) {
      const hash = word32(bytes, next + HASH_AT);
      // It stays if the hole is not on the way from its best place to where it is.
      if (((next - this.#first(hash)) & mask) < ((next - hole) & mask)) continue;
      this.#setEntry(hole, word32(bytes, next), hash);
      hole = next;
    }
    this.#setEntry(hole, 0, 0);
  }

  #each(visit: (at: number, hashLow: number) => void): void {
    const { bytes } = this;
    for (let entry = 0; entry < ENTRY_BYTES << this.#entryBits; entry += ENTRY_BYTES) {
      const at = word32(bytes, entry);
      if (at !== 0) visit(at, word32(bytes, entry + HASH_AT));
    }
  }

  #putPermissions(at: number, permissions: PermissionList): void {
    const field = at + PERMISSIONS_AT;
    if (this.#objects[word24(this.bytes, field)] !== permissions)
      putWord24(this.bytes, field, this.#numberOf(permissions));
  }

  #numberOf(permissions: PermissionList): number {
    const known = this.#objects.indexOf(permissions);
    return known < 0 ? this.#objects.push(permissions) - 1 : known;
  }

  /** No two nodes have one list, but for the empty one. */
  #putList(at: number, list: ChildList): void {
    const number = word24(this.bytes, at + LIST_AT);
    if (number !== 0) this.#objects[number] = list;
    else if (list !== ChildList.empty) putWord24(this.bytes, at + LIST_AT, this.#objects.push(list) - 1);
  }

  /** A record for `path` with room for the value of `node`, in the place of the one that it may have. */
  #place(path: Path, { value }: Node): number {
    const { text, hashLow } = path;
    assert(text.length <= PATH_LENGTH_MAX, `xenstore: a path of ${text.length} bytes`);
    const room = Math.ceil(value.length / ROOM_STEP) * ROOM_STEP;
    const size = PATH_AT + text.length + room;
    const at = this.#reserve(size);
    const { bytes } = this;
    const old = this.find(path);
    if (old >= 0) {
      this.#live -= recordBytes(bytes, old);
      copyBytes(bytes, old, bytes, at, PATH_AT);
      this.#setEntry(this.#entryOf(old, hashLow), at, hashLow);
    } else {
      this.count++;
      this.#enter(at, hashLow);
    }
    putWord16(bytes, at + PATH_LENGTH_AT, text.length);
    putWord32(bytes, at + ROOM_AT, room);
    putText(bytes, at + PATH_AT, text);
    return at;
  }

  /** Takes the node at `from` over from another bucket. */
  #adopt(other: Bucket, from: number, hashLow: number): void {
    const size = recordBytes(other.bytes, from);
    const at = this.#reserve(size);
    copyBytes(other.bytes, from, this.bytes, at, size);
    this.count++;
    this.#enter(at, hashLow);
    const permissions = other.#objects[word24(other.bytes, from + PERMISSIONS_AT)] as PermissionList;
    const list = other.#objects[word24(other.bytes, from + LIST_AT)] as ChildList;
    putWord24(this.bytes, at + PERMISSIONS_AT, this.#numberOf(permissions));
    putWord24(this.bytes, at + LIST_AT, list === ChildList.empty ? 0 : this.#objects.push(list) - 1);
  }

  /** Where a record of `size` bytes may be put; there is room in the table too. */
  #reserve(size: number): number {
    if (4 * this.count >= 3 << this.#entryBits || this.#end + size > this.bytes.length) this.#rebuild(size);
    const at = this.#end;
    this.#end += size;
    this.#live += size;
    return at;
  }

  /** Puts the records into new bytes, with room for one of `size` bytes and some more; what is not in use is left out. */
  #rebuild(size: number): void {
    const { count, bytes: old } = this;
    const front = ENTRY_BYTES << this.#entryBits;
    let bits = ENTRY_BITS_MIN;
    while (4 * (count + 1) > 3 << bits) bits++;
    let end = ENTRY_BYTES << bits;
    const bytes = new Uint8Array(end + this.#live + size + (size === 0 ? 0 : this.#live >>> 3));
    const found: number[] = [];
    this.#each((at, hash) => found.push(at, hash));
    const contiguous = this.#end === front + this.#live;
    const shift = end - front;
    if (contiguous) bytes.set(old.subarray(front, this.#end), end);
    this.bytes = bytes;
    this.#entryBits = bits;
    for (let i = 0; i < found.length; i += 2) {
      const from = found[i] as number;
      const at = contiguous ? from + shift : end;
      const length = recordBytes(old, from);
      if (!contiguous) copyBytes(old, from, bytes, at, length);
      this.#enter(at, found[i + 1] as number);
      end += length;
    }
    this.#end = end;
    if (this.#objects.length > 2 * count + 2) this.#renumber();
  }

  /** Forgets the objects that no record refers to any more. */
  #renumber(): void {
    const { bytes } = this;
    const before = this.#objects;
    this.#objects = [ChildList.empty];
    this.#each((at) => {
      const permissions = before[word24(bytes, at + PERMISSIONS_AT)] as PermissionList;
      const list = before[word24(bytes, at + LIST_AT)] as ChildList;
      putWord24(bytes, at + PERMISSIONS_AT, this.#numberOf(permissions));
      putWord24(bytes, at + LIST_AT, list === ChildList.empty ? 0 : this.#objects.push(list) - 1);
    });
  }
}

function recordBytes(bytes: Uint8Array, at: number): number {
  return PATH_AT + pathLength(bytes, at) + word32(bytes, at + ROOM_AT);
}

function pathLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + PATH_LENGTH_AT] as number) | ((bytes[at + PATH_LENGTH_AT + 1] as number) << 8);
}

/** Whether the path of the record at `at` is `text`. */
function isPath(text: string, bytes: Uint8Array, at: number): boolean {
  return pathLength(bytes, at) === text.length && isText(text, bytes, at + PATH_AT);
}

/** Whether the path of the record at `at` is the text in `input` from `from` to `to`. */
function isSame(bytes: Uint8Array, at: number, input: Uint8Array, from: number, to: number): boolean {
  if (pathLength(bytes, at) !== to - from) return false;
  const shift = at + PATH_AT - from;
  for (let i = to - 1; i >= from; i--) if (input[i] !== bytes[shift + i]) return false;
  return true;
}
