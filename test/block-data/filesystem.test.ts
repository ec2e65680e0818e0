/**
 * A file is removed while its filesystem is copied: the image of the guest and the image of the disk, taken at different
 * moments, disagree about an inode. The schedules are found by exploration.
 */
import t from 'tap';
import { LINUX } from '../../frontend/blkfront/rules.js';
import {
  DIRECTORY_BLOCK,
  type FileView,
  fileInMemory,
  fileOnDisk,
  INODE_BLOCK,
  UNLINK,
} from '../../simulator/block-data/filesystem.js';
import type { BlockPlan } from '../../simulator/block-data/toolstack.js';
import { BlockWorld } from '../../simulator/block-data/world.js';
import { shortestFailure, visitStates } from '../support/explorable.js';

const THERE: FileView = { named: true, links: 1 };
const GONE: FileView = { named: false, links: 0 };

function worldOf(plan: BlockPlan): BlockWorld {
  return new BlockWorld({ plan, frontend: LINUX, operations: UNLINK });
}

/** What the two images say of the file. */
function images(world: BlockWorld): { readonly memory: FileView; readonly disk: FileView } {
  const { diskImage } = world.machine;
  return {
    memory: fileInMemory(world.savedUser.position),
    disk: fileOnDisk(diskImage.valueOf(DIRECTORY_BLOCK), diskImage.valueOf(INODE_BLOCK)),
  };
}

/** The images of every snapshot that can come about, without repetition, as texts. */
function snapshots(plan: BlockPlan): ReadonlySet<string> {
  const world = worldOf(plan);
  const found = new Set<string>();
  const { state } = world.machine.toolstack;
  visitStates(world, () => {
    if (!state.memory_saved || !state.disk_saved) return;
    const { memory, disk } = images(world);
    found.add(
      `memory ${memory.named ? 'name' : 'no name'} ${memory.links}, disk ${disk.named ? 'name' : 'no name'} ${disk.links}`,
    );
  });
  return found;
}

t.test('memory first: the inode is freed on the disk and in use in memory', async (t) => {
  const world = worldOf('snapshot-memory-first');
  const { exploration, steps } = shortestFailure(world);
  t.equal(exploration.oracle, 'in-step');
  t.ok(steps.indexOf('toolstack.run/save_memory') < steps.indexOf('toolstack.run/copy_disk'));
  t.equal(images(world).memory.named, true);
  t.equal(images(world).disk.named, false, 'the shortest has lost the name only');
  t.ok(snapshots('snapshot-memory-first').has('memory name 1, disk no name 0'), 'the whole removal can lie between');
});

t.test('disk first: the inode is free in memory and in use on the disk', async (t) => {
  const world = worldOf('snapshot-disk-first');
  const { exploration, steps } = shortestFailure(world);
  t.equal(exploration.oracle, 'in-step');
  t.ok(steps.indexOf('toolstack.run/copy_disk_first') < steps.indexOf('toolstack.run/save_memory'));
  t.strictSame([images(world).memory.named, images(world).disk], [false, THERE]);
  t.ok(snapshots('snapshot-disk-first').has('memory no name 0, disk name 1'), 'the whole removal can lie between');
});

t.test('drained: the two images say the same of the file, in every schedule', async (t) => {
  const found = snapshots('snapshot-drained');
  t.ok(found.size >= 2);
  for (const text of found) {
    const [, memory, disk] = /^memory (.*), disk (.*)$/.exec(text) ?? [];
    t.equal(memory, disk);
  }
});

t.test(
  'together: the disk may be behind by what the guest in the image will send again, and is never ahead',
  async (t) => {
    const found = snapshots('snapshot-together');
    t.ok(found.has('memory no name 0, disk name 1'), 'both writes are in flight in the image of the memory');
    t.notOk(found.has('memory name 1, disk no name 0'));
  },
);

t.test('an undisturbed removal ends with the file gone', async (t) => {
  const world = worldOf('none');
  world.settle();
  t.strictSame(fileOnDisk(world.disk.valueOf(DIRECTORY_BLOCK), world.disk.valueOf(INODE_BLOCK)), GONE);
  t.equal(world.disk.durableValueOf(INODE_BLOCK), world.disk.valueOf(INODE_BLOCK), 'and flushed');
});
