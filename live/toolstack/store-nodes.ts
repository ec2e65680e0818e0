/**
 * What the simulator's toolstack writes into a store, written into a real one.
 */
import {
  closeVtpm,
  removeVtpmNodes,
  type VtpmPlace,
  writeDomainNodes,
  writeVtpmNodes,
} from '../../backend/toolstack-nodes.js';
import { assert } from '../../protocol/assert.js';
import { vtpmPaths } from '../../protocol/vtpm-paths.js';
import { domainPath } from '../../protocol/xenbus.js';
import type { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { hasCode } from '../../xenstore-sim/client/index.js';
import type { NodeAccess } from '../../xenstore-sim/client/node-access.js';
import { parsePermission } from '../../xenstore-sim/index.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';

/** Does in one transaction what `body` does with a store that answers at once. */
async function replayed(client: XenstoreClient, body: (store: StoreAccess) => void, own = true): Promise<void> {
  await client.transaction(async (nodes) => {
    const requests: (() => Promise<void>)[] = [];
    body(new Recorder(nodes, requests, own));
    for (const request of requests) await request();
  });
}

class Recorder implements StoreAccess {
  readonly #nodes: NodeAccess;
  readonly #requests: (() => Promise<void>)[];
  readonly #own: boolean;

  constructor(nodes: NodeAccess, requests: (() => Promise<void>)[], own: boolean) {
    this.#own = own;
    this.#nodes = nodes;
    this.#requests = requests;
  }

  read(): null {
    return null;
  }

  /** Directories above that are left empty stay. */
  list(): readonly string[] {
    return ['0'];
  }

  write(path: string, value: string): void {
    this.#requests.push(() => this.#nodes.write(path, Buffer.from(value, 'latin1')));
  }

  mkdir(path: string): void {
    this.#requests.push(() => this.#nodes.mkdir(path));
  }

  remove(path: string): void {
    this.#requests.push(() => this.#nodes.rm(path).catch(absent));
  }

  setPermissions(path: string, permissions: readonly string[]): void {
    const parsed = permissions.map((text) => {
      const permission = parsePermission(text);
      assert(permission !== undefined, `toolstack: ${text} is no permission`);
      return permission;
    });
    // The C daemon asks the hypervisor for each domain that is named, and answers ENOENT for one that is not there. Where
    // all speak as domain 0, nobody needs the permission.
    const refused = this.#own ? rethrow : absent;
    this.#requests.push(() => this.#nodes.setPermissions(path, parsed).catch(refused));
  }

  watch(): void {}
  unwatch(): void {}

  transaction(body: () => void): void {
    body();
  }
}

function rethrow(error: unknown): never {
  throw error;
}

/** A node that is not there need not be removed. */
export function absent(error: unknown): void {
  if (!hasCode(error, 'ENOENT')) throw error;
}

const place = (domid: number): VtpmPlace => ({ frontend: domid, backend: 0, instance: false });

/** `own`: the daemon is one of ours, which knows the domain. */
export async function createDomainNodes(client: XenstoreClient, domid: number, own: boolean): Promise<void> {
  await replayed(client, (store) => writeDomainNodes(store, domid), own);
}

export async function createVtpmNodes(client: XenstoreClient, domid: number, own: boolean): Promise<void> {
  await replayed(client, (store) => writeVtpmNodes(store, place(domid)), own);
}

/** Everything of a domain that has ended. */
export async function removeNodes(client: XenstoreClient, domid: number): Promise<void> {
  await replayed(client, (store) => {
    removeVtpmNodes(store, place(domid));
    store.remove(domainPath(domid));
  });
}

export async function closeVtpmNodes(client: XenstoreClient, domid: number): Promise<void> {
  await replayed(client, (store) => closeVtpm(store, place(domid)));
}

/** A node of the backend's directory. */
export const backendNode = (domid: number, node: string): string => vtpmPaths(0, domid).back(node);
/** A node of the frontend's directory. */
export const frontendNode = (domid: number, node: string): string => vtpmPaths(0, domid).front(node);
