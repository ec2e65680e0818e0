/**
 * The whole state of a xenstore daemon as one immutable value.
 *
 * Two stores with the same content have the same hash, whatever led to them; a store can therefore lie in a journaled
 * cell. What requests do to a store is in `execute.ts`, what happens to it from outside in `lifecycle.ts`.
 */
import { assert } from '../protocol/assert.js';
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import type { Connection } from './connections.js';
import { Domain, EXISTING } from './domains.js';
import { HIGH, LOW, mixListHigh, mixListLow } from './hash.js';
import { Node } from './node.js';
import { childPath, ROOT } from './path.js';
import { PathMap } from './path-map.js';
import { CONTROL_ONLY, type PermissionList } from './permissions.js';
import { C_4_17, type Policy } from './policy.js';

/** Every node by its path; the root is always there. */
export type Tree = PathMap<Node>;

export interface StoreState {
  readonly tree: Tree;
  /** In order of their ids. */
  readonly connections: readonly Connection[];
  /** In order of their numbers; the control domain is always there. */
  readonly domains: readonly Domain[];
  /** Who may see `@introduceDomain`. */
  readonly introducePermissions: PermissionList;
  /** Who may see `@releaseDomain`. */
  readonly releasePermissions: PermissionList;
}

export class Store implements Hashed, StoreState {
  readonly policy: Policy;
  readonly tree: Tree;
  readonly connections: readonly Connection[];
  readonly domains: readonly Domain[];
  readonly introducePermissions: PermissionList;
  readonly releasePermissions: PermissionList;
  readonly hashLow: number;
  readonly hashHigh: number;

  constructor(policy: Policy, state: StoreState) {
    this.policy = policy;
    this.tree = state.tree;
    this.connections = state.connections;
    this.domains = state.domains;
    this.introducePermissions = state.introducePermissions;
    this.releasePermissions = state.releasePermissions;
    const low = mix(
      mix(mix(LOW, state.introducePermissions.hashLow), state.releasePermissions.hashLow),
      state.tree.hashLow,
    );
    const high = mix(
      mix(mix(HIGH, state.introducePermissions.hashHigh), state.releasePermissions.hashHigh),
      state.tree.hashHigh,
    );
    this.hashLow = mixListLow(mixListLow(low, state.connections), state.domains);
    this.hashHigh = mixListHigh(mixListHigh(high, state.connections), state.domains);
  }

  /** A daemon that has just started: `/tool/xenstored`, and the control domain. No connection is open. */
  static empty(policy: Policy = C_4_17): Store {
    const tool = childPath(ROOT, 'tool');
    const xenstored = childPath(tool, 'xenstored');
    const bare = Node.create('', CONTROL_ONLY);
    const tree = PathMap.empty<Node>()
      .set(ROOT, bare.withChild(tool, policy.childOrder))
      .set(tool, bare.withChild(xenstored, policy.childOrder))
      .set(xenstored, bare);
    return new Store(policy, {
      tree,
      connections: [],
      domains: [new Domain(0, { ...EXISTING, introduced: true })],
      introducePermissions: CONTROL_ONLY,
      releasePermissions: CONTROL_ONLY,
    });
  }

  /** The open connection with number `id`. */
  connection(id: number): Connection {
    const connection = this.connections.find((candidate) => candidate.id === id);
    assert(connection !== undefined, `xenstore: connection ${id} is not open`);
    return connection;
  }
}
