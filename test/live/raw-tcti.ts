/** A client that writes and reads bytes on one connection, and connections of a TCTI endpoint. */
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (piece) => {
      this.#received = Buffer.concat([this.#received, piece]);
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** `tcti` as TPM2TOOLS_TCTI has it. `second`: to the control or platform channel. */
  static open(tcti: string, second = false): Promise<RawClient> {
    const settings = new Map(
      tcti
        .slice(tcti.indexOf(':') + 1)
        .split(',')
        .map((pair) => pair.split('=') as [string, string]),
    );
    const path = settings.get('path');
    const port = Number(settings.get('port')) + (second ? 1 : 0);
    const socket =
      path === undefined
        ? connect({ host: settings.get('host') ?? '', port })
        : connect({ path: path + (second ? '.ctrl' : '') });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawClient(socket)));
    });
  }

  send(...bytes: readonly (Uint8Array | string)[]): void {
    for (const part of bytes) this.#socket.write(typeof part === 'string' ? Buffer.from(part, 'hex') : part);
  }

  /** The next `length` bytes; fewer when the server closes first. */
  async take(length: number): Promise<Buffer> {
    while (this.#received.length < length && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(taken.length);
    return taken;
  }

  /** What comes until the server closes. */
  rest(): Promise<Buffer> {
    return this.take(Number.MAX_SAFE_INTEGER);
  }

  async ask(bytes: Uint8Array | string, length: number): Promise<string> {
    this.send(bytes);
    return (await this.take(length)).toString('hex');
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#socket.pause();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
