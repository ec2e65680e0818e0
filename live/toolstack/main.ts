/**
 * The process of the toolstack: it lives until `quiesce live down`.
 */
import { rmSync } from 'node:fs';
import { argv } from 'node:process';
import { unreachable } from '../../protocol/assert.js';
import { describe, log } from '../files/log.js';
import { native } from '../memory/native.js';
import { type ControlRequest, serveControl } from './control.js';
import { lockFile, takeLock } from './part-lock.js';
import { startTimeOf } from './spawn.js';
import { type LiveStatus, statusOf } from './status.js';
import { type Progress, Toolstack } from './toolstack.js';

const [, , directory = '', mode] = argv;

function fail(error: unknown): never {
  log(describe(error));
  process.exit(1);
}

async function main(): Promise<void> {
  await takeLock(native(), lockFile(`${directory}/toolstack`));
  const toolstack = new Toolstack(directory, mode === 'resumed');
  const begun = begin(toolstack);
  // Asked for by `status`, which waits for it and is told when it fails.
  begun.done.catch(() => undefined);
  const server = await serveControl(directory, (request, progress) => handle(toolstack, begun, request, progress));
  if (mode === 'resumed') begun.done.catch(fail);
  await ended;
  await toolstack.down();
  await server.close();
  rmSync(directory, { recursive: true, force: true });
  process.exit(0);
}

let end: () => void = () => undefined;
const ended = new Promise<void>((resolve) => {
  end = resolve;
});

/** The process that is about to end. */
export interface Ending {
  readonly pid: number;
  readonly startTime: string | null;
}

interface Begun {
  readonly done: Promise<void>;
  onProgress: Progress;
}

function begin(toolstack: Toolstack): Begun {
  const begun: { done: Promise<void>; onProgress: Progress } = { done: Promise.resolve(), onProgress: () => undefined };
  begun.done = toolstack.begin((message) => begun.onProgress(message));
  return begun;
}

async function handle(
  toolstack: Toolstack,
  begun: Begun,
  { command, part = '', cutAfterBytes }: ControlRequest,
  progress: Progress,
): Promise<unknown> {
  if (command === 'down') {
    setImmediate(end);
    return { pid: process.pid, startTime: startTimeOf(process.pid) } satisfies Ending;
  }
  begun.onProgress = progress;
  await begun.done;
  switch (command) {
    case 'status':
      return statusOf(toolstack) satisfies LiveStatus;
    case 'suspend':
      return toolstack.suspend();
    case 'cancel':
      return toolstack.cancel();
    case 'migrate':
      await toolstack.migrate(progress, cutAfterBytes ?? null);
      return statusOf(toolstack);
    case 'kill':
      return toolstack.kill(part);
    default:
      return unreachable(command);
  }
}

process.on('SIGTERM', () => end());
process.on('uncaughtException', fail);
main().catch(fail);
