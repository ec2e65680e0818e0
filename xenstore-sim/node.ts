/**
 * A node: its value, its permissions and the list of its children. Immutable.
 *
 * A node's hash is a function of its content alone; it is worked out when it is asked for. The generation, which grows
 * with every change to the tree, is no part of it: where states are finite there is none, and conflicts are found in
 * another way (see `Transaction`).
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW, mixListHigh, mixListLow, mixText } from './hash.js';
import type { Path } from './path.js';
import type { PermissionList } from './permissions.js';
import type { ChildOrder } from './policy.js';

export class Node implements Hashed {
  /** One character per byte. */
  readonly value: string;
  readonly permissions: PermissionList;
  /** Paths of the children, in the order in which DIRECTORY lists them. */
  readonly children: readonly Path[];
  /** Number of the change that stored this node; 0 where changes are not counted. */
  readonly generation: number;
  #hashed = false;
  #hashLow = 0;
  #hashHigh = 0;

  private constructor(value: string, permissions: PermissionList, children: readonly Path[], generation: number) {
    this.value = value;
    this.permissions = permissions;
    this.children = children;
    this.generation = generation;
  }

  static create(value: string, permissions: PermissionList): Node {
    return new Node(value, permissions, NO_CHILDREN, 0);
  }

  get hashLow(): number {
    if (!this.#hashed) this.#hash();
    return this.#hashLow;
  }

  get hashHigh(): number {
    if (!this.#hashed) this.#hash();
    return this.#hashHigh;
  }

  #hash(): void {
    const { permissions, value, children } = this;
    this.#hashLow = mixListLow(mixText(mix(LOW, permissions.hashLow), value), children);
    this.#hashHigh = mixListHigh(mixText(mix(HIGH, permissions.hashHigh), value), children);
    this.#hashed = true;
  }

  withValue(value: string): Node {
    return new Node(value, this.permissions, this.children, this.generation);
  }

  withPermissions(permissions: PermissionList): Node {
    return new Node(this.value, permissions, this.children, this.generation);
  }

  withGeneration(generation: number): Node {
    return new Node(this.value, this.permissions, this.children, generation);
  }

  /** `child` must not be among the children yet. */
  withChild(child: Path, order: ChildOrder): Node {
    const at = order === 'creation' ? -1 : this.children.findIndex((other) => other.name > child.name);
    const children = at < 0 ? [...this.children, child] : this.children.toSpliced(at, 0, child);
    return new Node(this.value, this.permissions, children, this.generation);
  }

  withoutChild(child: Path): Node {
    const children = this.children.filter((other) => other.name !== child.name);
    return new Node(this.value, this.permissions, children, this.generation);
  }
}

const NO_CHILDREN: readonly Path[] = [];
