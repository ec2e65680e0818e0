/**
 * Which device a backend is to open, in a form that a second device under the same number cannot satisfy: for the disk
 * of a guest and for the volume with a vTPM's state alike, by whatever backend directory the nodes lie in.
 *
 *     block script, device held open                     backend, on the watch of physical-device
 *       read major:minor and diskseq from the fd           readIdentity: all nodes, in one transaction
 *       publishIdentity: all nodes, in one transaction     open by major:minor
 *       keep the fd until `opened` is 1                    compareIdentity with what was opened
 *
 * `diskseq` is a number that the kernel gives to a disk once, at its creation and at each change of its medium, from one
 * counter of 64 bits; a partition has that of its disk. The counter begins anew with each boot, hence the boot id.
 *
 * Not noticed: contents that change under the same number (a hostile storage domain, another device-mapper table), and
 * anything that happens after the comparison. Nothing protects a device whose script has let go of it before it was
 * opened; the comparison only makes the loss visible.
 */
import {
  type DeviceNumber,
  formatDeviceNumber,
  formatDiskSequence,
  formatTaggedDevice,
  IdentityNode,
} from '../protocol/physical-device.js';

export interface DeviceIdentity extends DeviceNumber {
  /** 64 bits, not 0. Null: unknown (Linux before 5.15), or, in a claim, not claimed. */
  readonly diskseq: bigint | null;
  /** /proc/sys/kernel/random/boot_id of the kernel the number belongs to. Null: unknown, or not claimed. */
  readonly bootId: string | null;
}

/** Where the sequence number goes; see `protocol/physical-device.ts`. */
export const IDENTITY_FORMS = ['physical-device-uuid', 'diskseq', 'physical-device'] as const;
export type IdentityForm = (typeof IDENTITY_FORMS)[number];

export interface IdentityOptions {
  /** `physical-device-uuid` when absent. */
  readonly form?: IdentityForm;
  /** Path of the device, for `physical-device-path`. */
  readonly path?: string;
}

export interface NodeWrite {
  /** Name of the node; a path after `identityWrites`. */
  readonly path: string;
  readonly value: string;
}

/** Every node an identity may lie in, in the order in which they are removed: the watched one first. */
const REMOVED: readonly string[] = [
  IdentityNode.PhysicalDevice,
  IdentityNode.Uuid,
  IdentityNode.DiskSequence,
  IdentityNode.BootId,
  IdentityNode.Path,
];

/**
 * The nodes to write, in order. `physical-device` is last, since it alone is watched: a backend that looks between two
 * writes finds either nothing or everything. With one transaction the order does not matter, without it matters twice,
 * for a script may also be killed there.
 */
export function identityNodes(identity: DeviceIdentity, { form, path }: IdentityOptions = {}): readonly NodeWrite[] {
  const { diskseq, bootId } = identity;
  const place = form ?? 'physical-device-uuid';
  const inline = place === IdentityNode.PhysicalDevice;
  const nodes: NodeWrite[] = [];
  if (bootId !== null) nodes.push({ path: IdentityNode.BootId, value: bootId });
  if (diskseq !== null && !inline) nodes.push({ path: place, value: formatDiskSequence(diskseq) });
  if (path !== undefined) nodes.push({ path: IdentityNode.Path, value: path });
  const value = inline ? formatTaggedDevice({ device: identity, diskseq }) : formatDeviceNumber(identity);
  nodes.push({ path: IdentityNode.PhysicalDevice, value });
  return nodes;
}

/** `identityNodes` with the paths of a backend's directory. */
export function identityWrites(
  directory: string,
  identity: DeviceIdentity,
  options: IdentityOptions = {},
): readonly NodeWrite[] {
  return identityNodes(identity, options).map(({ path, value }) => ({ path: `${directory}/${path}`, value }));
}

/** The paths to remove, in order, before the device is let go. Nodes that are not there do no harm. */
export function identityRemovals(directory: string): readonly string[] {
  return REMOVED.map((node) => `${directory}/${node}`);
}

/** What differs, the most telling first: another boot makes all numbers meaningless, another number is another device. */
export interface IdentityMismatch {
  readonly field: 'bootId' | 'device' | 'diskseq';
  readonly errno: 'ENODEV';
  readonly claimed: DeviceIdentity;
  readonly found: DeviceIdentity;
}

/**
 * Compares what was claimed with the device that was opened. Null: the same, as far as was claimed. A claimed sequence
 * number must be found: a kernel that does not tell is a mismatch. Boot ids are compared where both are known, for a
 * backend in another domain may not have one to compare.
 */
export function compareIdentity(claimed: DeviceIdentity, found: DeviceIdentity): IdentityMismatch | null {
  const differs = (field: IdentityMismatch['field']): IdentityMismatch => ({ field, errno: 'ENODEV', claimed, found });
  if (claimed.bootId !== null && found.bootId !== null && claimed.bootId !== found.bootId) return differs('bootId');
  if (claimed.major !== found.major || claimed.minor !== found.minor) return differs('device');
  if (claimed.diskseq !== null && claimed.diskseq !== found.diskseq) return differs('diskseq');
  return null;
}

const REASONS: Readonly<Record<IdentityMismatch['field'], string>> = {
  bootId: 'the nodes are from another boot',
  device: 'the nodes name another device',
  diskseq: 'the device was removed, or its medium changed, after the block script had looked at it',
};

/** One line for the backend's error node: both identities, the reason, and what to do. */
export function mismatchText({ field, errno, claimed, found }: IdentityMismatch): string {
  const identities = `expected device ${identityText(claimed)}, found ${identityText(found)}`;
  return `${identities}: ${REASONS[field]}; nothing was exported, attach the disk again (${errno})`;
}

/** `7:3, diskseq 1f, boot 1b4e28ba-2fa1-11d2-883f-0016d3cca427`; numbers as in the nodes. */
export function identityText({ diskseq, bootId, ...device }: DeviceIdentity): string {
  const boot = bootId === null ? '' : `, boot ${bootId}`;
  return `${formatDeviceNumber(device)}, diskseq ${diskseq === null ? 'unknown' : formatDiskSequence(diskseq)}${boot}`;
}
