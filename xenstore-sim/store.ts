/**
 * The whole state of a xenstore daemon as one immutable value.
 *
 * Where states are finite, two stores with the same content have the same hash, whatever led to them; a store can
 * therefore lie in a journaled cell. Elsewhere changes are counted, and nobody asks for hashes. What requests do to a
 * store is in `execute.ts`, what happens to it from outside in `lifecycle.ts`.
 */
import { type Allocate, allocatePlain } from '../protocol/allocate.js';
import { assert } from '../protocol/assert.js';
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import type { Connection } from './connections.js';
import { Domain, NO_TARGET } from './domains.js';
import { HIGH, LOW } from './hash.js';
import { IdList } from './id-list.js';
import { Node } from './node.js';
import { childPath, type Path, ROOT, specialPath } from './path.js';
import { CONTROL_ONLY, CONTROL_READABLE } from './permissions.js';
import { C_4_17, type Policy } from './policy.js';
import { QuotaSet } from './quota.js';
import { emptyTree, type Tree } from './tree.js';
import { WatchIndex } from './watch-index.js';

export interface StoreState {
  readonly tree: Tree;
  readonly connections: IdList<Connection>;
  /** The control domain is always there. */
  readonly domains: IdList<Domain>;
  /** The watches of all connections. */
  readonly watches: WatchIndex;
  /** The quotas of domains that have none of their own. */
  readonly quota: QuotaSet;
  /** Number of the last change to the tree; stays 0 where states are finite. */
  readonly generation: number;
}

export class Store implements Hashed, StoreState {
  readonly policy: Policy;
  readonly tree: Tree;
  readonly connections: IdList<Connection>;
  readonly domains: IdList<Domain>;
  readonly watches: WatchIndex;
  readonly quota: QuotaSet;
  readonly generation: number;

  constructor(policy: Policy, state: StoreState) {
    this.policy = policy;
    this.tree = state.tree;
    this.connections = state.connections;
    this.domains = state.domains;
    this.watches = state.watches;
    this.quota = state.quota;
    this.generation = state.generation;
  }

  /** The same with another number of the last change, for a tree that was changed in place. */
  withGeneration(generation: number): Store {
    const { policy, tree, connections, domains, watches, quota } = this;
    return new Store(policy, { tree, connections, domains, watches, quota, generation });
  }

  get hashLow(): number {
    const { tree, connections, domains, quota } = this;
    return mix(mix(mix(mix(LOW, tree.hashLow), connections.hashLow), domains.hashLow), quota.hashLow);
  }

  get hashHigh(): number {
    const { tree, connections, domains, quota } = this;
    return mix(mix(mix(mix(HIGH, tree.hashHigh), connections.hashHigh), domains.hashHigh), quota.hashHigh);
  }

  /**
   * A daemon that has just started: its first nodes, and the control domain. No connection is open.
   *
   * @param allocate Where the bytes of nodes come from, where they are packed.
   */
  static empty(policy: Policy = C_4_17, allocate: Allocate = allocatePlain): Store {
    const hashed = policy.finite;
    const domain = new Domain(0, {
      introduced: true,
      shutdown: false,
      target: NO_TARGET,
      nodes: 0,
      gfn: 0,
      port: 0,
      features: policy.features,
      quota: null,
    });
    return new Store(policy, {
      tree: firstNodes(policy, allocate),
      connections: IdList.empty<Connection>(hashed),
      domains: IdList.empty<Domain>(hashed).set(domain),
      watches: WatchIndex.empty,
      quota: new QuotaSet(policy.quota),
      generation: 1,
    });
  }

  /** The open connection with number `id`. */
  connection(id: number): Connection {
    const connection = this.connections.get(id);
    assert(connection !== undefined, `xenstore: connection ${id} is not open`);
    return connection;
  }
}

/** The special names, as paths outside the tree. */
export const INTRODUCE_DOMAIN = specialPath('@introduceDomain') as Path;
export const RELEASE_DOMAIN = specialPath('@releaseDomain') as Path;

/** What oxenstored finds as its own name, where Debian installs it. */
const OXENSTORED = '/usr/lib/xen-4.17/bin/oxenstored';

function firstNodes(policy: Policy, allocate: Allocate): Tree {
  const { childOrder, specialNames, finite } = policy;
  const bare = Node.create('', CONTROL_ONLY).withGeneration(finite ? 0 : 1);
  let tree: Tree = emptyTree(policy, allocate).set(ROOT, bare);
  const add = (parent: Path, name: string, value = ''): Path => {
    const path = childPath(parent, name);
    const above = tree.get(parent) ?? bare;
    tree = tree.set(parent, above.withChild(name, childOrder));
    tree = tree.set(path, bare.withValue(value).withBirth(above.nextBirth));
    return path;
  };
  if (specialNames === 'children') {
    for (const name of ['@introduceDomain', '@releaseDomain', 'local']) add(ROOT, name);
    add(add(ROOT, 'tool'), 'xenstored', OXENSTORED);
    return tree;
  }
  add(add(ROOT, 'tool'), 'xenstored');
  const releaseOpen = specialNames === 'nodes' ? CONTROL_READABLE : CONTROL_ONLY;
  return tree.set(INTRODUCE_DOMAIN, bare).set(RELEASE_DOMAIN, bare.withPermissions(releaseOpen));
}
