/**
 * `Daemon` behind real ring pages as a daemon under test: guests put bytes into a page of 4096 bytes and take them out of
 * it, and the daemon sees nothing else of them.
 */
import { ALL_AGENTS, JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE, readBytes, writeBytes } from '../../protocol/memory.js';
import { XenstoreInterface, XS_RING_BYTES, XsByteQueue, XsConnection } from '../../protocol/xs-ring.js';
import { FrameDecoder, XsType } from '../../protocol/xs-wire.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { type DaemonName, type Policy, Store } from '../../xenstore-sim/index.js';
import { RING_POLICIES } from '../../xenstore-sim/ring-end.js';
import { type RingPlace, RingServer } from '../../xenstore-sim/ring-server.js';
import { dumpDaemon } from '../../xenstore-sim/state/dump.js';
import { loadDaemon } from '../../xenstore-sim/state/load.js';
import { readStateStream } from '../../xenstore-sim/state/read-stream.js';
import { writeStateStream } from '../../xenstore-sim/state/write-stream.js';
import type { RingState, RingWire, Sink, TestedDaemon, Wire } from './xenstore-transcript.js';

const DOMAINS_MAX = 32;
/** Frame 1 is the daemon's own; the pages of guests follow; the last is where guests keep what they read and write. */
const SCRATCH = PAGE_SIZE;
const pageOf = (domid: number): number => (2 + domid) * PAGE_SIZE;
const GUEST_COPY = (2 + DOMAINS_MAX) * PAGE_SIZE;
/** Who may touch what: the daemon everything but the last frame. */
const DAEMON = 1;

/** One guest's end: written and read without ever waiting, so that it must be pumped in between. */
export class PagePeer {
  readonly page: ReturnType<typeof XenstoreInterface.view>;
  readonly #memory: JournaledMemory;
  readonly #requests: XsByteQueue;
  readonly #replies: XsByteQueue;

  constructor(memory: JournaledMemory, domid: number) {
    this.#memory = memory;
    this.page = XenstoreInterface.view(memory).at(pageOf(domid));
    this.#requests = new XsByteQueue(memory, pageOf(domid), 'requests');
    this.#replies = new XsByteQueue(memory, pageOf(domid), 'replies');
  }

  /** Puts in what fits; returns how much that was. */
  put(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, XS_RING_BYTES);
    writeBytes(this.#memory, GUEST_COPY, bytes.subarray(0, count));
    const put = this.#requests.put(GUEST_COPY, count, true);
    if (put > 0) this.#requests.publish(put);
    return put;
  }

  /** Takes everything out, or so many bytes of it. */
  take(bytes: number = XS_RING_BYTES): Uint8Array {
    const count = this.#replies.take(GUEST_COPY, bytes, true);
    if (count <= 0) return new Uint8Array(0);
    this.#replies.release(count);
    return readBytes(this.#memory, GUEST_COPY, count);
  }
}

export class RingPages {
  readonly memory = new JournaledMemory(DOMAINS_MAX + 3);
  daemon: Daemon;
  server: RingServer;
  readonly name: DaemonName;
  /** Signals that each guest got. */
  readonly signals = new Map<number, number>();

  constructor(name: DaemonName, policy: Policy) {
    for (let frame = 1; frame <= DOMAINS_MAX + 1; frame++) this.memory.protect(frame, DAEMON);
    this.name = name;
    this.daemon = new Daemon(Store.empty(policy));
    this.server = new RingServer(this.daemon, RING_POLICIES[name]);
  }

  /** Another daemon goes on with what the state stream of this one tells, and with the pages as they are. */
  liveUpdate(): void {
    const stream = dumpDaemon(this.daemon, { unsent: (connection) => this.server.unsent(connection) });
    const { policy } = this.daemon.store;
    const { daemon, connections } = loadDaemon(readStateStream(writeStateStream(stream)), policy);
    this.daemon = daemon;
    this.server = new RingServer(daemon, RING_POLICIES[this.name]);
    for (const loaded of connections) {
      const { domid } = daemon.store.connection(loaded.connection);
      if (domid !== 0) this.#asDaemon(() => this.server.adopt(this.#place(domid), loaded));
    }
  }

  peer(domid: number): PagePeer {
    return new PagePeer(this.memory, domid);
  }

  /** What follows a successful INTRODUCE. */
  introduce(domid: number): void {
    this.#asDaemon(() => this.server.introduce(this.#place(domid)));
  }

  #place(domid: number): RingPlace {
    const { domains, policy } = this.daemon.store;
    const domain = domains.get(domid);
    return {
      domid,
      memory: this.memory,
      page: pageOf(domid),
      scratch: SCRATCH,
      ...(domain === undefined || policy.features === 0 ? {} : { features: domain.features }),
      signal: () => this.signals.set(domid, (this.signals.get(domid) ?? 0) + 1),
    };
  }

  pump(others?: (connection: number, bytes: Uint8Array) => void): void {
    this.#asDaemon(() => {
      while (this.server.pump(others));
    });
  }

  /** The daemon may touch the pages of guests and its own, and nothing else. */
  #asDaemon<T>(body: () => T): T {
    this.memory.current = DAEMON;
    try {
      return body();
    } finally {
      this.memory.current = ALL_AGENTS;
    }
  }
}

export function ringPageDaemon(name: DaemonName, policy: Policy): TestedDaemon {
  const pages = new RingPages(name, policy);
  const { daemon } = pages;
  const sockets = new Map<number, Sink>();
  const guests = new Map<number, { readonly peer: PagePeer; readonly sink: Sink }>();
  const pump = (): void => {
    for (let moved = true; moved; ) {
      moved = false;
      pages.pump((connection, bytes) => sockets.get(connection)?.bytes(bytes.slice()));
      for (const { peer, sink } of guests.values()) {
        const bytes = peer.take();
        if (bytes.length === 0) continue;
        moved = true;
        sink.bytes(bytes);
      }
    }
  };
  const openSocket = (sink: Sink): Wire => {
    const connection = daemon.connect(0);
    sockets.set(connection, sink);
    const introduced: number[] = [];
    const decoder = new FrameDecoder();
    return {
      send: (bytes) => {
        if (!sockets.has(connection)) return;
        let alive = daemon.receive(connection, bytes);
        while (alive && daemon.hasMore(connection)) alive = daemon.receive(connection, new Uint8Array(0));
        if (alive) {
          decoder.push(bytes, ({ type, payload }) => {
            if (type === XsType.INTRODUCE) introduced.push(Number.parseInt(payload, 10));
          });
        }
        for (const domid of introduced.splice(0)) {
          if (domid > 0 && domid < DOMAINS_MAX && daemon.store.domains.get(domid)?.introduced === true)
            pages.introduce(domid);
        }
        pump();
        if (alive) return;
        sockets.delete(connection);
        sink.closed();
      },
      close: () => {
        if (!sockets.delete(connection)) return;
        daemon.disconnect(connection);
        pump();
      },
    };
  };
  const openRing = (domid: number, sink: Sink): RingWire => {
    const peer = pages.peer(domid);
    guests.set(domid, { peer, sink });
    // Domain 0 has a ring from the start.
    if (domid === 0) pages.introduce(0);
    return {
      send: (bytes) => {
        let rest = bytes;
        for (;;) {
          const count = peer.put(rest);
          pump();
          if (count <= 0) return;
          rest = rest.subarray(count);
        }
      },
      close: () => undefined,
      state: (): RingState => {
        const { server_features, connection, error } = peer.page;
        return { server_features, connection, error };
      },
      askForReconnection: () => {
        peer.page.connection = XsConnection.Reconnect;
        pump();
      },
    };
  };
  return {
    openSocket: async (sink) => openSocket(sink),
    openRing: async (domid, sink) => openRing(domid, sink),
    createDomain: (domid) => {
      daemon.domainCreated(domid);
      pump();
    },
    setDomain: (domid, state) => {
      if (state === 'shut-down') daemon.domainShutdown(domid);
      else daemon.domainDestroyed(domid);
      pump();
    },
    settle: async () => undefined,
  };
}
