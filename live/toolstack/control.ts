/**
 * The socket by which a live system is driven from another terminal: one request a connection, a line of JSON each way
 * for progress and outcome.
 *
 * It lies in a folder that only its user may enter, with mode 0600, and asks the kernel who is at the other end.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { geteuid, umask } from 'node:process';
import { createInterface } from 'node:readline';
import { isMainThread } from 'node:worker_threads';
import { QuiesceError } from '../../protocol/errors.js';
import { native } from '../memory/native.js';

export const CONTROL_COMMANDS = ['status', 'suspend', 'cancel', 'migrate', 'kill', 'down'] as const;
export type ControlCommand = (typeof CONTROL_COMMANDS)[number];

export interface ControlRequest {
  readonly command: ControlCommand;
  /** For `kill`. */
  readonly part?: string;
  /** For `migrate`: where its connection breaks. */
  readonly cutAfterBytes?: number;
}

export type ControlReply =
  | { readonly progress: string }
  | { readonly result: unknown }
  | { readonly error: { readonly code: string; readonly message: string } };

export const controlSocket = (directory: string): string => `${directory}/control.sock`;

/** Longest request; whoever sends more is cut off. */
const REQUEST_BYTES_MAX = 4096;
/** For a request to come. */
const REQUEST_MILLISECONDS = 5000;

export type Handler = (request: ControlRequest, progress: (message: string) => void) => Promise<unknown>;

export async function serveControl(directory: string, handle: Handler): Promise<{ close(): Promise<void> }> {
  const path = controlSocket(directory);
  // One that is there is of a toolstack that was killed.
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serveOne(socket, handle);
  });
  await listening(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroySoon();
      }),
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = isMainThread ? umask(0o177) : undefined;
    server.listen(path, () => resolve());
    if (before !== undefined) umask(before);
  });
}

function serveOne(socket: Socket, handle: Handler): void {
  socket.on('error', () => undefined);
  const reply = (message: ControlReply): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
  };
  if (!isOwnUser(socket)) {
    reply({ error: { code: 'LIVE_STATE', message: 'only the user who has begun the live system may drive it' } });
    socket.end();
    return;
  }
  socket.setTimeout(REQUEST_MILLISECONDS, () => socket.destroy());
  let bytes = 0;
  socket.on('data', (piece) => {
    bytes += piece.length;
    if (bytes > REQUEST_BYTES_MAX) socket.destroy();
  });
  const lines = createInterface({ input: socket });
  // It reports the errors of its input again.
  lines.on('error', () => undefined);
  lines.once('line', (line) => {
    socket.setTimeout(0);
    const request = parse(line);
    if (request === null) {
      reply({ error: { code: 'USAGE', message: `expected a request, found '${line.slice(0, 80)}'` } });
      socket.end();
      return;
    }
    handle(request, (progress) => reply({ progress }))
      .then((result) => reply({ result: result ?? null }))
      .catch((error: unknown) => reply({ error: described(error) }))
      .finally(() => socket.end());
  });
}

/** Where the kernel cannot be asked, the modes of folder and socket are all there is. */
function isOwnUser(socket: Socket): boolean {
  const calls = native();
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } };
  if (calls === null || handle?.fd === undefined || handle.fd < 0) return true;
  return calls.peerUser(handle.fd) === geteuid?.();
}

function parse(line: string): ControlRequest | null {
  try {
    const { command, part, cutAfterBytes } = JSON.parse(line) as Partial<ControlRequest>;
    if (!CONTROL_COMMANDS.includes(command as ControlCommand)) return null;
    return {
      command: command as ControlCommand,
      ...(typeof part === 'string' ? { part } : {}),
      ...(typeof cutAfterBytes === 'number' ? { cutAfterBytes } : {}),
    };
  } catch {
    return null;
  }
}

function described(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof QuiesceError) return { code: error.code, message: error.message };
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  return { code: typeof code === 'string' ? code : 'FAULT', message: String(message ?? error) };
}
