/**
 * `quiesce device PATH`: which device a path names now, and what a block script writes so that a backend opens that one.
 */
import { IDENTITY_FORMS, type IdentityForm, identityNodes, type NodeWrite } from '../backend/device-identity.js';
import { formatDeviceNumber, formatDiskSequence } from '../protocol/physical-device.js';
import type { Arguments } from './arguments.js';
import { usage } from './arguments.js';
import { type BlockDevice, type DeviceSystem, LINUX, readBlockDevice } from './block-device.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import type { Terminal } from './terminal.js';

const NO_SEQUENCE =
  'this kernel does not tell the sequence number of a disk (Linux 5.15 and later do), so a backend cannot check which ' +
  'device it opens';

export const deviceCommand: Command = deviceCommandOn(LINUX);

/** The command, looking at `system`. */
export function deviceCommandOn(system: DeviceSystem): Command {
  return {
    name: 'device',
    summary: 'number and sequence number of a block device, and the nodes to write',
    details: [
      'Linux. The device is not opened. Write the nodes to the backend directory in this order, in one transaction, while',
      'something holds the device open; of them only physical-device is watched.',
      'A partition has the sequence number of its disk. Where the kernel has none, nothing is made up: exit status 1.',
      '',
      '--json: {"path", "device": {"major", "minor", "hex"}, "disk": {"name", "partition": N or null}, "diskseq": decimal',
      'text or null, "bootId": text or null, "nodes": [{"path", "value"}]}; path of a node: its name in the backend directory.',
      'Exit status 0: as asked. 1: no sequence number. 2: no block device, or one that changes while it is looked at.',
    ],
    options: {
      form: { value: 'NODE', help: `where the number goes: ${IDENTITY_FORMS.join(', ')}` },
      json: { help: 'print one JSON document' },
    },
    words: ['PATH'],
    required: 1,
    run: async (args, terminal) => run(args, terminal, system),
  };
}

function run(args: Arguments, terminal: Terminal, system: DeviceSystem): ExitStatus {
  const form = args.oneOf('form', IDENTITY_FORMS) ?? 'physical-device-uuid';
  const [path = ''] = args.words;
  if (path === '') throw usage('expected PATH, found nothing');
  const device = readBlockDevice(path, system);
  const nodes = nodesOf(device, form);
  terminal.out(args.flag('json') ? jsonOf(device, nodes) : textOf(device, nodes));
  if (device.identity.diskseq !== null) return EXIT.holds;
  terminal.err(`quiesce device: ${NO_SEQUENCE}\n`);
  return EXIT.fails;
}

function nodesOf({ identity, path }: BlockDevice, form: IdentityForm): readonly NodeWrite[] {
  return identityNodes(identity, { form, path });
}

function jsonOf({ path, identity, disk, partition }: BlockDevice, nodes: readonly NodeWrite[]): string {
  const { major, minor, diskseq, bootId } = identity;
  const document = {
    path,
    device: { major, minor, hex: formatDeviceNumber(identity) },
    disk: { name: disk, partition },
    // 64 bits are more than a number of JSON holds.
    diskseq: diskseq === null ? null : String(diskseq),
    bootId,
    nodes,
  };
  return `${JSON.stringify(document)}\n`;
}

function textOf({ path, identity, disk, partition }: BlockDevice, nodes: readonly NodeWrite[]): string {
  const { major, minor, diskseq, bootId } = identity;
  const width = Math.max(...nodes.map((node) => node.path.length));
  const lines = [
    `path     ${path}`,
    `device   ${major}:${minor}, in the node ${formatDeviceNumber(identity)}`,
    `disk     ${disk}${partition === null ? '' : `, partition ${partition}`}`,
    `diskseq  ${diskseq === null ? 'unknown' : `${diskseq}, in the node ${formatDiskSequence(diskseq)}`}`,
    `boot     ${bootId ?? 'unknown'}`,
    '',
    'nodes, in this order and in one transaction:',
    ...nodes.map((node) => `  ${node.path.padEnd(width)}  ${node.value}`),
  ];
  return `${lines.join('\n')}\n`;
}
