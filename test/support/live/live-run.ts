/**
 * A live system for a test, its TPM's client, and what must be left of both in the end: nothing.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { down, up } from '../../../live/system.js';
import type { ControlCommand } from '../../../live/toolstack/control.js';
import { control } from '../../../live/toolstack/control-client.js';
import type { LiveOptions } from '../../../live/toolstack/options.js';
import { lockFile, readHolder } from '../../../live/toolstack/part-lock.js';
import type { LiveStatus } from '../../../live/toolstack/status.js';

export const PCR = 16;
const COMMAND_MILLISECONDS = 60_000;
/** Attempts, 50 ms after each other at least. */
const AGAIN_MAX = 1200;

/** The TPM has answered, and not with success. */
class Refusal extends Error {
  constructor(answer: Buffer) {
    super(`expected success, found ${answer.toString('hex')}`);
  }
}

const MODEL: LiveOptions = {
  tpm: 'model',
  startup: true,
  xenstore: 'sim',
  tpmfront: 'sequenced',
  tcti: { protocol: 'swtpm', port: 0 },
  fillerPages: 0,
  threads: false,
};

export class LiveRun {
  readonly directory: string;
  readonly port: number;
  /** What the PCR holds when each command that was answered was executed once, and no other. */
  expected: Buffer = Buffer.alloc(32);
  #extends = 0;

  private constructor(directory: string, status: LiveStatus) {
    this.directory = directory;
    this.port = Number(/port=([0-9]+)/.exec(status.tcti)?.[1]);
  }

  /** `parent`: the folder in which its own is made. */
  static async begin(options: Partial<LiveOptions> = {}, parent: string = tmpdir()): Promise<LiveRun> {
    const directory = `${mkdtempSync(`${parent}/quiesce-live-`)}/run`;
    return new LiveRun(directory, await up(directory, { ...MODEL, ...options }));
  }

  status(): Promise<LiveStatus> {
    return control(
      this.directory,
      { command: 'status' },
      { milliseconds: COMMAND_MILLISECONDS },
    ) as Promise<LiveStatus>;
  }

  /** Waits, as a person would who tries again, until somebody answers. */
  async statusAgain(): Promise<LiveStatus> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.status();
      } catch (error) {
        if (attempt === AGAIN_MAX) throw error;
        await pause(50);
      }
    }
  }

  control(command: ControlCommand, part?: string): Promise<unknown> {
    const request = { command, ...(part === undefined ? {} : { part }) };
    return control(this.directory, request, { milliseconds: COMMAND_MILLISECONDS });
  }

  /** Extends the PCR with the next value, and the expectation with it. Throws when no answer comes. */
  async extend(): Promise<void> {
    const digest = Buffer.alloc(32);
    digest.writeUInt32BE(++this.#extends, 28);
    const answer = await this.tpm(extendCommand(digest));
    if (answer.readUInt32BE(6) !== 0) throw new Error(`PCR_Extend: expected success, found ${answer.toString('hex')}`);
    this.expected = createHash('sha256').update(this.expected).update(digest).digest();
  }

  /** As `extend`, where the user space may be away: whether a command that was cut off was executed is asked for. */
  async extendAgain(): Promise<void> {
    const digest = Buffer.alloc(32);
    digest.writeUInt32BE(++this.#extends, 28);
    const next = createHash('sha256').update(this.expected).update(digest).digest();
    for (let attempt = 1; ; attempt++) {
      try {
        const before = await this.pcr();
        if (!before.equals(next)) {
          const answer = await this.tpm(extendCommand(digest));
          if (answer.readUInt32BE(6) !== 0) throw new Refusal(answer);
        }
        break;
      } catch (error) {
        if (error instanceof Refusal || attempt === AGAIN_MAX) throw error;
        await pause(50);
      }
    }
    this.expected = next;
  }

  /** Kills a part of the host with the guest, and waits until another process has its place. */
  async killed(part: string): Promise<void> {
    const { owner } = await this.statusAgain();
    const folder = part === 'toolstack' || part === 'user' ? this.directory : `${this.directory}/${owner}`;
    const lock = lockFile(`${folder}/${part}${part === 'toolstack' ? '' : '.json'}`);
    const before = readHolder(lock);
    await this.control('kill', part).catch(() => undefined);
    for (let attempt = 1; attempt < AGAIN_MAX; attempt++) {
      const now = readHolder(lock);
      if (now !== null && now.startTime !== before?.startTime) return;
      await pause(10);
    }
    throw new Error(`expected ${part} to come back`);
  }

  /** The status once one guest runs with all its parts; the last one that was seen when that takes too long. */
  async settled(): Promise<LiveStatus> {
    for (let attempt = 1; ; attempt++) {
      const status = await this.statusAgain();
      const host = status.hosts.find(({ name }) => name === status.owner);
      // A store that serves both hosts is no part of either.
      const foreign = status.hosts.every(({ store }) => store === host?.store);
      const parts = (host?.parts ?? []).filter(({ name }) => !foreign || name !== 'xenstored');
      const well = host?.guest === 'running' && [...parts, status.user].every(({ running }) => running);
      if ((well && !status.migrating) || attempt === AGAIN_MAX) return status;
      await pause(50);
    }
  }

  async pcr(): Promise<Buffer> {
    const bits = Buffer.alloc(3);
    bits[PCR >>> 3] = 1 << (PCR & 7);
    const answer = await this.tpm(Buffer.concat([Buffer.from('8001000000140000017e00000001000b03', 'hex'), bits]));
    return answer.subarray(answer.length - 32);
  }

  /** One command over a connection of its own, as tools do. */
  tpm(command: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1');
      let got = Buffer.alloc(0);
      socket.on('connect', () => socket.write(command));
      socket.on('data', (piece) => {
        got = Buffer.concat([got, piece]);
        if (got.length < 10 || got.length < got.readUInt32BE(2)) return;
        socket.destroy();
        resolve(got);
      });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed without an answer')));
    });
  }

  /** Ends it. What is left: files, and processes that were started for this folder. */
  async end(): Promise<{ readonly files: boolean; readonly processes: readonly string[] }> {
    if (existsSync(this.directory)) await down(this.directory);
    const left = { files: existsSync(this.directory), processes: processesOf(this.directory) };
    rmSync(this.directory.replace(/\/run$/, ''), { recursive: true, force: true });
    return left;
  }
}

/** Command lines that name the folder. */
export function processesOf(directory: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
        return words.includes(directory) ? [words] : [];
      } catch {
        return [];
      }
    });
}

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

function extendCommand(digest: Buffer): Buffer {
  const body = Buffer.concat([
    Buffer.from([0, 0, 0, PCR]),
    Buffer.from('00000009400000090000000000', 'hex'),
    Buffer.from('00000001000b', 'hex'),
    digest,
  ]);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(0x8002);
  head.writeUInt32BE(10 + body.length, 2);
  head.writeUInt32BE(0x182, 6);
  return Buffer.concat([head, body]);
}
