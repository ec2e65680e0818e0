/**
 * The volume that the state of one vTPM lies on, as its host's kernel has it: a device-mapper device under a number of
 * its own. While nobody has it open it can be removed, and another one made that gets the number.
 *
 * The races of such a device with its script are explored in a world of their own (`block-identity/`, scenarios
 * `vtpm-volume/`). Here it is part of the whole pair, so that what a refusal does to both ends can be seen.
 */
import type { DeviceTable } from '../backend/device-opening/device-table.js';
import type { OpeningRules } from '../backend/device-opening/rules.js';
import { publishIdentity } from '../backend/identity-nodes.js';
import type { JournaledMemory } from '../hypervisor/journaled-memory.js';
import { BlkifNode } from '../protocol/blkif-nodes.js';
import { layout, u32 } from '../protocol/layout.js';
import type { DeviceNumber } from '../protocol/physical-device.js';
import { backendPath } from '../protocol/xenbus.js';
import type { StoreAccess } from '../xenstore-sim/store-access.js';

export interface StateVolumeOptions {
  readonly rules: OpeningRules;
  /** How often, in one schedule, a volume is made anew while nobody has it open; 0 when absent. */
  readonly recycles?: number;
}

export const StateVolumeRecord = layout('state volume', {
  diskseq: u32,
  /** Which volume it is, a number that no kernel sees; and the one that the toolstack meant, 0 for none yet. */
  life: u32,
  meant: u32,
  openers: u32,
  recycles: u32,
});

/** The only device there is in a table. */
const DESCRIPTOR = 1;
const DEVICE_MAPPER = 0xfd;

export class StateVolume implements DeviceTable {
  readonly rules: OpeningRules;
  readonly #memory: JournaledMemory;
  readonly #number: DeviceNumber;
  readonly #record;

  /** `address` is that of a `StateVolumeRecord`. */
  constructor(memory: JournaledMemory, address: number, slot: number, { rules, recycles = 0 }: StateVolumeOptions) {
    this.rules = rules;
    this.#memory = memory;
    this.#number = { major: DEVICE_MAPPER, minor: slot };
    this.#record = StateVolumeRecord.view(memory).at(address);
    // Another host counts otherwise.
    this.#record.diskseq = 10 + 16 * slot;
    this.#record.life = 1;
    this.#record.recycles = recycles;
  }

  open({ major, minor }: DeviceNumber): number {
    if (major !== this.#number.major || minor !== this.#number.minor) return 0;
    return this.#memory.asHypervisor(() => {
      this.#record.openers += 1;
      return DESCRIPTOR;
    });
  }

  close(): void {
    this.#memory.asHypervisor(() => {
      this.#record.openers -= 1;
    });
  }

  /** Its opener has died. */
  closeAll(): void {
    this.#record.openers = 0;
  }

  identity(): { readonly diskseq: bigint; readonly bootId: null } {
    return this.#memory.asHypervisor(() => ({ diskseq: BigInt(this.#record.diskseq), bootId: null }));
  }

  get openers(): number {
    return this.#record.openers;
  }

  /** The block script, whole: looks at what is there, and names it in the directory of the guest's vTPM. */
  publish(store: StoreAccess, frontend: number): void {
    const directory = backendPath({ backend: 0, frontend, handle: 0 });
    const diskseq = this.rules.identity === 'none' ? null : this.identity().diskseq;
    store.write(`${directory}/${BlkifNode.Mode}`, 'w');
    publishIdentity(store, directory, { ...this.#number, diskseq, bootId: null });
    this.#memory.asHypervisor(() => {
      this.#record.meant = this.#record.life;
    });
  }

  /** Oracle 6: what is there is not what was meant. */
  get isWrong(): boolean {
    return this.#record.life !== this.#record.meant;
  }

  get mayBeRecycled(): boolean {
    const { recycles, openers, meant } = this.#record;
    return recycles > 0 && openers === 0 && meant !== 0;
  }

  recycle(): void {
    this.#record.recycles -= 1;
    this.#record.life += 1;
    this.#record.diskseq += 1;
  }
}
