/**
 * The xenstored of a live host. What it has acknowledged is in a file before the acknowledgement leaves, so a daemon
 * that is killed and started again has lost its connections and nothing else.
 */
import { rmSync } from 'node:fs';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { POLICIES, Store } from '../../xenstore-sim/index.js';
import { type Engine, serve } from '../../xenstore-sim/server/index.js';
import { dumpDaemon } from '../../xenstore-sim/state/dump.js';
import { loadDaemon } from '../../xenstore-sim/state/load.js';
import { readStateStream } from '../../xenstore-sim/state/read-stream.js';
import { writeStateStream } from '../../xenstore-sim/state/write-stream.js';
import { KeptFile } from '../files/kept-file.js';
import { drawPort } from '../loopback-ports.js';
import type { XenstoredConfig } from './config.js';

/** There is no hypervisor to ask which domains there are: a domain is there once it is introduced. */
const POLICY = { ...POLICIES.c, domainsAppear: true };

/** A guest's nodes take a few thousand. */
const STATE_BYTES = 64 * 1024;
/** Ports that are tried when any will do. */
const PORTS_TRIED = 64;

export interface RunningStore {
  /** `ws://127.0.0.1:PORT/` */
  readonly url: string;
  close(): Promise<void>;
}

export async function runXenstored(config: XenstoredConfig, onLost: (error: unknown) => never): Promise<RunningStore> {
  const { stateFile, unix, port, token } = config;
  const file = new KeptFile(stateFile, STATE_BYTES, false);
  const kept = file.read();
  const daemon = kept === null ? new Daemon(Store.empty(POLICY)) : load(kept);
  const server = await listenOn(port, (own) => {
    rmSync(unix, { force: true });
    return serve(durable(daemon, file, onLost), { unix: { path: unix }, webSocket: { port: own, token, origins: [] } });
  });
  const listener = server.listeners.find(({ kind }) => kind === 'websocket');
  return { url: listener?.kind === 'websocket' ? listener.url : '', close: () => server.close() };
}

/** The first time any port will do; from then on it is the one that clients know. */
async function listenOn<Server>(port: number, listen: (port: number) => Promise<Server>): Promise<Server> {
  for (let tried = 1; ; tried++) {
    try {
      return await listen(port === 0 ? drawPort() : port);
    } catch (error) {
      if (port !== 0 || tried === PORTS_TRIED) throw error;
    }
  }
}

/** Clients of the old daemon are not there any more. */
function load(bytes: Uint8Array): Daemon {
  const { daemon, connections } = loadDaemon(readStateStream(bytes), POLICY);
  for (const { connection } of connections) daemon.disconnect(connection);
  return daemon;
}

/**
 * Writes the state before anything goes out that depends on it. What cannot be written ends the daemon, as if it had been
 * killed: what has not been acknowledged has not happened.
 */
function durable(daemon: Daemon, file: KeptFile, onLost: (error: unknown) => never): Engine {
  let written = daemon.store;
  const save = (): void => {
    const { store } = daemon;
    if (store === written) return;
    try {
      file.write(writeStateStream(dumpDaemon(daemon)));
    } catch (error) {
      onLost(error);
    }
    written = store;
  };
  return {
    pendingEvents: (connection) => daemon.pendingEvents(connection),
    connect: (domid) => daemon.connect(domid),
    disconnect: (connection) => daemon.disconnect(connection),
    isConnected: (connection) => daemon.isConnected(connection),
    receive: (connection, bytes) => daemon.receive(connection, bytes),
    flush(write) {
      save();
      daemon.flush(write);
    },
    block: (connection, blocked) => daemon.block(connection, blocked),
    tick: (milliseconds) => daemon.tick(milliseconds),
    wantsTick: () => daemon.wantsTick(),
    isThrottled: (connection) => daemon.isThrottled(connection),
    hasMore: (connection) => daemon.hasMore(connection),
    unfinishedRequest: (connection) => daemon.unfinishedRequest(connection),
    resume: (connection) => daemon.resume(connection),
    isDetached: (domid) => daemon.isDetached(domid),
  };
}
