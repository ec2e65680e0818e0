/** A 64-bit backend with guests of either x86 ABI: which one a ring is in, and that it is read and written in that one. */
import t from 'tap';
import { CAREFUL, LINUX_BACK } from '../../backend/blkback/rules.js';
import { RING_PFN } from '../../frontend/blkfront/memory.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { FLUSH, read, write } from '../../frontend/blkfront/user.js';
import { BLKIF_X86_32, BLKIF_X86_64, type BlkifAbi } from '../../protocol/blkif.js';
import { RING_ENTRIES_OFFSET } from '../../protocol/ring.js';
import { vbdPaths } from '../../protocol/vbd-paths.js';
import { BlockWorld, type BlockWorldOptions } from '../../simulator/block-data/world.js';
import { explore } from '../../simulator/explore/explore.js';
import { BlockRun } from '../support/block-run.js';

const EVERYBODY = ['guest1', 'blkback1', 'toolstack'];
const PATHS = vbdPaths(0, 1);
const OPTIONS: BlockWorldOptions = { plan: 'none', frontend: LINUX, operations: [write(1), FLUSH, read(1)] };

/** A pair from boot on; `protocol` stands in the node when the backend looks, null takes the node away. */
function connected(abi: BlkifAbi, protocol: string | null, backend = CAREFUL): BlockRun {
  const run = new BlockRun({ ...OPTIONS, abi, backend, start: 'boot' });
  const store = run.world.machine.slots[0].scriptStore;
  run.go(['toolstack', 'guest1'], 'blkback1.connect/map_ring');
  if (protocol === null) store.remove(PATHS.front('protocol'));
  else store.write(PATHS.front('protocol'), protocol);
  run.go(EVERYBODY);
  return run;
}

const isServed = (run: BlockRun): boolean =>
  run.world.disk.valueOf(1) > 0 && run.world.disk.durableValueOf(1) > 0 && run.world.violations === 0;

t.test('a guest of either ABI is served in its own', async (t) => {
  for (const abi of [BLKIF_X86_64, BLKIF_X86_32]) {
    t.ok(isServed(connected(abi, abi.name)), abi.name);
    t.notOk(isServed(connected(abi, abi === BLKIF_X86_64 ? 'x86_32-abi' : 'x86_64-abi')), 'and in no other');
  }
});

t.test('the entries of a 32-bit guest lie where its header has them', async (t) => {
  const run = new BlockRun({ ...OPTIONS, abi: BLKIF_X86_32, operations: [write(1), write(2)] });
  const { world } = run;
  run.go(['guest1'], 'blkback1/interrupt');
  const first = world.machine.slots[0].domain.page(RING_PFN) + RING_ENTRIES_OFFSET;
  t.equal(world.memory.read8(first), 1, 'a write');
  t.equal(world.memory.read32(first + 12), 8, 'of the second block, by its sector, from byte 12 on');
  t.equal(world.memory.read8(first + 20 + 5), 7, 'up to the last sector of the page');
  run.go(EVERYBODY);
  t.equal(world.memory.read8(first + 8), 1, 'the response names its operation at byte 8');
  t.equal(world.memory.read16(first + 10), 0, 'and its status, okay, at byte 10');
  t.ok(world.disk.valueOf(2) > 0);
});

// xen/include/public/io/blkif.h: native where the node is missing. Linux on x86: 32-bit.
t.test('without the node a backend takes the ring for its own, and Linux for a 32-bit one', async (t) => {
  t.ok(isServed(connected(BLKIF_X86_64, null)));
  t.notOk(isServed(connected(BLKIF_X86_32, null)));
  t.ok(isServed(connected(BLKIF_X86_32, null, LINUX_BACK)));
  t.notOk(isServed(connected(BLKIF_X86_64, null, LINUX_BACK)));
});

t.test('a ring in another ABI is not touched, and the error says what is spoken', async (t) => {
  const run = connected(BLKIF_X86_64, 'arm-abi');
  const errors = run.operations.filter(({ path }) => path.includes('/error/')).map(({ value }) => value);
  t.strictSame(errors, ['22 protocol: expected x86_64-abi or x86_32-abi, found arm-abi']);
  t.ok(run.changes.includes('blkback WRITE source:back/state 5'));
  t.equal(run.world.machine.slots[0].backend.driver.state.handle, 0);
});

t.test('a ring of several pages is refused in words', async (t) => {
  const run = new BlockRun({ ...OPTIONS, start: 'boot' });
  const store = run.world.machine.slots[0].scriptStore;
  run.go(['toolstack', 'guest1'], 'blkback1.connect/map_ring');
  store.write(PATHS.front('ring-page-order'), '2');
  run.go(EVERYBODY);
  const errors = run.operations.filter(({ path }) => path.includes('/error/')).map(({ value }) => value);
  t.strictSame(errors, ['22 ring-page-order: expected 0, a ring of one page, found 2']);
});

t.test('what a pair may lose does not depend on the ABI', async (t) => {
  for (const plan of ['snapshot-together', 'migrate'] as const) {
    const of = (abi: BlkifAbi) => {
      const { oracle, complete, states } = explore(
        new BlockWorld({ plan, frontend: LINUX, operations: [write(0), write(1)], grain: 'coarse', abi }),
        { order: 'dfs' },
      );
      return { oracle, complete, states };
    };
    t.strictSame(of(BLKIF_X86_32), of(BLKIF_X86_64), plan);
  }
});
