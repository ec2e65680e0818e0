/**
 * Live updates of a daemon in this process: the next one is not the program that an administrator names, which is only
 * looked at, but a fresh `Daemon` with the same connections.
 */

import { statSync } from 'node:fs';
import { allocateLarge } from '../../platform/large-pages.js';
import type { Daemon } from '../daemon.js';
import type { LiveUpdateHost } from '../live-update.js';
import type { Policy } from '../policy.js';
import { takeOver } from '../state/take-over.js';

const EXECUTABLE = 0o111;

/** `policyOf` gives the policy of the next daemon for a command line, or null for one that cannot be carried out. */
export function liveUpdateHost(policyOf: (commandLine: string | null) => Policy | null): LiveUpdateHost<Daemon> {
  return {
    seconds: () => Date.now() / 1000,
    refusal(file) {
      const status = statusOf(file);
      if (status === undefined) return 'File not accessible.';
      return (status.mode & EXECUTABLE) === 0 ? 'File not executable.' : null;
    },
    accepts: (commandLine) => policyOf(commandLine) !== null,
    next(daemon, commandLine) {
      const policy = policyOf(commandLine);
      return policy === null ? null : takeOver(daemon, policy, allocateLarge);
    },
  };
}

function statusOf(file: string): { readonly mode: number } | undefined {
  try {
    // Bytes, as the request has them.
    return statSync(Buffer.from(file, 'latin1'));
  } catch {
    return undefined;
  }
}
