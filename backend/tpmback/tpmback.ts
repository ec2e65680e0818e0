/**
 * What every tpmback is to its driver domain: a process with its own memory, store connection and event channels,
 * which may be killed at any moment and started again on the same nodes.
 */
import type { Domain } from '../../hypervisor/domain.js';
import type { HostCalls } from '../../hypervisor/host.js';
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import type { CommandProbe } from '../../hypervisor/probes.js';
import type { Task } from '../../hypervisor/steps.js';
import type { AnyLayout } from '../../protocol/layout.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';
import type { DeviceTable } from '../device-opening/device-table.js';
import type { OpeningRules } from '../device-opening/rules.js';
import type { BackendDevice } from '../tpm/device.js';

/** What a driver domain gives a backend process. */
export interface BackendServices {
  readonly slot: number;
  readonly memory: MachineMemory;
  /** Domain 0. */
  readonly domain: Domain;
  readonly host: HostCalls;
  readonly store: StoreAccess;
  readonly device: BackendDevice;
  readonly probe: CommandProbe;
  /** Address of the page that holds the process's state. */
  readonly page: number;
  /** The bit of the agent the process runs as. */
  readonly agent: number;
  /** Domain number of the guest whose vTPM this is. */
  readonly frontendDomid: () => number;
  readonly sequenceBits: number;
  /** The block devices of the driver domain's kernel, where the state of the vTPM lies on one that is to be opened. */
  readonly volume?: StateVolumeServices;
}

export interface StateVolumeServices {
  readonly rules: OpeningRules;
  readonly devices: DeviceTable;
}

export interface Tpmback {
  readonly name: string;
  readonly layout: AnyLayout;
  readonly tasks: readonly Task<never>[];
  /** Event channel on which `interrupt` waits, or 0. */
  readonly port: number;
  /** Whether an event can be taken now, or must wait until the work in hand is done. */
  readonly interruptible: boolean;

  /** The process starts: it opens its store connection's watches. */
  start(): void;
  /**
   * Some of its watches have fired; all of them have been taken from the queue. `named`: that of `physical-device` was
   * among them.
   */
  watchesFired(named: boolean): void;
  interrupt(): void;
}
