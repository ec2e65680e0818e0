/**
 * An swtpm of our own: a child process whose two channels are sockets it inherited. It needs no port and no path, nobody
 * else can reach it, and it ends when this process ends, however that happens.
 *
 * swtpm leaves by itself when its data channel closes, but not always: when the other end dies while a command executes,
 * swtpm 0.7.1 may go on for ever, taking the closed channel for one on which clients arrive (18 of 50 tries; seen with
 * strace). So the kernel is asked to end it with its parent: setpriv of util-linux does that, where there is one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { QuiesceError } from '../../protocol/errors.js';
import { type ChannelEnd, channelPair } from './channel-end.js';

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
const PRINTED_MAX = 32 * 1024;
/** Has the kernel send SIGKILL when the parent ends, and becomes the program that follows. */
const END_WITH_PARENT = ['setpriv', '--pdeathsig', 'KILL', '--'];

export class SwtpmProcess {
  readonly data: ChannelEnd;
  readonly control: ChannelEnd;
  /** Resolves when the process has ended, with how it did. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #printed = '';

  private constructor(child: ChildProcess, data: ChannelEnd, control: ChannelEnd) {
    this.#child = child;
    this.data = data;
    this.control = control;
    child.stderr?.on('data', (piece: Buffer) => {
      this.#printed = (this.#printed + piece.toString('utf8')).slice(-PRINTED_MAX);
    });
    this.ended = new Promise((resolve) => {
      // Not `exit`: what it printed last may come after that.
      child.once('close', (code, signal) => {
        resolve(signal === null ? `ended with status ${code}` : `was ended by ${signal}`);
      });
    });
  }

  /** Starts the process; nothing is sent yet. Rejects with `CANNOT_START_TPM` when there is no such program. */
  static start({ directory, program = ['swtpm'] }: SwtpmProcessOptions): Promise<SwtpmProcess> {
    const [file = 'swtpm'] = program;
    if (find(file) === undefined) {
      const advice = `no program ${file} in PATH; is it installed? On Debian: apt-get install swtpm`;
      return Promise.reject(new QuiesceError('CANNOT_START_TPM', advice));
    }
    const wrapper = find('setpriv') === undefined ? [] : END_WITH_PARENT;
    const state = ['--tpmstate', `dir=${directory},mode=0600`];
    const channels = ['--fd', String(DATA), '--ctrl', `type=unixio,clientfd=${CONTROL}`];
    const [first = file, ...rest] = [...wrapper, ...program, 'socket', '--tpm2', ...state, ...channels];
    const data = channelPair();
    const control = channelPair();
    const stdio = ['ignore', 'ignore', 'pipe', data?.theirs ?? 'pipe', control?.theirs ?? 'pipe'] as const;
    const child = spawn(first, rest, { stdio: [...stdio] });
    const own = (pair: typeof data, number: number): ChannelEnd => {
      if (pair === null) return { stream: child.stdio[number] as Duplex, blocking: null };
      closeSync(pair.theirs);
      return pair.ours;
    };
    const ends = [own(data, DATA), own(control, CONTROL)] as const;
    return new Promise((resolve, reject) => {
      child.once('error', (error) => {
        for (const { stream } of ends) stream.destroy();
        reject(new QuiesceError('CANNOT_START_TPM', `cannot run ${first}: ${error.message}`));
      });
      child.once('spawn', () => resolve(new SwtpmProcess(child, ...ends)));
    });
  }

  get processId(): number {
    return this.#child.pid ?? 0;
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

/** The path of a program as a shell would find it. */
function find(name: string): string | undefined {
  const { PATH = '' } = process.env;
  const places = name.includes('/') ? [name] : PATH.split(delimiter).map((folder) => join(folder, name));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
