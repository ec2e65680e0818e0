/**
 * A TPM client that knows what the TPM must hold: it extends one PCR with a value that is never the same, and computes
 * what follows from the commands that were answered.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';

export const SOAK_PCR = 16;
const SHA256_BYTES = 32;
const HEADER_BYTES = 10;
/** A guest that stands still is waited for; nothing takes so long. */
const ANSWER_MILLISECONDS = 60_000;

/** The TPM has answered, and not with success. */
class Refusal extends Error {}

export class PcrClient {
  readonly #port: number;
  #expected: Buffer = Buffer.alloc(SHA256_BYTES);
  /** What the PCR holds if the command whose answer never came was executed. */
  #orElse: Buffer | null = null;
  #count = 0;
  #unanswered = 0;

  readonly #tcti: string;
  readonly #tools: boolean;

  /** `tcti` as in TPM2TOOLS_TCTI, with the framing of swtpm; `tools`: extends are made by `tpm2_pcrextend`. */
  constructor(tcti: string, tools: boolean) {
    this.#tcti = tcti;
    this.#tools = tools;
    this.#port = Number(/port=([0-9]+)/.exec(tcti)?.[1]);
  }

  /** Commands that were answered, and those whose client was cut off. */
  get answered(): number {
    return this.#count - this.#unanswered;
  }

  get unanswered(): number {
    return this.#unanswered;
  }

  /** Extends the PCR. A connection that is cut leaves two possibilities, which are settled before the next command. */
  async extend(): Promise<void> {
    if (this.#orElse !== null) await this.check();
    const digest = Buffer.alloc(SHA256_BYTES);
    digest.writeUInt32BE(++this.#count, SHA256_BYTES - 4);
    const next = createHash('sha256').update(this.#expected).update(digest).digest();
    try {
      if (this.#tools) await this.#tool(digest);
      else await this.#succeed(extendCommand(digest));
      this.#expected = next;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      this.#unanswered++;
      this.#orElse = next;
    }
  }

  /** Reads the PCR. Throws when it holds anything that the commands do not explain. */
  async check(): Promise<void> {
    const found = await this.#read();
    if (this.#orElse !== null && found.equals(this.#orElse)) this.#expected = this.#orElse;
    this.#orElse = null;
    if (found.equals(this.#expected)) return;
    throw new Error(
      `after ${this.#count} extends: expected PCR ${SOAK_PCR} to be ${this.#expected.toString('hex')}, found ${found.toString('hex')}`,
    );
  }

  async #read(): Promise<Buffer> {
    const select = Buffer.alloc(3);
    select[SOAK_PCR >>> 3] = 1 << (SOAK_PCR & 7);
    const command = Buffer.concat([Buffer.from('8001000000140000017e00000001000b03', 'hex'), select]);
    for (const deadline = performance.now() + ANSWER_MILLISECONDS; ; ) {
      try {
        const answer = await this.#command(command);
        return answer.subarray(answer.length - SHA256_BYTES);
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** A tool whose connection was cut says so by its exit status, and cannot say more. */
  #tool(digest: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      execFile(
        'tpm2_pcrextend',
        [`${SOAK_PCR}:sha256=${digest.toString('hex')}`],
        { env: { ...process.env, TPM2TOOLS_TCTI: this.#tcti }, timeout: ANSWER_MILLISECONDS },
        (error) => (error === null ? resolve() : reject(error)),
      );
    });
  }

  async #succeed(command: Buffer): Promise<void> {
    const answer = await this.#command(command);
    if (answer.readUInt32BE(6) !== 0) throw new Refusal(`expected success, found ${answer.toString('hex')}`);
  }

  /** Over a connection of its own, as the swtpm TCTI of tpm2-tss does. */
  #command(command: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#port, '127.0.0.1');
      let got = Buffer.alloc(0);
      socket.setTimeout(ANSWER_MILLISECONDS, () => socket.destroy(new Error('no answer')));
      socket.on('connect', () => socket.write(command));
      socket.on('data', (piece) => {
        got = Buffer.concat([got, piece]);
        if (got.length < HEADER_BYTES || got.length < got.readUInt32BE(2)) return;
        socket.destroy();
        resolve(got);
      });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed without an answer')));
    });
  }
}

function extendCommand(digest: Buffer): Buffer {
  const body = Buffer.concat([
    Buffer.from([0, 0, 0, SOAK_PCR]),
    Buffer.from('00000009400000090000000000', 'hex'),
    Buffer.from('00000001000b', 'hex'),
    digest,
  ]);
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt16BE(0x8002);
  head.writeUInt32BE(HEADER_BYTES + body.length, 2);
  head.writeUInt32BE(0x182, 6);
  return Buffer.concat([head, body]);
}
