/** A client that sends what it is told, well-formed or not, over any stream of bytes. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';

export class RawClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  readonly #decoder = new FrameDecoder();
  readonly #frames: XsFrame[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      this.#decoder.push(piece, (frame) => this.#frames.push(frame));
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#ended = true;
        this.#wake();
        resolve();
      });
    });
  }

  static async connect(path: string): Promise<RawClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  send(type: number, payload: string, { requestId = 0, transactionId = 0 } = {}): void {
    this.socket.write(encodeFrame({ type, requestId, transactionId, payload }));
  }

  /** The next frame. Fails when the server has closed the connection. */
  async next(): Promise<XsFrame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.#ended) throw new Error('closed by the server');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The payload of the answer to one request. Events on the way are left out. */
  async ask(type: number, payload: string, transactionId = 0): Promise<string> {
    this.send(type, payload, { transactionId });
    for (;;) {
      const frame = await this.next();
      if (frame.type !== XsType.WATCH_EVENT) return frame.payload;
    }
  }

  write(path: string, value: string): Promise<string> {
    return this.ask(XsType.WRITE, `${path}\0${value}`);
  }

  read(path: string): Promise<string> {
    return this.ask(XsType.READ, `${path}\0`);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A folder of its own for a test, removed at its end. */
export function folderFor(t: { teardown(action: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'xs-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
