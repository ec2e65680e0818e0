/**
 * Domains and connections come and go: what happens to a store outside the protocol.
 */
import { assert } from '../protocol/assert.js';
import { Connection } from './connections.js';
import { announceSpecial, endDomain } from './domain-end.js';
import { Draft } from './draft.js';
import type { Owner } from './path-map.js';
import type { Store } from './store.js';
import { dropWatches } from './watch-requests.js';
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
  const connection = id ?? store.connections.lowestFree;
  assert(store.connections.get(connection) === undefined, `xenstore: connection ${connection} is open already`);
  const draft = new Draft(store);
  draft.ensureDomain(domid);
  draft.setConnection(Connection.open(connection, domid, domid === 0));
  return { store: draft.finish(store), connection };
}

/** Closes a connection: its watches, pending events and transactions are gone. */
export function disconnect(store: Store, connection: number): Store {
  const draft = new Draft(store);
  dropWatches(draft, store.connection(connection));
  draft.connections = draft.connections.delete(connection);
  return draft.finish(store);
}

/** The oldest pending event of a connection. */
export function nextEvent(store: Store, connection: number): WatchEvent | undefined {
  return store.connection(connection).pending[0];
}

/** The store after the oldest `count` pending events of a connection were delivered; there must be as many. */
export function takeEvent(store: Store, connection: number, count = 1): Store {
  const owner = store.connection(connection);
  assert(
    owner.pending.length >= count,
    `xenstore: connection ${connection} has ${owner.pending.length} pending events`,
  );
  const draft = new Draft(store);
  draft.setConnection(owner.with({ pending: owner.pending.slice(count) }));
  return draft.finish(store);
}

/**
 * The hypervisor has a new domain. Permissions may name it from now on: before, an entry for it is stale and it cannot
 * be made an owner (C xenstored).
 */
export function domainCreated(store: Store, domid: number): Store {
  const draft = new Draft(store);
  if (draft.domains.get(domid) !== undefined) return store;
  draft.ensureDomain(domid);
  return draft.finish(store);
}

/**
 * A domain has shut down or crashed. The C daemon announces it once, until RESUME, if the domain is introduced;
 * oxenstored each time it hears of any domain, as long as one that is introduced is shut down.
 */
export function domainShutdown(store: Store, domid: number): Store {
  const draft = new Draft(store);
  const domain = draft.domains.get(domid);
  if (domain === undefined) return store;
  if (draft.policy.rules === 'ocaml') {
    draft.setDomain(domain.with({ shutdown: true }));
    announceShutdown(draft, domid);
    return draft.finish(store);
  }
  if (!domain.introduced || domain.shutdown) return store;
  draft.setDomain(domain.with({ shutdown: true }));
  announceSpecial(draft, '@releaseDomain', domid);
  return draft.finish(store);
}

/** oxenstored, told that the state of some domain has changed, announces again each one that is shut down: as one event. */
function announceShutdown(draft: Draft, domid: number): void {
  const down = draft.domains.items.some(({ introduced, shutdown }) => introduced && shutdown);
  if (down) announceSpecial(draft, '@releaseDomain', domid);
}

/**
 * A domain has ceased to exist: its connections and the nodes it owns go with it. `owner` gives `store` up, if there is one.
 *
 * The C daemon keeps a domain that is the target of another one, rights and connection and all, until that one ends too.
 * Here a device model loses at once what it had through its target.
 */
export function domainDestroyed(store: Store, domid: number, owner: Owner | null = null): Store {
  assert(domid !== 0, 'xenstore: the control domain cannot end');
  const draft = new Draft(store, owner);
  const domain = draft.domains.get(domid);
  if (domain === undefined) return store;
  // Of a domain that was never introduced, oxenstored hears only that something has happened.
  if (domain.introduced || draft.policy.rules === 'c') endDomain(draft, domid);
  else announceShutdown(draft, domid);
  draft.domains = draft.domains.delete(domid);
  return draft.finish(store);
}
