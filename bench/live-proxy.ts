/** As little as a Node process between a client and its TPM can do: what a process in between costs on this machine. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Proxy {
  /** Where it listens: a path or, where the target is a port, a port. */
  readonly place: string;
  close(): void;
}

/** Copies each piece from one side to the other, and looks at none. `place`: a path to listen at, 0 for any port. */
export async function startProxy(place: string | 0, target: string | number): Promise<Proxy> {
  const upstream = typeof target === 'number' ? connect(target, '127.0.0.1') : connect(target);
  upstream.setNoDelay();
  let client: Socket | null = null;
  upstream.on('data', (piece) => client?.write(piece));
  upstream.on('error', () => undefined);
  const server = createServer((socket) => {
    client = socket;
    socket.setNoDelay();
    socket.on('error', () => undefined);
    socket.on('data', (piece) => upstream.write(piece));
  });
  await new Promise<void>((resolve) => {
    if (place === 0) server.listen(0, '127.0.0.1', resolve);
    else server.listen(place, resolve);
  });
  return {
    place: place === 0 ? String((server.address() as AddressInfo).port) : place,
    close: () => {
      server.close();
      upstream.destroy();
    },
  };
}
