/**
 * A device that is opened only as the one its nodes name: number, diskseq and boot must be those of what is there now.
 *
 * The check stands between the nodes and the device, so a blkback has nothing of a wrong device to expose. What the nodes
 * do not claim is not compared, unless a claim is demanded: without one the check would be none (a script that was killed
 * between two writes leaves a number alone).
 */
import { refusalText } from '../../protocol/physical-device.js';
import { compareIdentity, type DeviceIdentity, mismatchText } from '../device-identity.js';
import { readClaim } from '../identity-nodes.js';
import type { BlockDevice, OpenResult } from './block-device.js';

/** Linux error numbers. */
const EINVAL = 22;
const ENODEV = 19;
const ENOENT = 2;

export interface IdentifiedOptions {
  /** What the kernel has now under a number; null for nothing. */
  readonly lookUp: (device: { readonly major: number; readonly minor: number }) => DeviceIdentity | null;
  /** Whether nodes without a diskseq are refused. */
  readonly claimRequired: boolean;
}

export class IdentifiedDevice implements BlockDevice {
  readonly #device: BlockDevice;
  readonly #options: IdentifiedOptions;

  constructor(device: BlockDevice, options: IdentifiedOptions) {
    this.#device = device;
    this.#options = options;
  }

  get sectors(): number {
    return this.#device.sectors;
  }

  get sectorSize(): number {
    return this.#device.sectorSize;
  }

  get readOnly(): boolean {
    return this.#device.readOnly;
  }

  open(read: (node: string) => string | null): OpenResult {
    const claim = readClaim(read);
    if (claim === null) return { kind: 'absent' };
    if (!claim.ok) return { kind: 'refused', errno: EINVAL, why: refusalText(claim.refusal) };
    const { lookUp, claimRequired } = this.#options;
    if (claimRequired && claim.value.diskseq === null) {
      const why =
        'expected physical-device-uuid beside physical-device, found none: it cannot be told which device is meant';
      return { kind: 'refused', errno: ENODEV, why };
    }
    const found = lookUp(claim.value);
    if (found === null) return { kind: 'refused', errno: ENOENT, why: 'expected a device of that number, found none' };
    const mismatch = compareIdentity(claim.value, found);
    return mismatch === null
      ? this.#device.open(read)
      : { kind: 'refused', errno: ENODEV, why: mismatchText(mismatch) };
  }

  close(): void {
    this.#device.close();
  }

  read(sector: number, to: number, length: number): void {
    this.#device.read(sector, to, length);
  }

  write(sector: number, from: number, length: number): void {
    this.#device.write(sector, from, length);
  }

  discard(sector: number, count: number): void {
    this.#device.discard(sector, count);
  }

  flush(): void {
    this.#device.flush();
  }
}
