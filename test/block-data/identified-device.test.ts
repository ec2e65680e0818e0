/** A blkback that checks what it opens, on the whole pair: what it exposes, what it refuses, and what it says. */
import t from 'tap';
import { SAYS_OPENED } from '../../backend/blkback/rules.js';
import type { DeviceTable } from '../../backend/device-opening/device-table.js';
import { publishIdentity, withdrawIdentity } from '../../backend/identity-nodes.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { write } from '../../frontend/blkfront/user.js';
import { vbdPaths } from '../../protocol/vbd-paths.js';
import { SCRIPT_WRITES } from '../../simulator/block-data/toolstack-nodes.js';
import type { StoreOperation } from '../../simulator/store-client.js';
import { BlockRun } from '../support/block-run.js';

/** Values written to nodes of this name, in order. */
function written(run: BlockRun, node: string): readonly string[] {
  const isIt = ({ operation, path }: StoreOperation): boolean =>
    operation === 'WRITE' && path.includes('backend/vbd/1') && path.endsWith(`/${node}`);
  return run.operations.filter(isIt).map(({ value }) => value);
}

/** A host that has one disk, 7:0 of this diskseq, and counts who has it open. */
function diskOf(diskseq: bigint): DeviceTable & { openers: number } {
  return {
    openers: 0,
    open({ major, minor }) {
      if (major !== 7 || minor !== 0) return 0;
      this.openers += 1;
      return 1;
    },
    close() {
      this.openers -= 1;
    },
    identity: () => ({ diskseq, bootId: null }),
  };
}

/** A first attachment; the script claims diskseq 1f. */
function attach(devices: DeviceTable): BlockRun {
  const run = new BlockRun({
    plan: 'none',
    frontend: LINUX,
    backend: SAYS_OPENED,
    start: 'boot',
    operations: [write(0)],
    devices,
    script: [['physical-device-uuid', '1f'], ...SCRIPT_WRITES],
  });
  return run;
}

const EVERYBODY = ['guest1', 'blkback1', 'toolstack'];
const BACKEND = '/local/domain/0/backend/vbd/1/51712';

t.test('nothing of a device that was made anew is exposed, and the error names both', async (t) => {
  const devices = diskOf(0x20n);
  const run = attach(devices);
  run.go(EVERYBODY);
  t.notOk(run.changes.some((change) => /sectors|feature-flush|back\/state 4/.test(change)));
  const errors = run.operations.filter(({ path }) => path.includes('/error/'));
  t.match(errors[0]?.value, /^19 expected device 7:0, diskseq 1f, found 7:0, diskseq 20/);
  t.equal(errors.length, 1, 'it is said once, whatever other watches fire');
  t.ok(run.changes.includes('blkback WRITE source:back/state 5'));
  t.strictSame(written(run, 'opened'), ['0'], 'and it never says that it holds the device');
  t.equal(devices.openers, 0, 'nor does it');
  t.equal(run.world.disk.valueOf(0), 0);
});

t.test('the device that was promised is served, and it says when it holds it', async (t) => {
  const devices = diskOf(0x1fn);
  const run = attach(devices);
  run.go(EVERYBODY);
  t.strictSame(written(run, 'opened'), ['0', '1']);
  const paths = run.operations.filter(({ operation }) => operation === 'WRITE').map(({ path }) => path);
  const holds = paths.findLastIndex((path) => path.endsWith('/opened'));
  t.ok(holds < paths.findIndex((path) => path.endsWith('/sectors')), 'before it describes the disk');
  t.ok(run.world.disk.valueOf(0) > 0, 'the write arrived');
  t.equal(devices.openers, 1);
});

/** What can happen besides the guest's own steps, until nothing can. */
function goWithoutGuest(run: BlockRun): void {
  for (;;) {
    const next = run.possible.find((name) => !name.startsWith('guest1'));
    if (next === undefined) return;
    run.take(next);
  }
}

function correct(run: BlockRun): void {
  const { scriptStore } = run.world.machine.slots[0];
  withdrawIdentity(scriptStore, BACKEND);
  publishIdentity(scriptStore, BACKEND, { major: 7, minor: 0, diskseq: 0x20n, bootId: null });
  run.go(['blkback1', 'guest1', 'toolstack']);
}

const stateOf = (run: BlockRun): string | null =>
  run.world.machine.slots[0].scriptStore.peek(vbdPaths(0, 1).back('state'));

t.test('nodes that are corrected after a refusal are taken: a guest that had not begun gets its disk', async (t) => {
  const run = attach(diskOf(0x20n));
  goWithoutGuest(run);
  t.equal(stateOf(run), '5', 'refused');
  correct(run);
  t.strictSame(written(run, 'opened'), ['0', '1']);
  t.equal(stateOf(run), '4');
  t.ok(run.world.disk.valueOf(0) > 0, 'the write arrived');
});

t.test('a guest that has closed after a refusal is shown nothing, though the nodes are corrected', async (t) => {
  const devices = diskOf(0x20n);
  const run = attach(devices);
  run.go(EVERYBODY);
  t.equal(stateOf(run), '6', 'both ends have closed');
  correct(run);
  t.equal(stateOf(run), '6');
  t.strictSame(written(run, 'sectors'), []);
  t.equal(devices.openers, 1, 'the device is held for a frontend that opens again');
});

t.test('a disk that is being taken away is not opened, though a late script names it', async (t) => {
  const devices = diskOf(0x1fn);
  const run = attach(devices);
  const { scriptStore } = run.world.machine.slots[0];
  while (stateOf(run) !== '2') run.take(run.possible.find((name) => !name.startsWith('guest1')) as string);
  scriptStore.write(`${BACKEND}/online`, '0');
  goWithoutGuest(run);
  t.equal(scriptStore.peek(`${BACKEND}/physical-device`), '7:0', 'the script has written it');
  t.equal(devices.openers, 0);
});

t.test('a blkback of mainline says nothing of it', async (t) => {
  const run = new BlockRun({ plan: 'none', frontend: LINUX, start: 'boot', operations: [] });
  run.go(EVERYBODY);
  t.strictSame(written(run, 'opened'), []);
});
