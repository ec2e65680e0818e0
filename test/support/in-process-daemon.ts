/**
 * `Daemon` as a daemon under test: it answers within the call that sends.
 */
import { Daemon } from '../../xenstore-sim/daemon.js';
import { type Policy, Store } from '../../xenstore-sim/index.js';
import type { RingWire, Sink, TestedDaemon, Wire } from './xenstore-transcript.js';

/** A fresh daemon with `policy`. Its rings have no pages: their state is that of a ring in good order, from start to end. */
export function inProcessDaemon(policy: Policy): TestedDaemon {
  const daemon = new Daemon(Store.empty(policy));
  const sinks = new Map<number, Sink>();
  const flush = (): void => daemon.flush((connection, bytes) => sinks.get(connection)?.bytes(bytes.slice()));
  const open = (domid: number, sink: Sink): Wire => {
    const connection = daemon.connect(domid);
    sinks.set(connection, sink);
    return {
      send: (bytes) => {
        if (!sinks.has(connection)) return;
        let alive = daemon.receive(connection, bytes);
        while (alive && daemon.hasMore(connection)) alive = daemon.receive(connection, new Uint8Array(0));
        flush();
        if (alive) return;
        sinks.delete(connection);
        sink.closed();
      },
      close: () => {
        if (!sinks.delete(connection)) return;
        daemon.disconnect(connection);
        flush();
      },
    };
  };
  return {
    openSocket: async (sink) => open(0, sink),
    openRing: async (domid, sink): Promise<RingWire> => ({
      ...open(domid, sink),
      state: () => ({ server_features: 0, connection: 0, error: 0 }),
      askForReconnection: () => undefined,
    }),
    createDomain: (domid) => {
      daemon.domainCreated(domid);
      flush();
    },
    setDomain: (domid, state) => {
      if (state === 'shut-down') daemon.domainShutdown(domid);
      else daemon.domainDestroyed(domid);
      flush();
    },
    settle: async () => undefined,
  };
}
