/**
 * A real daemon as a daemon under test: its connections, and a way to tell when it has come to rest.
 */
import type { Socket } from 'node:net';
import { setImmediate as immediate } from 'node:timers/promises';
import { encodeFrame, FrameDecoder, XsType } from '../../protocol/xs-wire.js';
import type { Limits } from '../support/xenstore-limits.js';
import type { RingWire, Sink, TestedDaemon, Wire } from '../support/xenstore-transcript.js';
import { connectSocket } from './connect-socket.js';
import { type RealDaemon, startRealDaemon } from './real-daemon.js';
import type { DaemonKind } from './toolbox.js';

/** Both daemons answer a request at the latest two rounds of their loop after they have taken it in. */
const ROUND_TRIPS = 3;
const ANSWER_MILLISECONDS = 5000;

/** A connection to the daemon at `path`; what it sends goes to `sink`. */
export async function openSocketWire(path: string, sink: Sink): Promise<Wire> {
  const socket = await connectSocket(path);
  socket.on('data', (bytes) => sink.bytes(bytes));
  // Sending to a daemon that has closed its end fails; the end is what counts.
  socket.on('error', () => undefined);
  socket.on('close', () => sink.closed());
  return { send: (bytes) => void socket.write(bytes), close: () => void socket.destroy() };
}

/** A connection of its own, on which nothing happens but questions with a known answer. */
export class Probe {
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  #answered: () => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => this.#decoder.push(bytes, () => this.#answered()));
    socket.on('close', () => {
      this.#isClosed = true;
      this.#failed(new Error('expected the daemon to answer, found that it has ended'));
    });
  }

  static async open(path: string): Promise<Probe> {
    return new Probe(await connectSocket(path));
  }

  /**
   * Resolves when the daemon has executed what it was sent before, and its output has been read here.
   *
   * @throws Error when there is no answer within 5 s.
   */
  async settle(): Promise<void> {
    const question = encodeFrame({ type: XsType.GET_DOMAIN_PATH, requestId: 0, transactionId: 0, payload: '0\0' });
    for (let trip = 0; trip < ROUND_TRIPS; trip++) {
      await new Promise<void>((resolve, reject) => {
        const silent = new Error(this.#isClosed ? 'the daemon has ended' : 'the daemon does not answer');
        const timer = setTimeout(reject, this.#isClosed ? 0 : ANSWER_MILLISECONDS, silent);
        this.#answered = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#failed = reject;
        this.#socket.write(question);
      });
    }
    // What was ready along with the last answer is read by the end of the next round of the event loop.
    await immediate();
    await immediate();
  }

  close(): void {
    this.#socket.destroy();
  }
}

export async function testedRealDaemon(daemon: RealDaemon): Promise<TestedDaemon> {
  const probe = await Probe.open(daemon.socketPath);
  const { machine } = daemon;
  return {
    openSocket: (sink) => openSocketWire(daemon.socketPath, sink),
    openRing: async (domid, sink): Promise<RingWire> => {
      const ring = machine.ring(domid);
      ring.onBytes = (bytes) => sink.bytes(bytes);
      return {
        send: (bytes) => ring.send(bytes),
        close: () => undefined,
        state: () => ring.state(),
        askForReconnection: () => ring.askForReconnection(),
      };
    },
    createDomain: (domid) => machine.createDomain(domid),
    setDomain: (domid, state) => machine.setDomain(domid, state),
    settle: async () => {
      // A message longer than a ring goes through it in pieces.
      do await probe.settle();
      while (machine.pump());
    },
  };
}

/** Starts a fresh `kind` daemon, and ends it after `use`. */
export async function withRealDaemon<Result>(
  kind: DaemonKind,
  limits: Limits,
  use: (daemon: TestedDaemon) => Promise<Result>,
): Promise<Result> {
  const daemon = await startRealDaemon(kind, limits);
  try {
    return await use(await testedRealDaemon(daemon));
  } finally {
    await daemon.stop();
  }
}
