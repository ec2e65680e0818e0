/**
 * What Linux tells of a block device without opening it: its number from the node, the sequence number of its disk from
 * sysfs, the boot id from procfs. No ioctl, no root.
 *
 * The numbers are read one after the other while the device may go away and come back. So everything is read again, until
 * two readings in a row agree: sequence numbers never come twice in one boot, hence the device was the same in between.
 * What is not promised: that it still is when the answer is used. Whoever needs that keeps the device open. And where the
 * kernel has no sequence numbers, two readings that agree prove nothing.
 */
import { type BigIntStats, fstatSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DeviceIdentity } from '../backend/device-identity.js';
import { QuiesceError } from '../protocol/errors.js';
import { type DeviceNumber, DISKSEQ_MAX, parseBootId } from '../protocol/physical-device.js';

/** Where the facts come from. */
export interface DeviceSystem {
  /** Mount point of sysfs. */
  readonly sysfs: string;
  /** File with the boot id. */
  readonly bootId: string;
  /** The device that a path without links names; null for anything that is no block device. Throws when there is nothing. */
  deviceAt(path: string): DeviceNumber | null;
}

export interface BlockDevice {
  /** Without links. */
  readonly path: string;
  readonly identity: DeviceIdentity;
  /** Name of the disk in sysfs, for a partition that of its disk. */
  readonly disk: string;
  /** Number of the partition; null for a whole disk. */
  readonly partition: number | null;
}

export const LINUX: DeviceSystem = {
  sysfs: '/sys',
  bootId: '/proc/sys/kernel/random/boot_id',
  deviceAt: (path) => deviceIn(statSync(path, { bigint: true })),
};

/** As `LINUX`, but for the device that is open as `descriptor`, wherever its path leads by now. Its number cannot be reused. */
export function linuxWith(descriptor: number): DeviceSystem {
  return { ...LINUX, deviceAt: () => deviceIn(fstatSync(descriptor, { bigint: true })) };
}

function deviceIn(stat: BigIntStats): DeviceNumber | null {
  return stat.isBlockDevice() ? deviceNumberOf(stat.rdev) : null;
}

const READINGS_MAX = 10;

/**
 * Throws `NOT_A_BLOCK_DEVICE` for a path that is none or is nothing, `DEVICE_UNREADABLE` where sysfs does not have what
 * it should, `DEVICE_CHANGED` when no two of ten readings agree.
 */
export function readBlockDevice(path: string, system: DeviceSystem = LINUX): BlockDevice {
  let before = readOnce(path, system);
  for (let i = 1; i < READINGS_MAX; i++) {
    const now = readOnce(path, system);
    if (isSame(before, now)) return now;
    before = now;
  }
  throw new QuiesceError(
    'DEVICE_CHANGED',
    `${path}: expected a device that stays the same while it is looked at, found ${READINGS_MAX} readings that differ; ` +
      'stop what attaches and detaches it, and try again',
  );
}

/** Major and minor of a device number of glibc: 64 bits, the lower halves of both in the lower 20. */
export function deviceNumberOf(rdev: bigint): DeviceNumber {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xffff_f000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffff_ff00n)),
  };
}

function readOnce(given: string, system: DeviceSystem): BlockDevice {
  const path = found(given, () => realpathSync(given));
  const device = found(given, () => system.deviceAt(path));
  if (device === null) {
    throw new QuiesceError('NOT_A_BLOCK_DEVICE', `expected a block device, found ${path}, which is something else`);
  }
  const name = `${device.major}:${device.minor}`;
  const entry = directoryOf(path, join(system.sysfs, 'dev', 'block', name));
  const shown = attribute(entry, 'dev');
  if (shown !== name) throw unreadable(join(entry, 'dev'), name, shown);
  const partition = numberOf(entry, 'partition');
  // A partition is a directory inside that of its disk.
  const disk = partition === null ? entry : dirname(entry);
  const identity = { ...device, diskseq: sequenceOf(disk), bootId: bootIdOf(system) };
  return { path, identity, disk: basename(disk), partition };
}

function isSame(one: BlockDevice, other: BlockDevice): boolean {
  const { identity: a } = one;
  const { identity: b } = other;
  return (
    one.path === other.path &&
    one.disk === other.disk &&
    one.partition === other.partition &&
    a.major === b.major &&
    a.minor === b.minor &&
    a.diskseq === b.diskseq &&
    a.bootId === b.bootId
  );
}

function found<T>(path: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    throw new QuiesceError('NOT_A_BLOCK_DEVICE', `expected a block device, found nothing at ${path} (${code})`);
  }
}

function directoryOf(path: string, link: string): string {
  try {
    return realpathSync(link);
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    throw new QuiesceError(
      'DEVICE_UNREADABLE',
      `${path}: expected ${link}, found nothing (${code}): no driver has a device of this number, or sysfs is not mounted`,
    );
  }
}

/** The sequence number of a disk; null where the kernel has none. */
function sequenceOf(disk: string): bigint | null {
  const text = attribute(disk, 'diskseq');
  if (text === null) return null;
  const value = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : 0n;
  if (value < 1n || value > DISKSEQ_MAX) throw unreadable(join(disk, 'diskseq'), 'a decimal number of 64 bits', text);
  return value;
}

function numberOf(entry: string, name: string): number | null {
  const text = attribute(entry, name);
  if (text === null) return null;
  if (!/^[0-9]{1,9}$/.test(text)) throw unreadable(join(entry, name), 'a decimal number', text);
  return Number(text);
}

/** The one line of a file; null where there is none. */
function attribute(entry: string, name: string): string | null {
  try {
    return readFileSync(join(entry, name), 'latin1').replace(/\n$/, '');
  } catch (error) {
    // ENODEV and ENXIO: the device went away between the look-up and the reading; the next reading tells.
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO') return null;
    if (code === null) throw error;
    throw new QuiesceError('DEVICE_UNREADABLE', `cannot read ${join(entry, name)} (${code})`);
  }
}

/** The boot id; null where there is no procfs. */
function bootIdOf({ bootId }: DeviceSystem): string | null {
  const text = attribute(dirname(bootId), basename(bootId));
  if (text === null) return null;
  if (!parseBootId(text).ok) throw unreadable(bootId, 'a UUID in lower case', text);
  return text;
}

function unreadable(file: string, expected: string, text: string | null): QuiesceError {
  return new QuiesceError(
    'DEVICE_UNREADABLE',
    `${file}: expected ${expected}, found ${text === null ? 'nothing' : `'${text}'`}`,
  );
}

/** The code of an error of the system; null for any other error. */
function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
