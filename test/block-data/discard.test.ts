/** What a discard does to a disk, asked for by hand and by a guest. */
import t from 'tap';
import { RING_PFN } from '../../frontend/blkfront/memory.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { write } from '../../frontend/blkfront/user.js';
import { BLKIF_X86_64, BlkifOperation } from '../../protocol/blkif.js';
import { RING_ENTRIES_OFFSET } from '../../protocol/ring.js';
import { BlockRun } from '../support/block-run.js';

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
