/**
 * Ends a part as a fault would.
 */
import { QuiesceError } from '../../protocol/errors.js';
import { HOST_PARTS, type HostPart, type LiveHost } from './live-host.js';
import type { LiveOptions } from './options.js';
import type { HostName } from './record.js';
import type { Supervisor } from './supervisor.js';
import { killTpm } from './tpm-process.js';

interface Parts {
  readonly hosts: { readonly [H in HostName]: LiveHost };
  /** The host with the guest. */
  readonly owner: LiveHost;
  readonly user: Supervisor;
  readonly options: LiveOptions;
}

/**
 * `part` is `guest`, `backend` and so on of the host with the guest, or `b/backend`. Throws `UNKNOWN_NAME`, and
 * `LIVE_STATE` for what is no process of its own.
 */
export function killPart({ hosts, owner, user, options }: Parts, part: string): void {
  if (part === 'user') {
    user.kill();
    return;
  }
  if (part === 'toolstack') {
    if (options.threads) {
      throw new QuiesceError(
        'LIVE_STATE',
        'the parts are threads of the toolstack and would all end with it: quiesce live down',
      );
    }
    process.kill(process.pid, 'SIGKILL');
    return;
  }
  const [, named, name = ''] = /^(?:([ab])\/)?(.*)$/.exec(part) ?? [];
  const host = named === undefined ? owner : hosts[named as HostName];
  if (name === 'tpm') {
    killTpm(host);
    return;
  }
  if (!HOST_PARTS.includes(name as HostPart)) {
    const known = [...HOST_PARTS, 'tpm', 'user', 'toolstack'].join(', ');
    throw new QuiesceError('UNKNOWN_NAME', `there is no part '${part}'; known: ${known}`);
  }
  host.supervisors[name as HostPart].kill();
}
