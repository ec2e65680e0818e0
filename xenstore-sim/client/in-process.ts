/**
 * Carries the client's bytes to a daemon in the same process, such as a simulated one in a test or a browser.
 *
 * All clients of a daemon must go through one `InProcessDaemon`, since a daemon hands over the output of all its
 * connections at once. Output is delivered in a microtask, never inside a call of the client.
 */
import type { Daemon } from '../daemon.js';
import { XenstoreError } from './errors.js';
import type { Link, Receiver, Transport } from './transport.js';

/** What is used of a daemon. */
export type DaemonLike = Pick<Daemon, 'connect' | 'disconnect' | 'isConnected' | 'receive' | 'hasMore' | 'flush'>;

const NOTHING = new Uint8Array(0);

export class InProcessDaemon {
  readonly #daemon: DaemonLike;
  readonly #receivers = new Map<number, Receiver>();
  #isScheduled = false;

  constructor(daemon: DaemonLike) {
    this.#daemon = daemon;
  }

  /** Connections of domain `domid`; those of domain 0 are privileged. */
  transport(domid = 0): Transport {
    const open = async (receiver: Receiver, signal: AbortSignal): Promise<Link> => {
      if (signal.aborted) throw new XenstoreError('UNREACHABLE', 'given up before connecting');
      return this.#connect(domid, receiver);
    };
    return { name: `the daemon in this process, as domain ${domid}`, open };
  }

  /** To be called after the daemon was used directly, for example to tell it of the end of a domain. */
  pump(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#deliver());
  }

  /** Ends all connections, as a daemon that dies does. */
  disconnectAll(): void {
    for (const connection of this.#receivers.keys()) this.#daemon.disconnect(connection);
    this.pump();
  }

  #connect(domid: number, receiver: Receiver): Link {
    const connection = this.#daemon.connect(domid);
    this.#receivers.set(connection, receiver);
    return {
      send: (bytes) => {
        if (!this.#receivers.has(connection)) return;
        this.#daemon.receive(connection, bytes);
        this.pump();
      },
      close: () => {
        if (!this.#receivers.delete(connection)) return;
        this.#daemon.disconnect(connection);
        this.pump();
      },
    };
  }

  #deliver(): void {
    this.#isScheduled = false;
    const output: [number, Uint8Array][] = [];
    // Copied, since a receiver may make the daemon do more while it is called.
    this.#daemon.flush((connection, bytes) => output.push([connection, bytes.slice()]));
    for (const [connection, bytes] of output) this.#receivers.get(connection)?.onData(bytes);
    for (const [connection, receiver] of [...this.#receivers]) {
      if (!this.#daemon.isConnected(connection)) {
        this.#receivers.delete(connection);
        receiver.onClose(new Error('closed by the daemon'));
      } else if (this.#daemon.hasMore(connection)) {
        this.#daemon.receive(connection, NOTHING);
        this.pump();
      }
    }
  }
}
