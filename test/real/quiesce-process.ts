/** The command as a process, for tests that signal it, kill it, and look at what it prints. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

export interface Ended {
  /** Null where a signal ended it. */
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export class QuiesceProcess {
  readonly child: ChildProcess;
  out = '';
  err = '';
  readonly #closed: Promise<unknown>;

  constructor(argv: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [PROGRAM, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.#closed = once(this.child, 'close');
  }

  /** Its end, which it may be sent a signal for. It is killed, and the promise rejected, when that takes too long. */
  async end(signal?: NodeJS.Signals, milliseconds = 60_000): Promise<Ended> {
    if (signal !== undefined) this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), milliseconds);
    const before = Date.now();
    await this.#closed;
    clearTimeout(timer);
    if (Date.now() - before >= milliseconds) throw new Error(`not ended after ${milliseconds} ms: ${this.err}`);
    return { status: this.child.exitCode, out: this.out, err: this.err };
  }
}

/** Waits until `condition` holds; rejects after so many milliseconds. */
export async function until(what: string, condition: () => boolean, milliseconds = 60_000): Promise<void> {
  const end = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`expected ${what} within ${milliseconds} ms`);
    await after(20);
  }
}
