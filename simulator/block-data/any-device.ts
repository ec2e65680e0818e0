/** Whoever names a device gets the one disk there is: which device it is, is not the question in these worlds. */
import type { DeviceTable } from '../../backend/device-opening/device-table.js';

export const ANY_DEVICE: DeviceTable = {
  open: () => 1,
  close: () => undefined,
  identity: () => ({ diskseq: null, bootId: null }),
};
