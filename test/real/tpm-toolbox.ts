/**
 * The real TPM and its tools: Debian's packages swtpm, tpm2-tools and the TCTIs of tpm2-tss; and an swtpm that programs
 * reach without us, to compare with.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { Channel } from '../../live/tpm/channel.js';
import { SwtpmDevice, type SwtpmOptions } from '../../live/tpm/swtpm-device.js';
import type { CommandExecutor, ExecuteOptions } from '../../live/tpm/vtpm-device.js';
import { commandFrameSize } from '../../protocol/tpm/command-frame.js';
import { setLocalityRequest } from '../../protocol/tpm/ptm.js';
import { sendCommand, sentCommandAnswerSize, sentCommandResponse } from '../../protocol/tpm/send-command.js';
import { executable, removeFolder, temporaryFolder } from './toolbox.js';

/** What the tests of the TPM need and this machine lacks; empty when they can run. */
export function missingTpmParts(): string[] {
  return ['swtpm', 'tpm2_pcrread', 'tpm2_quote', 'tpm2_nvincrement'].filter((name) => !executable(name));
}

/** A folder that is gone after the test. */
export function testFolder(t: Test): string {
  const folder = temporaryFolder();
  t.teardown(() => removeFolder(folder));
  return folder;
}

/** A new TPM on a real swtpm, which wants Startup; closed after the test. */
export async function realDevice(t: Test, options: Partial<SwtpmOptions> = {}): Promise<SwtpmDevice> {
  const device = await SwtpmDevice.start({ directory: join(testFolder(t), 'state'), state: 'new', ...options });
  t.teardown(() => device.close());
  return device;
}

/** An swtpm listening at a path, as somebody starts it who has no use for us. */
export class DirectSwtpm {
  readonly path: string;
  readonly #child: ChildProcess;

  private constructor(path: string, child: ChildProcess) {
    this.path = path;
    this.#child = child;
  }

  /** `startup`: it has had Startup(CLEAR). Ended after the test. */
  static async start(t: Test, startup = false): Promise<DirectSwtpm> {
    const folder = testFolder(t);
    const state = join(folder, 'state');
    mkdirSync(state);
    const path = join(folder, 'tpm');
    // It ends with this process, also where that is ended by a time limit.
    const child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', '--', 'swtpm'],
        ...['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--server', `type=unixio,path=${path}`],
        ...['--ctrl', `type=unixio,path=${path}.ctrl`, '--flags', `not-need-init${startup ? ',startup-clear' : ''}`],
      ],
      { stdio: 'ignore' },
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    t.teardown(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    const direct = new DirectSwtpm(path, child);
    for (;;) {
      const socket = await direct.#connect(path);
      if (socket !== undefined) {
        socket.destroy();
        return direct;
      }
      // Nothing tells when a socket begins to listen.
      await delay(2);
    }
  }

  get tcti(): string {
    return `swtpm:path=${this.path}`;
  }

  /** The bare commands and the control channel of the swtpm TCTI, on one connection each. */
  async executor(t: Test): Promise<CommandExecutor> {
    return tctiExecutor(t, this.path, 'swtpm');
  }

  #connect(path: string): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path, () => resolve(socket));
      socket.once('error', () => resolve(undefined));
      if (this.#child.exitCode !== null) resolve(undefined);
    });
  }
}

/** A client of a TCTI endpoint at a Unix path, in either framing; closed after the test. */
export async function tctiExecutor(t: Test, path: string, framing: 'swtpm' | 'mssim'): Promise<CommandExecutor> {
  const open = (at: string): Promise<Channel> =>
    new Promise((resolve, reject) => {
      const socket = connect(at, () => resolve(new Channel(at, { stream: socket, blocking: null }, () => undefined)));
      socket.once('error', reject);
      t.teardown(() => socket.destroy());
    });
  const [commands, control] = [await open(path), await open(`${path}.ctrl`)];
  let current = -1;
  return {
    async execute(command: Uint8Array, { locality }: ExecuteOptions): Promise<Uint8Array> {
      if (framing === 'mssim')
        return sentCommandResponse(await commands.ask(sendCommand(command, locality), sentCommandAnswerSize));
      if (locality !== current) await control.ask(setLocalityRequest(locality), () => 4);
      current = locality;
      return new Uint8Array(await commands.ask(Uint8Array.from(command), commandFrameSize));
    },
  };
}

export interface ToolResult {
  readonly status: number;
  readonly stdout: string;
}

/** Runs a tool of tpm2-tools with `tcti` in `folder`. */
export function runTpmTool(tcti: string, folder: string, [name = '', ...rest]: readonly string[]): Promise<ToolResult> {
  return new Promise((resolve) => {
    const environment = { ...process.env, TPM2TOOLS_TCTI: tcti };
    execFile(name, rest, { cwd: folder, env: environment, encoding: 'latin1' }, (error, stdout) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout });
    });
  });
}
