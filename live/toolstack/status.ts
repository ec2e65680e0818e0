/**
 * What `quiesce live status` shows, read from the memory of the guest and of its TPM.
 */
import { TpmDeviceState } from '../../backend/tpm/device.js';
import { GuestHistory, HISTORY_OFFSET, KERNEL_PFN } from '../../frontend/guest-memory.js';
import { DomainState } from '../../hypervisor/domain.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { DEVICE_PAGE } from '../memory/segments.js';
import { HOST_PARTS, type LiveHost } from './live-host.js';
import { HOST_NAMES, type HostName } from './record.js';
import type { Supervisor } from './supervisor.js';
import type { Toolstack } from './toolstack.js';

export interface PartStatus {
  readonly name: string;
  readonly running: boolean;
  /** 0 for a thread. */
  readonly pid: number;
  readonly restarts: number;
}

export interface HostStatus {
  readonly name: HostName;
  readonly guest: 'none' | 'paused' | 'running' | 'suspended' | 'crashed';
  readonly store: string;
  readonly parts: readonly PartStatus[];
}

export interface LiveStatus {
  /** The host with the guest. */
  readonly owner: HostName;
  readonly suspended: boolean;
  readonly migrating: boolean;
  readonly tcti: string;
  readonly tpm: string;
  readonly tpmfront: string;
  readonly parts: 'processes' | 'threads';
  /** Commands that the guest has issued and seen answered, and that its TPM has executed. */
  readonly issued: number;
  readonly answered: number;
  readonly executed: number;
  /** Oracle 1: the TPM has executed what the guest issued, or all but the command under way, each once and in order. */
  readonly exactlyOnce: boolean;
  readonly user: PartStatus;
  readonly hosts: readonly HostStatus[];
  readonly downtimeMilliseconds: number;
}

const GUEST_STATES = {
  [DomainState.Free]: 'none',
  [DomainState.Paused]: 'paused',
  [DomainState.Running]: 'running',
  [DomainState.Suspended]: 'suspended',
  [DomainState.Crashed]: 'crashed',
} as const;

export function statusOf(toolstack: Toolstack): LiveStatus {
  const { owner, options } = toolstack;
  const { memory } = owner.memory;
  const history = GuestHistory.view(memory).at(owner.guest.page(KERNEL_PFN) + HISTORY_OFFSET);
  const device = TpmDeviceState.view(memory).at((memory.space.plan.backend.firstFrame + DEVICE_PAGE) * PAGE_SIZE);
  const { chain_low: low, chain_high: high } = device;
  const all = low === history.chain_low && high === history.chain_high;
  const allButLast = low === history.before_low && high === history.before_high;
  return {
    owner: owner.name,
    suspended: toolstack.suspended,
    migrating: toolstack.migrating,
    tcti: toolstack.tcti,
    tpm: options.tpm,
    tpmfront: options.tpmfront,
    parts: options.threads ? 'threads' : 'processes',
    issued: history.issued,
    answered: history.answered,
    executed: device.executed,
    exactlyOnce: all || allButLast,
    user: partStatus(toolstack.user, 'user'),
    hosts: HOST_NAMES.map((name) => hostStatus(toolstack.hosts[name])),
    downtimeMilliseconds: toolstack.downtimeMilliseconds,
  };
}

function hostStatus(host: LiveHost): HostStatus {
  return {
    name: host.name,
    guest: GUEST_STATES[host.guestState as DomainState],
    store: host.store.address,
    parts: HOST_PARTS.map((part) => partStatus(host.supervisors[part], part)),
  };
}

function partStatus({ running, restarts }: Supervisor, name: string): PartStatus {
  return { name, running: running !== null, pid: running?.pid ?? 0, restarts };
}
