/**
 * An swtpm of our own: a child process whose two channels are sockets it inherited. It needs no port and no path, nobody
 * else can reach it, and it ends when this process ends, however that happens: swtpm leaves when its data channel closes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { QuiesceError } from '../../protocol/errors.js';

export interface SwtpmProcessOptions {
  /** Directory of the state; swtpm makes and locks files in it. */
  readonly directory: string;
  /** Program and leading arguments; `['swtpm']` unless told otherwise. */
  readonly program?: readonly string[];
}

/** Descriptors in the child. */
const DATA = 3;
const CONTROL = 4;
/** Bytes kept of what swtpm printed last. */
const PRINTED_MAX = 4096;

export class SwtpmProcess {
  readonly data: Duplex;
  readonly control: Duplex;
  /** Resolves when the process has ended, with how it did. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #printed = '';
  #end: string | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.data = child.stdio[DATA] as Duplex;
    this.control = child.stdio[CONTROL] as Duplex;
    child.stderr?.on('data', (piece: Buffer) => {
      this.#printed = (this.#printed + piece.toString('utf8')).slice(-PRINTED_MAX);
    });
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#end = signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
        resolve(this.#end);
      });
    });
  }

  /** Starts the process; nothing is sent yet. Rejects with `CANNOT_START_TPM` when there is no such program. */
  static start({ directory, program = ['swtpm'] }: SwtpmProcessOptions): Promise<SwtpmProcess> {
    const [file = 'swtpm', ...leading] = program;
    const state = ['--tpmstate', `dir=${directory},mode=0600`];
    const channels = ['--fd', String(DATA), '--ctrl', `type=unixio,clientfd=${CONTROL}`];
    const child = spawn(file, [...leading, 'socket', '--tpm2', ...state, ...channels], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    });
    return new Promise((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        const advice = error.code === 'ENOENT' ? `; is it installed? On Debian: apt-get install swtpm` : '';
        reject(new QuiesceError('CANNOT_START_TPM', `cannot run ${file}: ${error.message}${advice}`));
      });
      child.once('spawn', () => resolve(new SwtpmProcess(child)));
    });
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  /** How it ended; null while it runs. */
  get end(): string | null {
    return this.#end;
  }

  /** The last of what it printed, in one line; empty when that is nothing. */
  get printed(): string {
    return this.#printed.trim().replaceAll(/\s*\n\s*/g, '; ');
  }

  /** Ends it at once; what it was doing is lost. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
