/**
 * A socket that hands everything on to a daemon's socket and back, and keeps the frames that passed.
 */
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { encodeFrame, FrameDecoder } from '../../protocol/xs-wire.js';
import { connectSocket } from './connect-socket.js';
import { removeFolder, temporaryFolder } from './toolbox.js';

/** Frames in hex, of all connections since the last `clear`. */
interface Passed {
  readonly client: string[];
  readonly server: string[];
}

export class RecordingProxy {
  readonly #folder = temporaryFolder();
  readonly #daemonPath: string;
  readonly #server = createServer({ pauseOnConnect: true }, (client) => void this.#join(client));
  readonly #sockets = new Set<Socket>();
  #passed: Passed = { client: [], server: [] };
  #onFrame: () => void = () => undefined;

  private constructor(daemonPath: string) {
    this.#daemonPath = daemonPath;
  }

  static async start(daemonPath: string): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(daemonPath);
    await new Promise<void>((resolve) => proxy.#server.listen(proxy.socketPath, resolve));
    return proxy;
  }

  get socketPath(): string {
    return join(this.#folder, 'proxy');
  }

  get passed(): Passed {
    return this.#passed;
  }

  clear(): void {
    this.#passed = { client: [], server: [] };
  }

  /** Resolves when the server has sent `count` frames. */
  async serverFrames(count: number): Promise<void> {
    if (this.#passed.server.length >= count) return;
    await new Promise<void>((resolve) => {
      this.#onFrame = () => {
        if (this.#passed.server.length >= count) resolve();
      };
    });
    this.#onFrame = () => undefined;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    removeFolder(this.#folder);
  }

  async #join(client: Socket): Promise<void> {
    const daemon = await connectSocket(this.#daemonPath);
    this.#carry(client, daemon, this.#passed.client);
    this.#carry(daemon, client, this.#passed.server);
    client.resume();
  }

  #carry(from: Socket, to: Socket, frames: string[]): void {
    const decoder = new FrameDecoder(1 << 20);
    this.#sockets.add(from);
    from.on('error', () => undefined);
    from.on('data', (bytes) => {
      decoder.push(bytes, (frame) => frames.push(Buffer.from(encodeFrame(frame)).toString('hex')));
      to.write(bytes);
      this.#onFrame();
    });
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
