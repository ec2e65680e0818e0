/**
 * Domains and connections come and go: the requests of the toolstack, and what happens outside the protocol.
 */
import { assert, unreachable } from '../protocol/assert.js';
import { Connection } from './connections.js';
import { NO_TARGET } from './domains.js';
import { Draft } from './draft.js';
import { removeSubtree } from './nodes.js';
import { type Path, ROOT } from './path.js';
import { type DomainRequest, failure, OK, type Reply } from './requests.js';
import type { Store } from './store.js';
import type { WatchEvent } from './watches.js';

export interface NewConnection {
  /** Number of the domain; the connections of domain 0 are privileged. */
  readonly domid: number;
  /** Must not be in use; the lowest free number from 0 up if left out. */
  readonly id?: number;
}

export interface Connected {
  readonly store: Store;
  readonly connection: number;
}

/** Opens a connection: a client at the socket (domain 0), or the ring of a domain. */
export function connect(store: Store, { domid, id }: NewConnection): Connected {
  let connection = id ?? 0;
  const used = (): boolean => store.connections.some((other) => other.id === connection);
  while (id === undefined && used()) connection++;
  assert(!used(), `xenstore: connection ${connection} is open already`);
  const draft = new Draft(store);
  draft.ensureDomain(domid);
  const opened = Connection.open(connection, domid, domid === 0);
  draft.connections = [...store.connections, opened].sort((one, other) => one.id - other.id);
  return { store: draft.finish(store), connection };
}

/** Closes a connection: its watches, pending events and transactions are gone. */
export function disconnect(store: Store, connection: number): Store {
  const closed = store.connection(connection);
  const draft = new Draft(store);
  draft.connections = store.connections.filter((other) => other !== closed);
  return draft.finish(store);
}

/** The oldest pending event of a connection. */
export function nextEvent(store: Store, connection: number): WatchEvent | undefined {
  return store.connection(connection).pending[0];
}

/** The store after the oldest pending event of a connection was delivered; there must be one. */
export function takeEvent(store: Store, connection: number): Store {
  const owner = store.connection(connection);
  assert(owner.pending.length > 0, `xenstore: connection ${connection} has no pending event`);
  const draft = new Draft(store);
  draft.setConnection(owner.withPending(owner.pending.slice(1)));
  return draft.finish(store);
}

/**
 * The hypervisor has a new domain. Permissions may name it from now on: before, an entry for it is stale and it cannot
 * be made an owner (C xenstored 4.17).
 */
export function domainCreated(store: Store, domid: number): Store {
  const draft = new Draft(store);
  if (draft.domain(domid) !== undefined) return store;
  draft.ensureDomain(domid);
  return draft.finish(store);
}

/** A domain has shut down or crashed. Announced once, until RESUME; nothing for a domain that is not introduced. */
export function domainShutdown(store: Store, domid: number): Store {
  const draft = new Draft(store);
  const domain = draft.domain(domid);
  if (domain === undefined || !domain.introduced || domain.shutdown) return store;
  draft.setDomain(domain.with({ shutdown: true }));
  draft.announceSpecial('@releaseDomain');
  return draft.finish(store);
}

/** A domain has ceased to exist: its connections and the nodes it owns go with it. */
export function domainDestroyed(store: Store, domid: number): Store {
  assert(domid !== 0, 'xenstore: the control domain cannot end');
  const draft = new Draft(store);
  if (draft.domain(domid) === undefined) return store;
  endDomain(draft, domid);
  draft.domains = draft.domains.filter((domain) => domain.domid !== domid);
  return draft.finish(store);
}

/** Performs a request of the toolstack about a domain. */
export function domainRequest(draft: Draft, request: DomainRequest): Reply {
  const { domid } = request;
  switch (request.type) {
    case 'introduce':
      return introduce(draft, domid, request.port);
    case 'isDomainIntroduced':
      return { kind: 'value', value: domid === DOMID_SELF || isIntroduced(draft, domid) ? 'T' : 'F' };
    case 'setTarget':
      if (!isIntroduced(draft, domid) || !isIntroduced(draft, request.target)) return failure('ENOENT');
      draft.setDomain(draft.ensureDomain(domid).with({ target: request.target }));
      return OK;
    case 'release':
    case 'resume':
      if (domid === 0) return failure('EINVAL');
      if (!isIntroduced(draft, domid)) return failure('ENOENT');
      if (request.type === 'release') endDomain(draft, domid);
      draft.setDomain(draft.ensureDomain(domid).with(request.type === 'release' ? RELEASED : { shutdown: false }));
      return OK;
    default:
      return unreachable(request);
  }
}

/** `DOMID_SELF` of xen.h. */
const DOMID_SELF = 0x7ff0;

const RELEASED = { introduced: false, shutdown: false, target: NO_TARGET };

function isIntroduced(draft: Draft, domid: number): boolean {
  return draft.domain(domid)?.introduced === true;
}

/** The frame number is ignored: C finds the ring by its grant. Of a known domain, the ring is reset (C xenstored 4.17). */
function introduce(draft: Draft, domid: number, port: number): Reply {
  if (port <= 0) return failure('EINVAL');
  const domain = draft.ensureDomain(domid);
  if (!domain.introduced) {
    draft.setDomain(domain.with({ introduced: true }));
    draft.announceSpecial('@introduceDomain');
  } else if (domid !== 0) {
    for (const connection of draft.connections) {
      if (connection.domid === domid)
        draft.setConnection(connection.withWatches([]).withPending([]).withTransactions([]));
    }
  }
  return OK;
}

/**
 * Everything that ends with a domain but the knowledge that it exists. The daemon drops the connection, then the nodes,
 * then tells. A device model of the domain loses the rights it had through it.
 */
function endDomain(draft: Draft, domid: number): void {
  const introduced = isIntroduced(draft, domid);
  draft.connections = draft.connections.filter((connection) => connection.domid !== domid);
  removeOwned(draft, domid, ROOT);
  forget(draft, domid, ROOT);
  for (const connection of draft.connections) {
    if (connection.transactions.length === 0) continue;
    draft.setConnection(connection.withTransactions(connection.transactions.map((open) => open.withoutDomain(domid))));
  }
  draft.introducePermissions = draft.introducePermissions.withoutDomain(domid);
  draft.releasePermissions = draft.releasePermissions.withoutDomain(domid);
  for (const domain of draft.domains) if (domain.target === domid) draft.setDomain(domain.with({ target: NO_TARGET }));
  if (introduced) draft.announceSpecial('@releaseDomain');
}

function removeOwned(draft: Draft, domid: number, path: Path): void {
  const node = draft.read(path);
  if (node === null) return;
  if (node.permissions.owner === domid && path.parent !== null) removeSubtree(draft, path, path.parent, node);
  else for (const child of node.children) removeOwned(draft, domid, child);
}

/** Makes the entries for `domid` stale. No transaction is disturbed by that, so the tree is changed directly. */
function forget(draft: Draft, domid: number, path: Path): void {
  const node = draft.tree.get(path);
  if (node === undefined) return;
  const permissions = node.permissions.withoutDomain(domid);
  if (permissions !== node.permissions) draft.tree = draft.tree.set(path, node.withPermissions(permissions));
  for (const child of node.children) forget(draft, domid, child);
}
