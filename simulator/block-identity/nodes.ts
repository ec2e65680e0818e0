/**
 * The nodes of a backend directory that name a block device, as its script writes them and its backend reads them.
 */
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import { IdentityNode } from '../../protocol/physical-device.js';
import { XVDA } from '../../protocol/vbd-paths.js';
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
} as const;

/** What the device is for: a disk of the guest, or the volume with the state of its vTPM. */
export type DeviceUse = 'vbd' | 'vtpm';

interface Use {
  /** Number of the virtual device: `xvda`, or the guest's only vTPM. */
  readonly handle: number;
  readonly backend: string;
  readonly frontend: string;
  /** The node with which the backend tells the frontend of the device. */
  readonly described: string;
}

const USES: Readonly<Record<DeviceUse, Use>> = {
  vbd: { handle: XVDA, backend: 'blkback', frontend: 'blkfront', described: BlkifNode.Sectors },
  vtpm: { handle: 0, backend: 'tpmback', frontend: 'tpmfront', described: DeviceNode.Ready },
};

export interface DevicePaths {
  readonly directory: string;
  /** Where the backend reports a fatal error. */
  readonly error: string;
  readonly node: { readonly [N in keyof typeof VbdNode]: string };
  /** What the backend writes together with state Connected. */
  readonly described: string;
  /** The drivers' names, with the guest's number. */
  readonly backend: string;
  readonly frontend: string;
  /** A node by its name. */
  readonly at: (node: string) => string;
}

export function devicePaths(use: DeviceUse, guest: number): DevicePaths {
  const { handle, backend, frontend, described } = USES[use];
  const directory = backendPath({ kind: use, backend: 0, frontend: guest, handle });
  const node = Object.fromEntries(Object.entries(VbdNode).map(([key, name]) => [key, `${directory}/${name}`]));
  const paths = new Map(Object.values(VbdNode).map((name) => [name as string, `${directory}/${name}`]));
  return {
    directory,
    error: errorPath(0, `backend/${use}/${guest}/${handle}`),
    node: node as { readonly [N in keyof typeof VbdNode]: string },
    described: `${directory}/${described}`,
    backend: `${backend}${guest}`,
    frontend: `guest${guest}.${frontend}`,
    at: (name) => paths.get(name) ?? `${directory}/${name}`,
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
