/**
 * One program after the other that gives the guest's TPM a command, over a connection of its own, as tools do.
 */
import { connect } from 'node:net';

const HEADER_BYTES = 10;

export class TpmClient {
  readonly #port: number;

  /** `tcti` as in TPM2TOOLS_TCTI, with the framing of swtpm. */
  constructor(tcti: string) {
    this.#port = Number(/port=([0-9]+)/.exec(tcti)?.[1]);
  }

  /** The answer; null where none comes in time, or the connection is closed without one. */
  execute(command: Uint8Array, milliseconds: number, signal?: AbortSignal): Promise<Uint8Array | null> {
    return new Promise((resolve) => {
      const socket = connect({ port: this.#port, host: '127.0.0.1', ...(signal === undefined ? {} : { signal }) });
      const timer = setTimeout(() => socket.destroy(), milliseconds);
      let got = Buffer.alloc(0);
      let answer: Uint8Array | null = null;
      socket.on('connect', () => socket.write(command));
      socket.on('data', (piece) => {
        got = Buffer.concat([got, piece]);
        if (got.length < HEADER_BYTES || got.length < got.readUInt32BE(2)) return;
        answer = got;
        socket.destroy();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }
}
