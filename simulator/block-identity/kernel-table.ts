/** The running kernel's devices as a backend opens them; a descriptor is a slot + 1. */

import type { DeviceIdentity } from '../../backend/device-identity.js';
import type { DeviceTable } from '../../backend/device-opening/device-table.js';
import type { DeviceNumber } from '../../protocol/physical-device.js';
import type { IdentityHost } from './host.js';
import { BOOT_IDS } from './nodes.js';

export class KernelTable implements DeviceTable {
  readonly #host: IdentityHost;

  constructor(host: IdentityHost) {
    this.#host = host;
  }

  open({ major, minor }: DeviceNumber): number {
    const { kernel } = this.#host;
    const slot = kernel.find(major, minor);
    return slot >= 0 && kernel.open(slot) ? slot + 1 : 0;
  }

  close(descriptor: number): void {
    this.#host.kernel.close(descriptor - 1);
  }

  identity(descriptor: number): Pick<DeviceIdentity, 'diskseq' | 'bootId'> {
    const { kernel, world } = this.#host;
    const { diskseq } = kernel.disk(descriptor - 1);
    return { diskseq: BigInt(diskseq), bootId: BOOT_IDS[world.boot] ?? null };
  }
}
