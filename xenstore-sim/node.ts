/**
 * A node: its value, its permissions and the list of its children. Immutable.
 *
 * A node's hash is a function of its content alone; it is worked out when it is asked for. The generation, which grows
 * with every change to the tree, is no part of it: where states are finite there is none, and conflicts are found in
 * another way (see `Transaction`).
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { ChildList } from './child-list.js';
import { HIGH, LOW, mixText } from './hash.js';
import type { PermissionList } from './permissions.js';
import type { ChildOrder } from './policy.js';

interface NodeHash {
  readonly low: number;
  readonly high: number;
}

export class Node implements Hashed {
  /** One character per byte. */
  readonly value: string;
  readonly permissions: PermissionList;
  /** Number of the change that stored this node; 0 where changes are not counted. */
  readonly generation: number;
  /**
   * Which of the children it is that its parent has had, counted from 0: where it is in the list. Only a hint, and no
   * part of the content.
   */
  readonly birth: number;
  /** The children in their order. */
  readonly list: ChildList;
  #hash: NodeHash | null = null;

  private constructor(value: string, permissions: PermissionList, list: ChildList, generation: number, birth: number) {
    this.value = value;
    this.permissions = permissions;
    this.list = list;
    this.generation = generation;
    this.birth = birth;
  }

  static create(value: string, permissions: PermissionList): Node {
    return new Node(value, permissions, ChildList.empty, 0, 0);
  }

  /** A node with everything that one has. */
  static stored(value: string, permissions: PermissionList, list: ChildList, generation: number, birth: number): Node {
    return new Node(value, permissions, list, generation, birth);
  }

  /** Names of the children, in the order in which DIRECTORY lists them. */
  get children(): readonly string[] {
    return this.list.all;
  }

  /** Bytes of the names of all children, each with its nul. */
  get childrenBytes(): number {
    return this.list.bytes;
  }

  /** The `birth` of the next child. */
  get nextBirth(): number {
    return this.list.nextBirth;
  }

  get hashLow(): number {
    return this.#hashes().low;
  }

  get hashHigh(): number {
    return this.#hashes().high;
  }

  #hashes(): NodeHash {
    if (this.#hash !== null) return this.#hash;
    const { permissions, value, list } = this;
    this.#hash = {
      low: mix(mixText(mix(LOW, permissions.hashLow), value), list.hashLow),
      high: mix(mixText(mix(HIGH, permissions.hashHigh), value), list.hashHigh),
    };
    return this.#hash;
  }

  /** Whether both are one and the same list. */
  hasListOf(other: Node): boolean {
    return this.list === other.list;
  }

  withValue(value: string): Node {
    return new Node(value, this.permissions, this.list, this.generation, this.birth);
  }

  withPermissions(permissions: PermissionList): Node {
    return new Node(this.value, permissions, this.list, this.generation, this.birth);
  }

  withGeneration(generation: number): Node {
    return new Node(this.value, this.permissions, this.list, generation, this.birth);
  }

  withBirth(birth: number): Node {
    return new Node(this.value, this.permissions, this.list, this.generation, birth);
  }

  /** `child`, a name, must not be among the children yet. Its node has `nextBirth` as its `birth`. */
  withChild(child: string, order: ChildOrder): Node {
    return this.#withList(this.list.with(child, order === 'creation' ? this.nextBirth : child));
  }

  /** @param birth That of the node of `child`. With a wrong one, the child is looked for. */
  withoutChild(child: string, order: ChildOrder, birth = 0): Node {
    const list = this.list.without(child, order === 'creation' ? birth : child);
    return list === this.list ? this : this.#withList(list);
  }

  withoutChildren(): Node {
    return this.#withList(ChildList.empty);
  }

  #withList(list: ChildList): Node {
    return new Node(this.value, this.permissions, list, this.generation, this.birth);
  }
}
