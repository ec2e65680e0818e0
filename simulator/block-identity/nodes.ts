/**
 * The nodes of a block device's backend directory, as its script writes them and its backend reads them.
 */
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import { IdentityNode } from '../../protocol/physical-device.js';
import { backendPath, DeviceNode, errorPath } from '../../protocol/xenbus.js';

export const VbdNode = {
  State: DeviceNode.State,
  Online: DeviceNode.Online,
  Mode: 'mode',
  Params: 'params',
  PhysicalDevice: IdentityNode.PhysicalDevice,
  PhysicalDevicePath: IdentityNode.Path,
  /** The diskseq, in hex. */
  Identity: IdentityNode.Uuid,
  /** The boot that the diskseq belongs to. */
  BootId: IdentityNode.BootId,
  /** Path of the loop device that the script attached. */
  Node: 'node',
  HotplugStatus: DeviceNode.HotplugStatus,
  HotplugError: 'hotplug-error',
  Opened: BlkifNode.Opened,
  Sectors: 'sectors',
} as const;

/** The number of the disk: `xvda`. */
const HANDLE = 51712;

export interface VbdPaths {
  readonly directory: string;
  /** Where the backend reports a fatal error. */
  readonly error: string;
  readonly node: { readonly [N in keyof typeof VbdNode]: string };
}

export function vbdPaths(guest: number): VbdPaths {
  const directory = backendPath({ kind: 'vbd', backend: 0, frontend: guest, handle: HANDLE });
  const node = Object.fromEntries(Object.entries(VbdNode).map(([key, name]) => [key, `${directory}/${name}`]));
  return {
    directory,
    error: errorPath(0, `backend/vbd/${guest}/${HANDLE}`),
    node: node as { readonly [N in keyof typeof VbdNode]: string },
  };
}

/** Where udev puts the device of a slot. */
export function devicePath(name: string): string {
  return `/dev/${name}`;
}

/** The boot ids of a host, by boot. */
export const BOOT_IDS: readonly string[] = [
  '1c9d2f4e-3a5b-4c6d-8e7f-00000000000a',
  '1c9d2f4e-3a5b-4c6d-8e7f-00000000000b',
];
