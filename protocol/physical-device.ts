/**
 * The nodes by which a block script tells a backend which device to open, and what each reader makes of their text.
 *
 *     physical-device        7:3              hex major : hex minor                       block-scripts.txt
 *     physical-device        1f@7:3           with the disk's sequence number             proposal of January 2023
 *     physical-device-uuid   1f               the sequence number in a node of its own    review of June 2023
 *     diskseq                1f               the same under the name of the patch        proposal of May 2023
 *     physical-device-boot-id                 which boot the number belongs to            ours, nobody proposed it
 *
 * Three readers: the mainline kernel scans and takes much for granted (`scanPhysicalDevice`), the proposal of January
 * 2023 bounds what it scans (`parseTaggedDevice`), and the strict one here takes exactly what the formatters write, in
 * either case (`parsePhysicalDevice`, `parseDiskSequence`). None can tell decimal from hexadecimal: `253:10` is a
 * device to all of them, another one than was meant. Only the identity catches that.
 */

/** Names of the nodes, all in the backend's directory. */
export const IdentityNode = {
  /** Written last or together with the others: the only one a backend watches. */
  PhysicalDevice: 'physical-device',
  Path: 'physical-device-path',
  Uuid: 'physical-device-uuid',
  DiskSequence: 'diskseq',
  BootId: 'physical-device-boot-id',
} as const;

/** What the kernel opens a block device by. 12 bits and 20 bits. */
export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** A device number and, where the text had one, the sequence number of its disk: 64 bits, never 0. */
export interface TaggedDevice {
  readonly device: DeviceNumber;
  readonly diskseq: bigint | null;
}

export const MAJOR_MAX = 0xfff;
export const MINOR_MAX = 0xfffff;
export const DISKSEQ_MAX = 0xffff_ffff_ffff_ffffn;

export type RefusalCode =
  | 'empty'
  | 'one-number'
  | 'bad-byte'
  | 'junk'
  | 'too-long'
  | 'leading-zero'
  | 'zero'
  | 'out-of-range';

/** Why a value is refused. `errno` is what the kernel's reader reports where it refuses the same. */
export interface NodeRefusal {
  readonly code: RefusalCode;
  readonly errno: 'EINVAL' | 'EFAULT' | 'ERANGE';
  readonly node: string;
  readonly expected: string;
  /** The value, quoted, cut, and free of control characters. */
  readonly found: string;
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: NodeRefusal };

/** One line for an error node or a log. */
export function refusalText({ node, expected, found, errno }: NodeRefusal): string {
  return `${node}: expected ${expected}, found ${found} (${errno})`;
}

/** `7:3`, `fd:1a`. Both hexadecimal, no padding. */
export function formatDeviceNumber({ major, minor }: DeviceNumber): string {
  return `${major.toString(16)}:${minor.toString(16)}`;
}

/** `1f@7:3` */
export function formatTaggedDevice({ device, diskseq }: TaggedDevice): string {
  return diskseq === null ? formatDeviceNumber(device) : `${formatDiskSequence(diskseq)}@${formatDeviceNumber(device)}`;
}

/** `1f` */
export function formatDiskSequence(diskseq: bigint): string {
  return diskseq.toString(16);
}

const DEVICE_EXPECTED = 'MAJOR:MINOR in hexadecimal, without 0x or padding';
const SEQUENCE_EXPECTED = '1 to 16 hexadecimal digits that do not begin with 0';

/**
 * `physical-device`, strictly: two hexadecimal numbers of a device that can exist. `0:0` is refused: it names no device,
 * and a backend that takes it cannot remember that it has.
 */
export function parsePhysicalDevice(text: string): Parsed<DeviceNumber> {
  const refuse = refuser(IdentityNode.PhysicalDevice, text, DEVICE_EXPECTED);
  if (text === '') return refuse('empty');
  const parts = /^([0-9a-f]+):([0-9a-f]+)$/i.exec(text);
  if (parts === null) return refuse(/^[0-9a-f]+:?$/i.test(text) ? 'one-number' : 'junk');
  const [, major = '', minor = ''] = parts;
  if (isPadded(major) || isPadded(minor)) return refuse('leading-zero');
  const device = { major: Number.parseInt(major, 16), minor: Number.parseInt(minor, 16) };
  if (device.major > MAJOR_MAX || device.minor > MINOR_MAX) {
    return refuse('out-of-range', 'ERANGE', 'a major up to fff and a minor up to fffff');
  }
  if (device.major === 0 && device.minor === 0) return refuse('zero', 'EINVAL', 'the number of a device');
  return { ok: true, value: device };
}

/** `physical-device-uuid` or `diskseq`, as the patches of May and June 2023 read it, with the errors they report. */
export function parseDiskSequence(text: string, node: string = IdentityNode.Uuid): Parsed<bigint> {
  const refuse = refuser(node, text, SEQUENCE_EXPECTED);
  if (text === '') return refuse('empty', 'EFAULT');
  if (text.length > 16) return refuse('too-long', 'ERANGE');
  if (text === '0') return refuse('zero', 'ERANGE');
  if (text.startsWith('0')) return refuse('leading-zero', 'ERANGE');
  if (!/^[0-9a-f]+$/i.test(text)) return refuse('junk');
  return { ok: true, value: BigInt(`0x${text}`) };
}

/** `physical-device-boot-id`: a UUID in lower case, as the kernel shows it in random/boot_id. */
export function parseBootId(text: string): Parsed<string> {
  const refuse = refuser(IdentityNode.BootId, text, 'a UUID in lower case');
  if (text === '') return refuse('empty');
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? { ok: true, value: text } : refuse('junk');
}

// A number as the kernel's %Nx reads it: 0x is skipped, even with nothing after it, and counts for the width.
const wideHex = (width: number): string => `(0x[0-9a-f]{0,${width - 2}}|[0-9a-f]{1,${width}})`;
const TAGGED = new RegExp(`^(?:${wideHex(16)}@)?${wideHex(8)}:${wideHex(8)}$`, 'i');

/**
 * `physical-device` as the proposal of January 2023 reads it: with a sequence number or without. Stricter than mainline
 * by refusing white space and anything left over, but it takes padding and 0x, and numbers beyond 12 and 20 bits, which
 * become another device as they do in mainline.
 */
export function parseTaggedDevice(text: string): Parsed<TaggedDevice> {
  const refuse = refuser(IdentityNode.PhysicalDevice, text, 'DISKSEQ@MAJOR:MINOR or MAJOR:MINOR in hexadecimal');
  if (text === '') return refuse('empty');
  if (/[^\x21-\x7e]/.test(text)) return refuse('bad-byte');
  const parts = TAGGED.exec(text);
  if (parts === null) return refuse('junk');
  const [, sequence, major = '', minor = ''] = parts;
  const diskseq = sequence === undefined ? null : hexOf(sequence);
  if (diskseq === 0n) return refuse('zero', 'EINVAL', 'a sequence number that is not 0');
  return { ok: true, value: { device: openedDevice(low32(hexOf(major)), low32(hexOf(minor))), diskseq } };
}

/** What mainline makes of `physical-device`. */
export type Scan =
  /** Not a single number, an empty value among them: taken for a missing node, without a word. */
  | { readonly outcome: 'ignored' }
  /** One number: the backend fails. */
  | { readonly outcome: 'refused'; readonly refusal: NodeRefusal }
  | {
      readonly outcome: 'device';
      /** The device that is opened. */
      readonly device: DeviceNumber;
      /** The numbers as scanned, 32 bits each: what later values are compared with; both 0 count as none taken yet. */
      readonly scanned: DeviceNumber;
    };

// White space as the kernel has it, which counts the no-break space of Latin-1.
const SPACE = '[\\t-\\r \\xa0]*';
const ONE = new RegExp(`^${SPACE}(0x[0-9a-f]*|[0-9a-f]+)`, 'i');

/**
 * `physical-device` as drivers/block/xen-blkback/xenbus.c reads it, with the format %x:%x of the kernel's scanner: white
 * space before either number, 0x and padding are passed over, what follows the second number is not looked at, and of a
 * number that is too large the low 32 bits count.
 */
export function scanPhysicalDevice(text: string): Scan {
  const first = ONE.exec(text);
  if (first === null) return { outcome: 'ignored' };
  const rest = text.slice(first[0].length);
  const second = rest.startsWith(':') ? ONE.exec(rest.slice(1)) : null;
  if (second === null) {
    const refusal = refusalOf(IdentityNode.PhysicalDevice, text, 'one-number', 'EINVAL', 'two numbers with a colon');
    return { outcome: 'refused', refusal };
  }
  const scanned = { major: low32(hexOf(first[1] ?? '')), minor: low32(hexOf(second[1] ?? '')) };
  return { outcome: 'device', device: openedDevice(scanned.major, scanned.minor), scanned };
}

/** MKDEV: the major moves up 20 bits and loses what does not fit, and a minor beyond 20 bits runs into it. */
function openedDevice(major: number, minor: number): DeviceNumber {
  const number = ((major << 20) | minor) >>> 0;
  return { major: number >>> 20, minor: number & MINOR_MAX };
}

function low32(value: bigint): number {
  return Number(value & 0xffff_ffffn);
}

/** Hexadecimal digits, perhaps none, with or without 0x. */
function hexOf(digits: string): bigint {
  return BigInt(`0x0${digits.replace(/^0x/i, '')}`);
}

function isPadded(digits: string): boolean {
  return digits.length > 1 && digits.startsWith('0');
}

const FOUND_LENGTH = 40;

function refusalOf(
  node: string,
  text: string,
  code: RefusalCode,
  errno: NodeRefusal['errno'],
  expected: string,
): NodeRefusal {
  const shown = text.length > FOUND_LENGTH ? `${text.slice(0, FOUND_LENGTH)}...` : text;
  const found = text === '' ? 'nothing' : `'${shown.replace(/[^\x20-\x7e]/g, '?')}'`;
  return { code, errno, node, expected, found };
}

function refuser(node: string, text: string, usual: string) {
  return (code: RefusalCode, errno: NodeRefusal['errno'] = 'EINVAL', expected: string = usual) =>
    ({ ok: false, refusal: refusalOf(node, text, code, errno, expected) }) as const;
}
