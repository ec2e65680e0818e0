import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { identityNodes } from '../../backend/device-identity.js';
import { Arguments } from '../../cli/arguments.js';
import { type DeviceSystem, deviceNumberOf, readBlockDevice } from '../../cli/block-device.js';
import { deviceCommandOn } from '../../cli/device.js';
import { explain } from '../../cli/exit-status.js';
import type { Terminal } from '../../cli/terminal.js';
import { QuiesceError } from '../../protocol/errors.js';
import type { DeviceNumber } from '../../protocol/physical-device.js';
import { type Output, quiesce } from '../support/fake-terminal.js';

const BOOT = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';

interface Fake extends DeviceSystem {
  readonly root: string;
  /** Called before each look at a device. */
  onLook: () => void;
}

/** A sysfs with loop3 and its partition, a disk without a sequence number, and files that stand for the nodes in /dev. */
function fakeSystem(t: Test): Fake {
  const disk = (dev: string, more: Record<string, unknown>): Record<string, unknown> => ({ dev: `${dev}\n`, ...more });
  const link = (target: string): unknown => t.fixture('symlink', `../../devices/virtual/block/${target}`);
  const root = t.testdir({
    dev: { loop3: '', loop3p2: '', old: '', plain: '', gone: '', link: t.fixture('symlink', 'loop3') },
    boot_id: `${BOOT}\n`,
    sys: {
      devices: {
        virtual: {
          block: {
            loop3: disk('7:26', { diskseq: '18446744073709551615\n', loop3p2: disk('259:300', { partition: '2\n' }) }),
            old: disk('8:0', {}),
          },
        },
      },
      dev: { block: { '7:26': link('loop3'), '259:300': link('loop3/loop3p2'), '8:0': link('old') } },
    },
  } as Parameters<Test['testdir']>[0]);
  const numbers: Readonly<Record<string, DeviceNumber>> = {
    loop3: { major: 7, minor: 26 },
    loop3p2: { major: 259, minor: 300 },
    old: { major: 8, minor: 0 },
    gone: { major: 9, minor: 9 },
  };
  const fake: Fake = {
    root,
    sysfs: join(root, 'sys'),
    bootId: join(root, 'boot_id'),
    onLook: () => undefined,
    deviceAt(path) {
      fake.onLook();
      statSync(path);
      return numbers[path.replace(/.*\//, '')] ?? null;
    },
  };
  return fake;
}

/** Runs the command on `system`, as the program would. */
async function device(system: Fake, name: string, ...options: (readonly [string, string])[]): Promise<Output> {
  let out = '';
  let err = '';
  const terminal: Terminal = {
    out(text) {
      out += text;
    },
    err(text) {
      err += text;
    },
    colour: false,
    progress: false,
    columns: 80,
    jobs: 1,
    program: 'quiesce',
    clock: () => 0,
  };
  const values = new Map(options.map(([option, value]) => [option, [value]]));
  try {
    const status = await deviceCommandOn(system).run(new Arguments(values, [join(system.root, 'dev', name)]), terminal);
    return { status, out, err };
  } catch (error) {
    const { status, text } = explain(error);
    return { status, out, err: text };
  }
}

const sequenceFile = (system: Fake): string => join(system.sysfs, 'devices/virtual/block/loop3/diskseq');

function codeOf(body: () => unknown): string {
  try {
    body();
    return 'nothing thrown';
  } catch (error) {
    return error instanceof QuiesceError ? error.code : String(error);
  }
}

t.test('a device is shown with its numbers in decimal and as in the nodes', async (t) => {
  const system = fakeSystem(t);
  const path = join(system.root, 'dev', 'loop3');
  const shown = [
    `path     ${path}`,
    'device   7:26, in the node 7:1a',
    'disk     loop3',
    'diskseq  18446744073709551615, in the node ffffffffffffffff',
    `boot     ${BOOT}`,
    '',
    'nodes, in this order and in one transaction:',
    `  physical-device-boot-id  ${BOOT}`,
    '  physical-device-uuid     ffffffffffffffff',
    `  physical-device-path     ${path}`,
    '  physical-device          7:1a',
    '',
  ].join('\n');
  t.strictSame(await device(system, 'loop3'), { status: 0, out: shown, err: '' });
  t.strictSame(await device(system, 'link'), { status: 0, out: shown, err: '' }, 'a link is followed');
});

t.test('--json has the shape that the help promises; 64 bits are text', async (t) => {
  const system = fakeSystem(t);
  const path = join(system.root, 'dev', 'loop3p2');
  const { status, out } = await device(system, 'loop3p2', ['json', ''], ['form', 'diskseq']);
  t.equal(status, 0);
  t.match(out, /^[^\n]+\n$/, 'one line');
  t.strictSame(JSON.parse(out), {
    path,
    device: { major: 259, minor: 300, hex: '103:12c' },
    disk: { name: 'loop3', partition: 2 },
    diskseq: '18446744073709551615',
    bootId: BOOT,
    nodes: [
      { path: 'physical-device-boot-id', value: BOOT },
      { path: 'diskseq', value: 'ffffffffffffffff' },
      { path: 'physical-device-path', value: path },
      { path: 'physical-device', value: '103:12c' },
    ],
  });
  t.match(await device(system, 'loop3', ['form', 'physical-device']), {
    out: 'physical-device          ffffffffffffffff@7:1a',
  });
  t.match(await device(system, 'loop3', ['form', 'uuid']), {
    status: 2,
    err: /--form: expected physical-device-uuid or /,
  });
});

t.test('a kernel without sequence numbers is named, and no number is made up', async (t) => {
  const system = fakeSystem(t);
  const { status, out, err } = await device(system, 'old');
  t.equal(status, 1);
  t.match(out, 'diskseq  unknown\n');
  t.match(out, '  physical-device          8:0\n');
  t.notMatch(out, 'uuid');
  t.match(err, /Linux 5\.15 and later/);
  t.match(JSON.parse((await device(system, 'old', ['json', ''])).out), { diskseq: null });
});

t.test('what is no block device is refused', async (t) => {
  const system = fakeSystem(t);
  t.match(await device(system, 'plain'), {
    status: 2,
    out: '',
    err: /expected a block device, found .*plain, which is /,
  });
  t.match(await device(system, 'none'), { status: 2, out: '', err: /found nothing at .*none \(ENOENT\)$/ });
  t.match(await device(system, 'gone'), {
    status: 2,
    out: '',
    err: /expected .*9:9, found nothing \(ENOENT\): no driver/,
  });
  for (const path of ['/', '/dev/null', '/etc/passwd'])
    t.match(await quiesce(['device', path]), { status: 2, out: '' });
  t.match(await quiesce(['device']), { status: 2, err: 'quiesce device: expected PATH\n' });
  t.match(await quiesce(['device', '']), { status: 2, err: 'quiesce device: expected PATH, found nothing\n' });
});

t.test('nonsense in sysfs is refused, not passed on', async (t) => {
  const system = fakeSystem(t);
  for (const text of ['0\n', '', '-1\n', '1f\n', '18446744073709551616\n', '1\n2\n']) {
    writeFileSync(sequenceFile(system), text);
    t.equal(
      codeOf(() => readBlockDevice(join(system.root, 'dev/loop3'), system)),
      'DEVICE_UNREADABLE',
      text,
    );
  }
  writeFileSync(sequenceFile(system), '5\n');
  writeFileSync(join(system.root, 'boot_id'), 'yesterday\n');
  t.match(await device(system, 'loop3'), {
    status: 2,
    err: /boot_id: expected a UUID in lower case, found 'yesterday'$/,
  });
  writeFileSync(join(system.sysfs, 'devices/virtual/block/loop3/dev'), '7:27\n');
  t.match(await device(system, 'loop3'), { status: 2, err: /dev: expected 7:26, found '7:27'$/ });
});

t.test('without procfs the boot id is unknown and not written', async (t) => {
  const system = { ...fakeSystem(t), bootId: '/nowhere/boot_id' };
  const { status, out } = await device(system, 'loop3');
  t.equal(status, 0);
  t.match(out, 'boot     unknown\n');
  t.notMatch(out, 'physical-device-boot-id');
});

t.test('a device that changes between two readings is read until it stays the same', async (t) => {
  const system = fakeSystem(t);
  const path = join(system.root, 'dev/loop3');
  let looks = 0;
  let changes = 1;
  system.onLook = () => {
    looks++;
    if (looks <= changes) writeFileSync(sequenceFile(system), `${100 + looks}\n`);
  };
  writeFileSync(sequenceFile(system), '100\n');
  t.equal(readBlockDevice(path, system).identity.diskseq, 101n);
  t.equal(looks, 2, 'the change came before the first number was read');

  looks = 0;
  changes = 4;
  t.equal(readBlockDevice(path, system).identity.diskseq, 104n);
  t.equal(looks, 5);

  looks = 0;
  changes = Number.POSITIVE_INFINITY;
  t.equal(
    codeOf(() => readBlockDevice(path, system)),
    'DEVICE_CHANGED',
  );
  t.equal(looks, 10);
});

t.test('a number that names another device meanwhile is not joined to the old sequence number', async (t) => {
  const system = fakeSystem(t);
  let looks = 0;
  // The path is first the partition and from the second look on the whole disk: both have the same sequence number.
  const deviceAt = (): DeviceNumber => (++looks === 1 ? { major: 259, minor: 300 } : { major: 7, minor: 26 });
  const device = readBlockDevice(join(system.root, 'dev/loop3'), { ...system, deviceAt });
  t.match(device, { identity: { major: 7, minor: 26 }, partition: null });
  t.equal(looks, 3);
});

t.test('major and minor come out of the 64 bits of glibc', async (t) => {
  t.strictSame(deviceNumberOf(0x700n), { major: 7, minor: 0 });
  t.strictSame(deviceNumberOf(0xfe11n), { major: 254, minor: 17 });
  t.strictSame(deviceNumberOf(0x11032cn), { major: 259, minor: 300 });
  t.strictSame(deviceNumberOf(0xab123456cde78n), { major: 0xabcde, minor: 0x12345678 });
  t.strictSame(deviceNumberOf(0xffff_ffff_ffff_ffffn), { major: 0xffffffff, minor: 0xffffffff });
});

/** A disk of this machine with a node in /dev and a sequence number. */
function realDisk(): string | undefined {
  if (!existsSync('/sys/block')) return undefined;
  return readdirSync('/sys/block').find((name) => {
    const isBlock = statSync(`/dev/${name}`, { throwIfNoEntry: false })?.isBlockDevice() === true;
    return isBlock && existsSync(`/sys/block/${name}/diskseq`);
  });
}

const real = realDisk();
const skip = real === undefined ? 'this machine has no block device with a sequence number' : false;

t.test('a disk of this machine is read as the kernel announces it', { skip }, async (t) => {
  const before = readFileSync(`/sys/block/${real}/uevent`, 'latin1');
  const { status, out } = await quiesce(['device', `/dev/${real}`, '--json']);
  const variable = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(before)?.[1] ?? '';
  t.equal(status, 0);
  const document: unknown = JSON.parse(out);
  t.match(document, {
    device: { major: Number(variable('MAJOR')), minor: Number(variable('MINOR')) },
    disk: { name: variable('DEVNAME'), partition: null },
    diskseq: variable('DISKSEQ'),
  });
  const device = readBlockDevice(`/dev/${real}`);
  t.match(document, { nodes: identityNodes(device.identity, { path: device.path }) });
});
