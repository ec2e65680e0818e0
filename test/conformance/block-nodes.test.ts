/**
 * The names and values of a virtual disk's nodes, against those that Linux 6.1, its block script and libxl 4.17 wrote.
 */
import { readdirSync } from 'node:fs';
import t from 'tap';
import { BLKIF_X86_32, BLKIF_X86_64, blkifAbiOf } from '../../protocol/blkif.js';
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import {
  formatDeviceNumber,
  IdentityNode,
  parsePhysicalDevice,
  scanPhysicalDevice,
} from '../../protocol/physical-device.js';
import { DeviceNode } from '../../protocol/xenbus.js';
import { readRecording } from '../support/recording.js';

interface Written {
  readonly node: string;
  readonly value: string;
}

/** Every value that was written to a node in a directory of a virtual disk, once. */
function written(): readonly Written[] {
  const found = new Map<string, Written>();
  for (const file of readdirSync('test/recordings/xen-lifecycle')) {
    if (!file.endsWith('.jsonl')) continue;
    for (const { op, path, value } of readRecording(file.replace('.jsonl', ''))) {
      const node = /(?:^|\/)(?:device\/vbd|backend\/vbd\/\d+)\/\d+\/(.+)$/.exec(path)?.[1];
      if (op === 'WRITE' && node !== undefined) found.set(`${node}=${value}`, { node, value });
    }
  }
  return [...found.values()];
}

const all = written();
const valuesOf = (node: string): readonly string[] => all.filter((one) => one.node === node).map(({ value }) => value);

t.test('every node that was written to is known by its name', async (t) => {
  const known: readonly string[] = [BlkifNode, DeviceNode, IdentityNode].flatMap((names) => Object.values(names));
  const names = new Set(all.map(({ node }) => node));
  t.ok(names.size >= 25, `${names.size} names were recorded`);
  // What libxl calls its own way of naming the disk; no driver reads it.
  names.delete('specification');
  t.strictSame(
    [...names].filter((name) => !known.includes(name)),
    [],
  );
});

t.test('what the block script writes is read by every reader as the same device', async (t) => {
  const values = valuesOf(IdentityNode.PhysicalDevice);
  t.ok(values.length > 0);
  for (const value of values) {
    const parsed = parsePhysicalDevice(value);
    const scan = scanPhysicalDevice(value);
    if (!parsed.ok || scan.outcome !== 'device') {
      t.fail(`${value} is refused`);
      continue;
    }
    t.equal(formatDeviceNumber(parsed.value), value);
    t.strictSame(scan.device, parsed.value);
  }
});

t.test('the guest names its ABI', async (t) => {
  const values = valuesOf(BlkifNode.Protocol);
  t.ok(values.length > 0);
  for (const value of values) t.equal(blkifAbiOf(value, BLKIF_X86_32), BLKIF_X86_64);
});
