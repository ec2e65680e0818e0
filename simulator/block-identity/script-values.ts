/**
 * What a block script writes for a number and a diskseq, rightly or wrongly.
 */
import { unreachable } from '../../protocol/assert.js';
import { type DeviceNumber, formatDeviceNumber, formatDiskSequence } from '../../protocol/physical-device.js';
import type { ScriptRules } from './setting.js';

export function writtenNumber(device: DeviceNumber, how: ScriptRules['number']): string {
  switch (how) {
    case 'hex':
      return formatDeviceNumber(device);
    case 'junk':
      return `${formatDeviceNumber(device)}xyz`;
    case 'one':
      return device.major.toString(16);
    case 'empty':
      return '';
    case 'decimal':
      return `${device.major}:${device.minor}`;
    default:
      return unreachable(how);
  }
}

export function writtenSequence(diskseq: number, how: ScriptRules['sequence']): string {
  const text = formatDiskSequence(BigInt(diskseq));
  switch (how) {
    case 'hex':
      return text;
    case 'upper':
      return text.toUpperCase();
    case 'empty':
      return '';
    case 'long':
      return `1${text.padStart(16, '0')}`;
    case 'leading-zero':
      return `0${text}`;
    case 'zero':
      return '0';
    case 'letter':
      return 'g';
    default:
      return unreachable(how);
  }
}
