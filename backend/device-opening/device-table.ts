/**
 * What a backend asks of its kernel about block devices. A descriptor is a number from 1; what it stands for lives in the
 * memory of whoever keeps the table, for a backend may die with devices open.
 */
import type { DeviceNumber } from '../../protocol/physical-device.js';
import type { DeviceIdentity } from '../device-identity.js';

export interface DeviceTable {
  /** Opens what is under this number now; 0 where nothing is. */
  open(device: DeviceNumber): number;
  close(descriptor: number): void;
  /** The diskseq of what was opened, and the boot of the kernel it belongs to; the number is the one it was opened by. */
  identity(descriptor: number): Pick<DeviceIdentity, 'diskseq' | 'bootId'>;
}
