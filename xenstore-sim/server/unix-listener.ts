/**
 * The Unix socket where programs look for xenstored: whoever connects is the control domain.
 *
 * The mode of the socket file is all the protection there is. A file that a dead server left behind is replaced; one
 * where somebody answers is not.
 */
import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { umask } from 'node:process';
import { isMainThread } from 'node:worker_threads';
import type { QuiesceError } from '../../protocol/errors.js';
import type { Hub } from './hub.js';
import { cannotListen, failureOf, type Listener } from './listener.js';
import { UnixTransport } from './unix-transport.js';

/** `sun_path` of unix(7), without its nul. */
const PATH_BYTES_MAX = 107;
const BACKLOG = 1024;

export interface UnixOptions {
  readonly path: string;
  /** Permission bits of the socket file; 0600 unless told otherwise. */
  readonly mode?: number;
}

/** Listens for clients of the control domain. Throws `CANNOT_LISTEN`. */
export async function listenUnix(hub: Hub, options: UnixOptions): Promise<Listener> {
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    if (hub.full) socket.destroy();
    else new UnixTransport(hub, socket);
  });
  await bindUnix(server, options);
  return {
    description: { kind: 'unix', path: options.path },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Makes `server` listen at a path. Throws `CANNOT_LISTEN`. */
export async function bindUnix(server: Server, { path, mode = 0o600 }: UnixOptions): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > PATH_BYTES_MAX) {
    throw cannotListen(
      path,
      `expected a path of at most ${PATH_BYTES_MAX} bytes, found ${bytes}: choose a shorter one`,
    );
  }
  let error = await listening(server, path, mode);
  if (error?.code === 'EADDRINUSE') {
    await removeStale(path);
    error = await listening(server, path, mode);
  }
  if (error !== undefined) throw explained(path, error);
  // Too many open files and the like: that client is lost, the others stay.
  server.on('error', () => undefined);
  // No other user could connect before, whatever the mode: see `listening`.
  chmodSync(path, mode);
}

function listening(server: Server, path: string, mode: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const onError = (error: Error): void => resolve(error);
    server.once('error', onError);
    // The file is made during the call. Only the main thread may change the mask.
    const before = isMainThread ? umask(0o777 & ~mode) : undefined;
    server.listen({ path, backlog: BACKLOG }, () => {
      server.off('error', onError);
      resolve(undefined);
    });
    if (before !== undefined) umask(before);
  });
}

/** Removes a socket file where nobody listens. */
async function removeStale(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false) {
    throw cannotListen(
      path,
      'expected no file or an old socket there, found another kind of file: remove it or choose another path',
    );
  }
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error) => resolve(failureOf(error)));
  });
  if (answer === 'ENOENT') return;
  if (answer !== 'ECONNREFUSED') {
    throw cannotListen(path, `expected nobody there, found a server (${answer}): stop it or choose another path`);
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if (failureOf(error) !== 'ENOENT')
      throw cannotListen(path, `the old socket cannot be removed (${failureOf(error)})`);
  }
}

function explained(path: string, error: NodeJS.ErrnoException): QuiesceError {
  const folder = dirname(path);
  // Node says EACCES here too.
  if (!existsSync(folder)) return cannotListen(path, `there is no folder ${folder}: create it or choose another path`);
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return cannotListen(path, `no permission to create a file in ${folder} (${error.code})`);
    default:
      return cannotListen(path, failureOf(error));
  }
}
