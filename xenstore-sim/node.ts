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
  /** Number of the change that stored this node; 0 where changes are not counted. */
  readonly generation: number;
  /** Begins with the children of this node; a node that was made of this one may have added its own behind them. */
  readonly #list: Path[];
  readonly #count: number;
  #children: readonly Path[] | null = null;
  #hashed = false;
  #hashLow = 0;
  #hashHigh = 0;

  private constructor(value: string, permissions: PermissionList, list: Path[], count: number, generation: number) {
    this.value = value;
    this.permissions = permissions;
    this.#list = list;
    this.#count = count;
    this.generation = generation;
  }

  static create(value: string, permissions: PermissionList): Node {
    return new Node(value, permissions, NO_CHILDREN, 0, 0);
  }

  /** Paths of the children, in the order in which DIRECTORY lists them. */
  get children(): readonly Path[] {
    if (this.#list.length === this.#count) return this.#list;
    this.#children ??= this.#list.slice(0, this.#count);
    return this.#children;
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
    return new Node(value, this.permissions, this.#list, this.#count, this.generation);
  }

  withPermissions(permissions: PermissionList): Node {
    return new Node(this.value, permissions, this.#list, this.#count, this.generation);
  }

  withGeneration(generation: number): Node {
    return new Node(this.value, this.permissions, this.#list, this.#count, generation);
  }

  /**
   * `child` must not be among the children yet.
   *
   * @param growing This node is given up for the new one, which may then share its list: a child more costs no copy.
   */
  withChild(child: Path, order: ChildOrder, growing = false): Node {
    if (growing && order === 'creation' && this.#list.length === this.#count && this.#list !== NO_CHILDREN) {
      this.#list.push(child);
      return new Node(this.value, this.permissions, this.#list, this.#count + 1, this.generation);
    }
    const at = order === 'creation' ? -1 : this.children.findIndex((other) => other.name > child.name);
    return this.#withList(at < 0 ? [...this.children, child] : this.children.toSpliced(at, 0, child));
  }

  withoutChild(child: Path): Node {
    const at = this.children.findIndex((other) => other.equals(child));
    return at < 0 ? this : this.#withList(this.children.toSpliced(at, 1));
  }

  #withList(list: Path[]): Node {
    return new Node(this.value, this.permissions, list, list.length, this.generation);
  }
}

/** Never changed: shared by all nodes without children. */
const NO_CHILDREN: Path[] = [];
