/** What a blkback with an identity check opens, what it refuses, and what it says. */
import t from 'tap';
import type { BlockDevice, OpenResult } from '../../backend/blkback/block-device.js';
import { IdentifiedDevice } from '../../backend/blkback/identified-device.js';
import { SAYS_OPENED } from '../../backend/blkback/rules.js';
import type { DeviceIdentity } from '../../backend/device-identity.js';
import { RING_PFN } from '../../frontend/blkfront/memory.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { write } from '../../frontend/blkfront/user.js';
import { BLKIF_X86_64, BlkifOperation } from '../../protocol/blkif.js';
import { RING_ENTRIES_OFFSET } from '../../protocol/ring.js';
import { BlockRun } from '../support/block-run.js';

const BOOT = '1b4e28ba-2fa1-11d2-883f-0016d3cca427';
const OTHER_BOOT = '16768049-72ee-4dae-8cca-acd605cacd75';
const THERE: DeviceIdentity = { major: 7, minor: 3, diskseq: 0x1fn, bootId: BOOT };

/** What was written to `opened`, in order. */
function openedOf(run: BlockRun): readonly string[] {
  return run.operations.filter(({ path }) => path.endsWith('/opened')).map(({ value }) => value ?? '');
}

/** Opens what `nodes` name, on a host that has `there` under 7:3 and nothing else. */
function open(
  nodes: { readonly [node: string]: string },
  { claimRequired = false, there = THERE }: { claimRequired?: boolean; there?: DeviceIdentity | null } = {},
): { readonly result: OpenResult; readonly opened: number } {
  let opened = 0;
  const device: BlockDevice = {
    sectors: 8,
    sectorSize: 512,
    readOnly: false,
    open: () => {
      opened++;
      return { kind: 'opened' };
    },
    close: () => undefined,
    read: () => undefined,
    write: () => undefined,
    discard: () => undefined,
    flush: () => undefined,
  };
  const lookUp = ({ major, minor }: { major: number; minor: number }): DeviceIdentity | null =>
    major === 7 && minor === 3 ? there : null;
  const result = new IdentifiedDevice(device, { lookUp, claimRequired }).open((node) => nodes[node] ?? null);
  return { result, opened };
}

t.test('the device that the nodes name is opened, once', async (t) => {
  const whole = { 'physical-device': '7:3', 'physical-device-uuid': '1f', 'physical-device-boot-id': BOOT };
  t.strictSame(open(whole, { claimRequired: true }), { result: { kind: 'opened' }, opened: 1 });
  t.strictSame(open({ 'physical-device': '7:3', 'physical-device-uuid': '1F' }).opened, 1, 'either case');
  t.strictSame(open({ 'physical-device': '7:3' }).opened, 1, 'no claim, and none demanded');
});

t.test('without a number nothing is opened and nothing refused', async (t) => {
  t.strictSame(open({}), { result: { kind: 'absent' }, opened: 0 });
  t.strictSame(open({ 'physical-device-uuid': '1f' }), { result: { kind: 'absent' }, opened: 0 });
});

t.test('any other device is refused, and the refusal names both', async (t) => {
  const cases: readonly (readonly [{ readonly [node: string]: string }, number, RegExp])[] = [
    [
      { 'physical-device': '7:3', 'physical-device-uuid': '20' },
      19,
      /expected device 7:3, diskseq 20, found 7:3, diskseq 1f/,
    ],
    [
      { 'physical-device': '7:3', 'physical-device-uuid': '1f', 'physical-device-boot-id': OTHER_BOOT },
      19,
      new RegExp(`expected .*${OTHER_BOOT}.* found .*${BOOT}`),
    ],
    [{ 'physical-device': '7:4', 'physical-device-uuid': '1f' }, 2, /found none/],
    [{ 'physical-device': '7:3xyz' }, 22, /physical-device/],
    [{ 'physical-device': '7' }, 22, /physical-device/],
    [{ 'physical-device': '7:3', 'physical-device-uuid': '' }, 22, /physical-device-uuid/],
    [{ 'physical-device': '7:3', 'physical-device-uuid': '01f' }, 22, /physical-device-uuid/],
    [{ 'physical-device': '7:3', 'physical-device-uuid': '0' }, 22, /physical-device-uuid/],
    [{ 'physical-device': '7:3', 'physical-device-uuid': '12345678901234567' }, 22, /physical-device-uuid/],
    [{ 'physical-device': '7:3', 'physical-device-uuid': 'g' }, 22, /physical-device-uuid/],
  ];
  for (const [nodes, errno, why] of cases) {
    const { result, opened } = open(nodes);
    t.match(result, { kind: 'refused', errno, why }, JSON.stringify(nodes));
    t.equal(opened, 0, 'and the device is not touched');
  }
});

t.test('where a claim is demanded, a number alone is refused', async (t) => {
  const { result, opened } = open({ 'physical-device': '7:3' }, { claimRequired: true });
  t.match(result, { kind: 'refused', errno: 19, why: /expected physical-device-uuid/ });
  t.equal(opened, 0);
});

/** A first attachment to a disk that is 7:0 on its host and has this sequence number; the toolstack claims 1f. */
function attach(diskseq: bigint): BlockRun {
  const device = (disk: BlockDevice): BlockDevice => {
    const there = { major: 7, minor: 0, diskseq, bootId: null };
    const checked = new IdentifiedDevice(disk, { lookUp: () => there, claimRequired: true });
    const { open: openChecked } = checked;
    checked.open = (read) => openChecked.call(checked, (node) => (node === 'physical-device-uuid' ? '1f' : read(node)));
    return checked;
  };
  const run = new BlockRun({
    plan: 'none',
    frontend: LINUX,
    backend: SAYS_OPENED,
    start: 'boot',
    operations: [write(0)],
    device,
  });
  run.go(['guest1', 'blkback1', 'toolstack']);
  return run;
}

t.test('a blkback with the check exposes nothing of a device that was made anew, and says so', async (t) => {
  const run = attach(0x20n);
  t.notOk(run.changes.some((change) => /sectors|feature-flush|back\/state 4/.test(change)));
  const errors = run.operations.filter(({ path }) => path.includes('/error/'));
  t.match(errors[0]?.value, /^19 expected device 7:0, diskseq 1f, found 7:0, diskseq 20/);
  t.ok(run.changes.includes('blkback WRITE source:back/state 5'));
  t.strictSame(openedOf(run), ['0'], 'and never says that it holds the device');
  t.equal(run.world.disk.valueOf(0), 0);
});

t.test('a blkback with the check serves the device it was promised, and says when it holds it', async (t) => {
  const run = attach(0x1fn);
  t.strictSame(openedOf(run), ['0', '1']);
  const paths = run.operations.filter(({ operation }) => operation === 'WRITE').map(({ path }) => path);
  const holds = paths.findLastIndex((path) => path.endsWith('/opened'));
  t.ok(holds < paths.findIndex((path) => path.endsWith('/sectors')), 'before it describes the disk');
  t.ok(run.world.disk.valueOf(0) > 0, 'the write arrived');
});

t.test('a blkback of mainline says nothing of it', async (t) => {
  const run = new BlockRun({ plan: 'none', frontend: LINUX, start: 'boot', operations: [] });
  run.go(['guest1', 'blkback1', 'toolstack']);
  t.strictSame(openedOf(run), []);
});

t.test('a discard empties the blocks it covers, and no others', async (t) => {
  const run = new BlockRun({ plan: 'none', frontend: LINUX, operations: [write(0), write(1)] });
  const { world } = run;
  run.go(['guest1', 'blkback1', 'toolstack']);
  t.strictSame(
    [world.disk.valueOf(0), world.disk.valueOf(1)].map((value) => value > 0),
    [true, true],
  );
  world.disk.discard(0, 8);
  t.equal(world.disk.valueOf(0), 0);
  t.ok(world.disk.valueOf(1) > 0);
  world.disk.discard(9, 7);
  t.ok(world.disk.valueOf(1) > 0, 'half a block is left alone');
});

t.test('a discard that a guest asks for is done, whatever its flag', async (t) => {
  const run = new BlockRun({ plan: 'none', frontend: LINUX, operations: [write(0)] });
  const { world } = run;
  run.go(['guest1'], 'blkback1/interrupt');
  const entry = world.machine.slots[0].domain.page(RING_PFN) + RING_ENTRIES_OFFSET;
  // Where a write has its number of segments, a discard has its flag.
  const discard = BLKIF_X86_64.discard.view(world.memory).at(entry);
  discard.operation = BlkifOperation.Discard;
  discard.flag = 1;
  discard.sector_number = 0;
  discard.nr_sectors = 8;
  world.disk.at(0).value = 5;
  run.go(['guest1', 'blkback1', 'toolstack']);
  t.equal(world.disk.valueOf(0), 0);
});
