/** Each thing that is judged in worlds of block data, with a disk that does that one thing wrong. */
import t, { type Test } from 'tap';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { type BlockOperation, FLUSH, read, write } from '../../frontend/blkfront/user.js';
import { Disk } from '../../simulator/block-data/disk.js';
import { firstOracle } from '../../simulator/world-state.js';
import { BlockRun } from '../support/block-run.js';

interface Failure {
  readonly oracle: string | undefined;
  readonly step: string | undefined;
  readonly why: string | null;
}

/** What fails first, at which step. Everything happens in the order in which it becomes possible. */
function firstFailure(operations: readonly BlockOperation[]): Failure {
  const run = new BlockRun({ plan: 'none', frontend: LINUX, operations });
  const { world } = run;
  while (world.violations === 0 && run.possible.length > 0) run.take(run.possible[0] ?? '');
  if (world.violations === 0) world.quiescent();
  return { oracle: firstOracle(world.violations), step: run.choices.at(-1), why: world.lastFault };
}

/** Replaces a method of the disk for one test. */
function withDisk<K extends 'read' | 'write' | 'flush'>(t: Test, method: K, body: Disk[K]): void {
  const original = Disk.prototype[method];
  t.teardown(() => {
    Disk.prototype[method] = original;
  });
  Disk.prototype[method] = body;
}

const TAKE = 'guest1.blkfront.receive/take';

t.test('a disk that works is found to work', async (t) => {
  t.equal(firstFailure([write(0), FLUSH, read(0), write(0)]).oracle, undefined);
});

t.test('a write that is acknowledged and is not there is seen when it is acknowledged', async (t) => {
  withDisk(t, 'write', () => {});
  const why = 'block 0: write 1 is acknowledged, and the disk holds write 0';
  t.strictSame(firstFailure([write(0)]), { oracle: 'exactly-once', step: TAKE, why });
});

t.test('a flush that flushes nothing is seen when it is acknowledged', async (t) => {
  withDisk(t, 'flush', () => {});
  const why = 'block 0: write 1 was acknowledged and is flushed, and a power failure undoes it';
  t.strictSame(firstFailure([write(0), FLUSH]), { oracle: 'exactly-once', step: TAKE, why });
});

t.test('a read that gives something older, or something nobody wrote, is seen', async (t) => {
  for (const value of [0, 9]) {
    await t.test(`${value}`, async (t) => {
      const { read: original } = Disk.prototype;
      withDisk(t, 'read', function (this: Disk, ...place) {
        this.at(0).value = value;
        original.apply(this, place);
      });
      const why = `block 0: a read gives ${value}, after write 1 was acknowledged`;
      t.strictSame(firstFailure([write(0), read(0)]), { oracle: 'right-answer', step: TAKE, why });
    });
  }
});

t.test('what lands on something newer that was acknowledged is seen when it lands', async (t) => {
  const { write: original } = Disk.prototype;
  let writes = 0;
  withDisk(t, 'write', function (this: Disk, ...place) {
    original.apply(this, place);
    writes += 1;
    if (writes === 3) this.at(0).value = 1;
  });
  const why = 'block 0: write 1 lands after write 2, which is newer, was acknowledged';
  const step = 'blkback1.io0/execute';
  t.strictSame(firstFailure([write(0), write(0), write(0)]), { oracle: 'exactly-once', step, why });
});
