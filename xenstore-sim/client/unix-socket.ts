/** Carries the client's bytes over the daemon's socket, on a Unix-like host. Its clients are privileged. */
import { connect } from 'node:net';
import { XenstoreError } from './errors.js';
import type { Link, Receiver, Transport } from './transport.js';

/** Where libxenstore looks for the socket: `$XENSTORED_PATH`, `$XENSTORED_RUNDIR/socket`, `/var/run/xenstored/socket`. */
export function defaultSocketPath(environment: NodeJS.ProcessEnv = process.env): string {
  const { XENSTORED_PATH: path, XENSTORED_RUNDIR: folder = '/var/run/xenstored' } = environment;
  return path ?? `${folder}/socket`;
}

export function unixSocket(path = defaultSocketPath()): Transport {
  return { name: path, open: (receiver, signal) => open(path, receiver, signal) };
}

/** The longest wait between two attempts while the daemon's queue of connections is full. */
const BUSY_MILLISECONDS_MAX = 32;

/**
 * The real daemons queue one connection; a client that comes while another waits is told EAGAIN, and must come again.
 */
async function open(path: string, receiver: Receiver, signal: AbortSignal): Promise<Link> {
  for (let milliseconds = 1; ; milliseconds = Math.min(2 * milliseconds, BUSY_MILLISECONDS_MAX)) {
    try {
      return await attempt(path, receiver, signal);
    } catch (error) {
      if (signal.aborted || !isBusy(error)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
}

function isBusy(error: unknown): boolean {
  const cause = error instanceof XenstoreError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return cause?.code === 'EAGAIN';
}

function attempt(path: string, receiver: Receiver, signal: AbortSignal): Promise<Link> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let isOpen = false;
    let isOver = false;
    let problem: Error | undefined;
    const end = (): void => {
      isOver = true;
      signal.removeEventListener('abort', giveUp);
    };
    const refuse = (cause: Error | undefined): void => {
      const message = `expected a daemon at ${path}, found none (${cause?.message ?? 'closed'}): is it running?`;
      reject(new XenstoreError('UNREACHABLE', message, { cause }));
    };
    const giveUp = (): void => {
      end();
      socket.destroy();
      refuse(new Error('given up'));
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp);
    const link: Link = {
      send: (bytes) => {
        if (!isOver) socket.write(bytes);
      },
      close: () => {
        if (isOver) return;
        end();
        // The daemon need not answer the end of our side; what it still sends is not read.
        socket.end(() => socket.destroy());
      },
    };
    socket.on('connect', () => {
      if (isOver) return;
      isOpen = true;
      signal.removeEventListener('abort', giveUp);
      resolve(link);
    });
    socket.on('data', (bytes) => {
      if (!isOver) receiver.onData(bytes);
    });
    socket.on('error', (error) => {
      problem = error;
    });
    socket.on('close', () => {
      if (isOver) return;
      end();
      if (isOpen) receiver.onClose(problem ?? new Error(`closed by the daemon at ${path}`));
      else refuse(problem);
    });
  });
}
