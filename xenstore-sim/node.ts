/**
 * A node: its value, its permissions and the list of its children. Immutable.
 *
 * There is no generation counter. What counters are for, the detection of conflicts, is done when the change happens:
 * see `Transaction`. A node's hash is thus a function of its content alone.
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
  readonly hashLow: number;
  readonly hashHigh: number;

  private constructor(value: string, permissions: PermissionList, children: readonly Path[]) {
    this.value = value;
    this.permissions = permissions;
    this.children = children;
    this.hashLow = mixListLow(mixText(mix(LOW, permissions.hashLow), value), children);
    this.hashHigh = mixListHigh(mixText(mix(HIGH, permissions.hashHigh), value), children);
  }

  static create(value: string, permissions: PermissionList): Node {
    return new Node(value, permissions, NO_CHILDREN);
  }

  withValue(value: string): Node {
    return new Node(value, this.permissions, this.children);
  }

  withPermissions(permissions: PermissionList): Node {
    return new Node(this.value, permissions, this.children);
  }

  /** `child` must not be among the children yet. */
  withChild(child: Path, order: ChildOrder): Node {
    const at = order === 'creation' ? -1 : this.children.findIndex((other) => other.name > child.name);
    const children = at < 0 ? [...this.children, child] : this.children.toSpliced(at, 0, child);
    return new Node(this.value, this.permissions, children);
  }

  withoutChild(child: Path): Node {
    return new Node(
      this.value,
      this.permissions,
      this.children.filter((other) => other.name !== child.name),
    );
  }
}

const NO_CHILDREN: readonly Path[] = [];
