/** Runs one of xenstore's command line tools. */
import { spawn } from 'node:child_process';
import { toolProgram } from './toolbox.js';

const TOOL_MILLISECONDS = 5000;

export interface ToolResult {
  /** Undefined if the command had to be ended. */
  readonly rc: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `command` with the store at `socketPath`. It ends after 5 s. */
export async function runTool([name = '', ...rest]: readonly string[], socketPath: string): Promise<ToolResult> {
  const { PATH } = process.env;
  const child = spawn(toolProgram(name), rest, {
    argv0: name,
    env: { PATH, LC_ALL: 'C', XENSTORED_PATH: socketPath },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TOOL_MILLISECONDS,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const rc = await new Promise<number | undefined>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? undefined));
  });
  return { rc, stdout, stderr };
}
