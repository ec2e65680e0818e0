/**
 * What a restart of a xenstored leaves of a store: the nodes, their permissions and the domains. Every connection is
 * made anew, and its client registers the watches it had, in their order, each of which fires at once; events that
 * waited are gone. That is what `xenstore-sim/client` does after its connection was lost, and more than a live update
 * of the C daemon does, which hands connections and waiting events over.
 *
 * A daemon that comes back without its nodes is not among the faults: every domain would have to be made again.
 */
import { connect, disconnect, execute, type Store } from '../xenstore-sim/index.js';

type OpenConnection = ReturnType<Store['connection']>;

export function restarted(store: Store): Store {
  return store.connections.items.reduce((next, connection) => {
    const { id, domid } = connection;
    return watchedAgain(connect(disconnect(next, id), { domid, id }).store, connection);
  }, store);
}

/** The store after the watches that `connection` has were registered again, in their order. */
export function watchedAgain(store: Store, connection: OpenConnection): Store {
  return connection.watches.items.reduce((next, watch) => {
    const { path } = watch.event(watch.path.text);
    const { token } = watch;
    const without = execute(next, connection.id, { type: 'unwatch', path, token }).store;
    return execute(without, connection.id, { type: 'watch', path, token }).store;
  }, store);
}
