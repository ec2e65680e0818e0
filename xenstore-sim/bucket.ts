/**
 * Many nodes as bytes, found by the hash of their paths.
 *
 * A million nodes as objects are several million objects: each look at one waits for memory several times, and the
 * collector visits all of them again and again. Here they are one object for many nodes, and a node is two looks into its
 * bytes: a table with open addressing, and a record.
 *
 *     table: bucket-table.ts | records: bucket-record.ts
 *
 * Permissions and lists of children are objects beside the bytes, and stay the same objects.
 */
import type { Allocate } from '../protocol/allocate.js';
import { assert } from '../protocol/assert.js';
import { binaryString } from '../protocol/xs-wire.js';
import {
  copyBytes,
  putText,
  putWord16,
  putWord24,
  putWord32,
  putWord48,
  word24,
  word32,
  word48,
} from './bucket-bytes.js';
import {
  BIRTH_AT,
  isPath,
  isSame,
  LIST_AT,
  PATH_AT,
  PATH_LENGTH_AT,
  PATH_LENGTH_MAX,
  PERMISSIONS_AT,
  pathLength,
  ROOM_AT,
  recordBytes,
  VALUE_LENGTH_AT,
} from './bucket-record.js';
import {
  close,
  ENTRY_BITS_MIN,
  ENTRY_BYTES,
  eachEntry,
  enter,
  entries,
  entryBitsFor,
  entryOf,
  first,
  HASH_BITS,
  next,
  recordAt,
  setEntry,
} from './bucket-table.js';
import { ChildList } from './child-list.js';
import { Node } from './node.js';
import type { Path } from './path.js';
import type { Owner } from './path-map.js';
import type { PermissionList } from './permissions.js';

/** Room for values comes in multiples of this. */
const ROOM_STEP = 8;
/** The smallest table, empty. Never written to: there is no room for a record behind it. */
const NOTHING = new Uint8Array(ENTRY_BYTES << ENTRY_BITS_MIN);

/** Bytes for each of the nodes that may be in a bucket; with more bytes than for all of them it is to be split, too. */
const NODE_BYTES = 256;

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
  /** Where its bytes come from. */
  readonly #allocate: Allocate;

  constructor(depth: number, nodesMax: number, owner: Owner | null, allocate: Allocate) {
    this.depth = depth;
    this.nodesMax = nodesMax;
    this.owner = owner;
    this.#allocate = allocate;
  }

  /** A bucket with the same nodes, for `owner` to change. */
  copy(owner: Owner | null): Bucket {
    const copy = new Bucket(this.depth, this.nodesMax, owner, this.#allocate);
    copy.count = this.count;
    copy.bytes = this.#allocated(this.bytes.length);
    copy.bytes.set(this.bytes);
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
    const bits = this.#entryBits;
    for (let entry = first(bits, hashLow); ; entry = next(bits, entry)) {
      const at = recordAt(bytes, entry, hashLow);
      if (at < 0 || (at > 0 && isPath(text, bytes, at))) return at;
    }
  }

  /** Where the record is whose path is the text in `input` from `from` to `to`, with these bits of hash; -1 for none. */
  findText(input: Uint8Array, from: number, to: number, hashLow: number): number {
    const { bytes } = this;
    const bits = this.#entryBits;
    for (let entry = first(bits, hashLow); ; entry = next(bits, entry)) {
      const at = recordAt(bytes, entry, hashLow);
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
    close(bytes, this.#entryBits, entryOf(bytes, this.#entryBits, at, path.hashLow));
    if (4 * (this.#live + (ENTRY_BYTES << this.#entryBits)) < bytes.length) this.#rebuild(0);
  }

  /** The nodes in two buckets: by the next bit of their hash. */
  split(owner: Owner | null): [Bucket, Bucket] {
    const halves = [0, 1].map(() => new Bucket(this.depth + 1, this.nodesMax, owner, this.#allocate));
    const [low, high] = halves as [Bucket, Bucket];
    for (const half of halves) half.#prepare(this.count >>> 1, (this.#live >>> 1) + (this.#live >>> 4));
    this.#each((at, hash) => ((hash >>> this.depth) & 1 ? high : low).#adopt(this, at, hash));
    return [low, high];
  }

  /** The nodes of this bucket and of `other`, which differ in the last bit of those that they share. */
  merged(other: Bucket, owner: Owner | null): Bucket {
    const merged = new Bucket(this.depth - 1, this.nodesMax, owner, this.#allocate);
    merged.#prepare(this.count + other.count, this.#live + other.#live);
    for (const each of [this, other]) each.#each((at, hash) => merged.#adopt(each, at, hash));
    return merged;
  }

  #each(visit: (at: number, hashLow: number) => void): void {
    eachEntry(this.bytes, this.#entryBits, visit);
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
      setEntry(bytes, entryOf(bytes, this.#entryBits, old, hashLow), at, hashLow);
    } else {
      this.count++;
      enter(this.bytes, this.#entryBits, at, hashLow);
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
    enter(this.bytes, this.#entryBits, at, hashLow);
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
    const bits = entryBitsFor(count + 1);
    const begin = ENTRY_BYTES << bits;
    const bytes = this.#allocated(begin + this.#live + size + (size === 0 ? 0 : this.#live >>> 3));
    if (this.#end !== front + this.#live) this.#gather(bytes, bits);
    else if (begin === front) bytes.set(old.subarray(0, this.#end));
    else {
      bytes.set(old.subarray(front, this.#end), begin);
      const found = entries(this.bytes, this.#entryBits);
      this.bytes = bytes;
      this.#entryBits = bits;
      for (let i = 0; i < found.length; i += 2)
        enter(this.bytes, this.#entryBits, (found[i] as number) + begin - front, found[i + 1] as number);
    }
    this.bytes = bytes;
    this.#end = begin + this.#live;
    if (this.#objects.length > 2 * count + 2) this.#renumber();
  }

  /** Copies the records that are in use to `bytes`, one behind the other, with a table of two to the power of `bits` entries. */
  #gather(bytes: Uint8Array, bits: number): void {
    const { bytes: old } = this;
    const found = entries(this.bytes, this.#entryBits);
    let end = ENTRY_BYTES << bits;
    this.bytes = bytes;
    this.#entryBits = bits;
    for (let i = 0; i < found.length; i += 2) {
      const from = found[i] as number;
      const length = recordBytes(old, from);
      copyBytes(old, from, bytes, end, length);
      enter(this.bytes, this.#entryBits, end, found[i + 1] as number);
      end += length;
    }
  }

  /** Makes room for `count` nodes, with records of `live` bytes together, in a bucket that is empty. */
  #prepare(count: number, live: number): void {
    this.#entryBits = entryBitsFor(count + 1);
    this.#end = ENTRY_BYTES << this.#entryBits;
    this.bytes = this.#allocated(this.#end + live);
  }

  #allocated(bytes: number): Uint8Array {
    return new Uint8Array(this.#allocate(bytes));
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
