/**
 * The swtpm behind a backend, a child of its process, as somebody finds it who wants to kill it.
 */
import { readFileSync } from 'node:fs';
import { QuiesceError } from '../../protocol/errors.js';
import type { LiveHost } from './live-host.js';

/** Kills the TPM of a host as a crash of its own would. Throws `LIVE_STATE` where it is no process. */
export function killTpm(host: LiveHost): void {
  const backend = host.supervisors.backend.running?.pid ?? 0;
  const children = backend === 0 ? [] : childrenOf(backend);
  const tpm = children.filter((pid) => nameOf(pid) === 'swtpm');
  if (host.config.tpm === 'swtpm' && backend !== 0) {
    for (const pid of tpm) process.kill(pid, 'SIGKILL');
    return;
  }
  const found = backend === 0 ? 'no backend process' : 'the model, which ends with the backend';
  throw new QuiesceError('LIVE_STATE', `expected a TPM that is a process of host ${host.name}, found ${found}`);
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
  } catch {
    return '';
  }
}
