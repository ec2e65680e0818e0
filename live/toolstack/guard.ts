/**
 * Who starts the toolstack again when it dies: the hypervisor of the first host, which holds the descriptors of all
 * memory. The toolstack in turn starts the hypervisor again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { ToolstackPlace } from '../parts/config.js';

const TOOLSTACK_MAIN = new URL('./main.js', import.meta.url);
const FIRST_DELAY_MILLISECONDS = 10;
const DELAY_MILLISECONDS_MAX = 5000;
const LASTED_MILLISECONDS = 5000;

export interface Guard {
  stop(): void;
}

/** Watches the toolstack that has started this process, and from then on each that it starts itself. */
export function guardToolstack({ directory, descriptors }: ToolstackPlace): Guard {
  let stopped = false;
  let delay = 0;
  const again = (): void => {
    if (stopped) return;
    const began = performance.now();
    const child = startToolstack(directory, descriptors);
    child.once('exit', (code) => {
      // It has ended as it was told to.
      if (code === 0) return;
      if (performance.now() - began > LASTED_MILLISECONDS) delay = 0;
      setTimeout(again, delay);
      delay = Math.min(Math.max(FIRST_DELAY_MILLISECONDS, delay * 2), DELAY_MILLISECONDS_MAX);
    });
  };
  // The channel to the one that has started this process is closed by its death.
  process.on('disconnect', again);
  return {
    stop() {
      stopped = true;
    },
  };
}

/** Starts a toolstack; with descriptors, one that goes on where another was. */
export function startToolstack(directory: string, descriptors: readonly number[]): ChildProcess {
  const log = openSync(`${directory}/toolstack.log`, 'a', 0o600);
  const resumed = descriptors.length > 0 ? ['resumed'] : [];
  const child = spawn(execPath, [fileURLToPath(TOOLSTACK_MAIN), directory, ...resumed], {
    stdio: ['ignore', log, log, 'ignore', ...descriptors],
    detached: true,
  });
  closeSync(log);
  child.unref();
  return child;
}
