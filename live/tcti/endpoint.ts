/** Where the two channels of a TCTI listen: the second one beside the first, as both TCTIs of tpm2-tss expect it. */
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { getuid } from 'node:process';
import { cannotListen, failureOf } from '../../xenstore-sim/server/listener.js';
import { bindUnix } from '../../xenstore-sim/server/unix-listener.js';
import { drawPort } from '../loopback-ports.js';

export type TctiAddress =
  /** On the loopback address; any program of this machine can connect. 0: a port that is free, and so is the next. */
  | { readonly kind: 'tcp'; readonly port: number }
  /** A socket of mode 0600 in a directory that only we may enter, which is made if there is none. */
  | { readonly kind: 'unix'; readonly path: string };

export interface Endpoint {
  /** What a TCTI wants to know: `host=127.0.0.1,port=2321` or `path=/run/vtpm/socket`. */
  readonly configuration: string;
  /** Descriptors of the sockets that listen, commands first; null where Node does not tell. */
  readonly descriptors: readonly [number, number] | null;
  /** Accepts nobody from now on, and removes its files. Connections stay. */
  close(): Promise<void>;
}

export interface Channels {
  onCommandClient(socket: Socket): void;
  onSecondClient(socket: Socket): void;
}

const LOOPBACK = '127.0.0.1';
const PORT_MAX = 65_535;
/** Pairs of ports that are tried when any will do. */
const PAIRS_TRIED = 64;
/** What tpm2-tss adds to the path for the second channel. */
const SECOND_SUFFIX = '.ctrl';

/** Listens for both channels. Throws `CANNOT_LISTEN`; nothing is left open then. */
export async function listen(address: TctiAddress, channels: Channels): Promise<Endpoint> {
  const servers = [createServer(channels.onCommandClient), createServer(channels.onSecondClient)] as const;
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  try {
    if (address.kind === 'unix') return await listenUnix(servers, address.path, close);
    const port = address.port === 0 ? await listenAnywhere(servers) : await listenPair(servers, address.port);
    return { configuration: `host=${LOOPBACK},port=${port}`, descriptors: descriptorsOf(servers), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Node keeps it in a handle that it does not document, and has since its beginning. -1 where it does not. */
export function descriptorOf(socket: Server | Socket): number {
  return (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1;
}

function descriptorsOf([commands, second]: readonly [Server, Server]): readonly [number, number] | null {
  const [first, last] = [descriptorOf(commands), descriptorOf(second)];
  return first < 0 || last < 0 ? null : [first, last];
}

async function listenUnix(
  [commands, second]: readonly [Server, Server],
  path: string,
  close: () => Promise<void>,
): Promise<Endpoint> {
  const folder = dirname(path);
  const made = privateFolder(folder, path);
  await bindUnix(commands, { path });
  await bindUnix(second, { path: path + SECOND_SUFFIX });
  return {
    configuration: `path=${path}`,
    descriptors: descriptorsOf([commands, second]),
    close: async () => {
      await close();
      if (made) removeIfEmpty(folder);
    },
  };
}

/** Returns whether the folder was made. Throws `CANNOT_LISTEN` when somebody else may enter it. */
function privateFolder(folder: string, path: string): boolean {
  try {
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined;
    const { mode, uid } = statSync(folder);
    if (uid !== getuid?.() || (mode & 0o077) !== 0) {
      const found = `user ${uid} and mode ${(mode & 0o777).toString(8)}`;
      throw cannotListen(
        path,
        `expected that only we may enter ${folder}, found ${found}: chmod 700 it, or choose another`,
      );
    }
    return made;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw cannotListen(path, failureOf(error));
    throw error;
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Somebody else has put something there meanwhile; it is theirs.
  }
}

async function listenPair([commands, second]: readonly [Server, Server], port: number): Promise<number> {
  if (port >= PORT_MAX)
    throw cannotListen(`port ${port}`, `expected a port below ${PORT_MAX}: the next one is needed too`);
  for (const [server, number] of [
    [commands, port],
    [second, port + 1],
  ] as const) {
    const error = await bindPort(server, number);
    if (error !== undefined) throw cannotListen(`${LOOPBACK}:${number}`, failureOf(error));
  }
  return port;
}

async function listenAnywhere([commands, second]: readonly [Server, Server]): Promise<number> {
  let error: Error | undefined;
  for (let tried = 0; tried < PAIRS_TRIED; tried++) {
    error = await bindPort(commands, drawPort());
    if (error !== undefined) continue;
    const { port } = commands.address() as AddressInfo;
    if (port < PORT_MAX) {
      error = await bindPort(second, port + 1);
      if (error === undefined) return port;
    }
    await new Promise((resolve) => commands.close(resolve));
  }
  throw cannotListen(LOOPBACK, `expected two free ports in a row, found none: ${failureOf(error)}`);
}

function bindPort(server: Server, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const onError = (error: Error): void => resolve(error);
    server.once('error', onError);
    server.listen({ host: LOOPBACK, port }, () => {
      server.off('error', onError);
      // Too many open files and the like: that client is lost, the others stay.
      server.on('error', () => undefined);
      resolve(undefined);
    });
  });
}
