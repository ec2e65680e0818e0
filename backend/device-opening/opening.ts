/**
 * How a backend opens the device that its nodes name: for the disk of a guest and for the volume with the state of its
 * vTPM alike. It reads the nodes, opens by number, compares what it has opened with the identity that the block script
 * wrote, and only then says that the device may be exposed.
 *
 *     by number       read_number -> read_mode -> open
 *     by identity     read -> open -> compare -> opened
 *
 * A refusal is seen: the backend goes to Closing, with an error node that names what was expected and found. The numbers
 * are given up with it, so that a later write is tried again; a device that was taken stays, whatever is written later.
 *
 * `look` goes through the steps at once, as a watch callback in Linux does; a backend whose steps others may interleave
 * with calls them one by one.
 */
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import {
  type DeviceNumber,
  formatDeviceNumber,
  IdentityNode,
  type NodeRefusal,
  type Parsed,
  refusalText,
  scanPhysicalDevice,
} from '../../protocol/physical-device.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';
import { compareIdentity, type DeviceIdentity, mismatchText } from '../device-identity.js';
import { readClaim } from '../identity-nodes.js';
import { readBootId, writeBootId } from './boot-id.js';
import type { DeviceTable } from './device-table.js';
import type { OpeningRules } from './rules.js';
import { OpeningState } from './state.js';

/** The watch of the one node that is watched: what identifies the device is written before it, or together with it. */
export const DEVICE_TOKEN = 'device';

/** What an onlooker may want to know. `refuses`: of another identity, and still open. */
export type OpeningReport = 'ignores' | 'malformed' | 'finds-nothing' | 'refuses' | 'keeps-old' | 'retries';

export interface OpeningServices {
  readonly memory: MachineMemory;
  /** Of an `OpeningState`. */
  readonly address: number;
  readonly rules: OpeningRules;
  readonly devices: DeviceTable;
  readonly store: Pick<StoreAccess, 'read' | 'write' | 'transaction' | 'watch' | 'unwatch'>;
  /** Path of a node of the backend's directory. */
  readonly path: (node: string) => string;
  /** Makes a refusal seen: error node and state. `errno` is Linux's number. */
  readonly refuse: (errno: number, why: string) => void;
  readonly report?: (what: OpeningReport) => void;
}

export type OpeningStep = 'read_number' | 'read_mode' | 'read' | 'open' | 'compare' | 'opened';

/** The step that follows, null at the end. */
export type Next = OpeningStep | null;

const ENOENT = 2;
const ENODEV = 19;
const EINVAL = 22;
const NO_MODE = 'mode: expected r or w, found nothing';
const NO_CLAIM =
  'expected physical-device-uuid beside physical-device, found none: it cannot be told which device is meant';

export class DeviceOpening {
  readonly state;
  readonly services: OpeningServices;

  constructor(services: OpeningServices) {
    this.services = services;
    this.state = OpeningState.view(services.memory).at(services.address);
  }

  get firstStep(): OpeningStep {
    return this.services.rules.strict ? 'read' : 'read_number';
  }

  /** Before the backend says InitWait: whether it will say when it holds the device. */
  announce(): void {
    if (this.services.rules.saysOpened) this.#write(BlkifNode.Opened, '0');
  }

  watch(): void {
    this.services.store.watch(this.services.path(IdentityNode.PhysicalDevice), DEVICE_TOKEN);
  }

  unwatch(): void {
    this.services.store.unwatch(this.services.path(IdentityNode.PhysicalDevice), DEVICE_TOKEN);
  }

  /** `physical-device` may have been written: all steps at once. */
  look(): void {
    for (let step: Next = this.firstStep; step !== null; ) step = this.take(step);
  }

  take(step: OpeningStep): Next {
    switch (step) {
      case 'read_number':
        return this.readNumber();
      case 'read_mode':
        return this.readMode();
      case 'read':
        return this.read();
      case 'open':
        return this.open();
      case 'compare':
        return this.compare();
      case 'opened':
        return this.sayOpened();
    }
  }

  readNumber(): Next {
    const text = this.#read(IdentityNode.PhysicalDevice);
    if (text === null) return this.#report('ignores');
    const found = scanPhysicalDevice(text);
    if (found.outcome === 'ignored') return this.#report('ignores');
    if (found.outcome === 'refused') return this.#refuseMalformed(found.refusal);
    if (this.state.taken) return this.#keep(found.device, null);
    this.#want(found.device);
    return 'read_mode';
  }

  readMode(): Next {
    const mode = this.#read(BlkifNode.Mode);
    if (mode === null) return this.#refuseMalformed(NO_MODE);
    this.state.writable = mode === 'w';
    return 'open';
  }

  /** Everything in one transaction: neither a number of one moment and a mode of another, nor half an identity. */
  read(): Next {
    const { state, services } = this;
    let claim = null as Parsed<DeviceIdentity> | null;
    let mode = null as string | null;
    services.store.transaction(() => {
      claim = readClaim((node) => this.#read(node));
      mode = this.#read(BlkifNode.Mode);
    });
    if (claim === null) return this.#report('ignores');
    if (!claim.ok) return this.#refuseMalformed(claim.refusal);
    if (mode === null) return this.#refuseMalformed(NO_MODE);
    const { diskseq, bootId } = claim.value;
    if (state.taken) return this.#keep(claim.value, diskseq);
    if (diskseq === null && services.rules.identity === 'required') return this.#refuse(ENODEV, NO_CLAIM);
    this.#want(claim.value);
    state.writable = mode === 'w';
    state.claims_diskseq = diskseq !== null;
    state.diskseq_low = Number((diskseq ?? 0n) & 0xffff_ffffn);
    state.diskseq_high = Number((diskseq ?? 0n) >> 32n);
    state.claims_boot = bootId !== null;
    writeBootId(services.memory, state.boot_id, bootId);
    return 'open';
  }

  open(): Next {
    const { state, services } = this;
    state.descriptor = services.devices.open(this.#number);
    if (state.descriptor === 0) {
      this.#report('finds-nothing');
      return this.#refuse(ENOENT, `device ${formatDeviceNumber(this.#number)}: expected a device, found none`);
    }
    // As Linux has it: 0:0 counts as none taken yet.
    state.taken = state.major !== 0 || state.minor !== 0;
    return services.rules.identity === 'none' ? this.#accept() : 'compare';
  }

  compare(): Next {
    const { state, services } = this;
    const found = { ...this.#number, ...services.devices.identity(state.descriptor) };
    const mismatch = compareIdentity(this.#claim, found);
    if (mismatch === null) return this.#accept();
    this.#report('refuses');
    this.release();
    return this.#refuse(ENODEV, mismatchText(mismatch));
  }

  /** The toolstack may have removed the directory meanwhile: it is not made again. */
  sayOpened(): null {
    if (this.#read(BlkifNode.Opened) !== null) this.#write(BlkifNode.Opened, '1');
    return null;
  }

  /** Lets the device go. */
  release(): void {
    const { descriptor } = this.state;
    if (descriptor === 0) return;
    this.services.devices.close(descriptor);
    this.state.descriptor = 0;
  }

  /** Lets the device go, and knows nothing of it any more. */
  forget(): void {
    this.release();
    this.services.memory.clear(this.services.address, OpeningState.size);
  }

  #accept(): Next {
    const { state, services } = this;
    if (state.refused) this.#report('retries');
    state.refused = false;
    state.verified = true;
    return services.rules.saysOpened ? 'opened' : null;
  }

  #want({ major, minor }: DeviceNumber): void {
    this.state.major = major;
    this.state.minor = minor;
  }

  /** The device was opened before: it stays, whatever the nodes say now. */
  #keep({ major, minor }: DeviceNumber, diskseq: bigint | null): null {
    const { state } = this;
    const same = major === state.major && minor === state.minor;
    return same && (diskseq === null || diskseq === this.#sequence) ? null : this.#report('keeps-old');
  }

  #refuseMalformed(refusal: NodeRefusal | string): null {
    this.#report('malformed');
    return this.#refuse(EINVAL, typeof refusal === 'string' ? refusal : refusalText(refusal));
  }

  #refuse(errno: number, why: string): null {
    const { state, services } = this;
    services.refuse(errno, why);
    state.refused = true;
    state.taken = false;
    state.verified = false;
    return null;
  }

  #report(what: OpeningReport): null {
    this.services.report?.(what);
    return null;
  }

  #read(node: string): string | null {
    return this.services.store.read(this.services.path(node));
  }

  #write(node: string, value: string): void {
    this.services.store.write(this.services.path(node), value);
  }

  get #number(): DeviceNumber {
    return { major: this.state.major, minor: this.state.minor };
  }

  get #sequence(): bigint {
    return (BigInt(this.state.diskseq_high) << 32n) | BigInt(this.state.diskseq_low);
  }

  get #claim(): DeviceIdentity {
    const { memory } = this.services;
    const { claims_diskseq, claims_boot, boot_id } = this.state;
    return {
      ...this.#number,
      diskseq: claims_diskseq ? this.#sequence : null,
      bootId: claims_boot ? readBootId(memory, boot_id) : null,
    };
  }
}
