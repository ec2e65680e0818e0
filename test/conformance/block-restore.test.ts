/** A disk over save and restore, migration, checkpoint and failed save, against the recordings. */
import t from 'tap';
import { LINUX_BACK } from '../../backend/blkback/rules.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { write } from '../../frontend/blkfront/user.js';
import { changesBy, readBlockRecording, recordedBlockChanges } from '../support/block-recording.js';
import { BlockRun, withoutBlock } from '../support/block-run.js';
import { readRecording } from '../support/recording.js';

const PAIR = { frontend: LINUX, backend: LINUX_BACK } as const;
const UNTOUCHED = [
  'checkpoint-idle',
  'checkpoint-inflight',
  'failsave-idle',
  'failsave-inflight',
  'async-sleep-checkpoint-inflight',
  'pipe-migrate-receiver-dies',
] as const;

t.test('save and restore: the disk is removed, made again and connected as recorded', async (t) => {
  const run = new BlockRun({ ...PAIR, operations: [], plan: 'restore' });
  run.forget();
  run.go(['blkback', 'toolstack', 'guest']);
  t.equal(run.world.violations, 0);
  const { changes } = run;
  for (const [name, source, target] of [
    ['saverestore-idle', 1, 3],
    ['saverestore-inflight', 3, 4],
    ['async-sleep-saverestore-inflight', 11, 12],
  ] as const) {
    t.strictSame(recordedBlockChanges(readRecording(name), 51712, { source, target }), changes, name);
  }
  const silent = readBlockRecording('restore-silent-backend');
  t.strictSame(recordedBlockChanges(silent, 51712, { source: 9, target: 10 }), changes, 'restore-silent-backend');
});

t.test('on resume nodes and state 3 are written at once, and the watch is moved around them', async (t) => {
  const recorded = recordedBlockChanges(readRecording('saverestore-idle'), 51712, { source: 1, target: 3 });
  t.strictSame(
    changesBy(recorded, 'guest').filter((change) => /WATCH|state/.test(change)),
    [
      'guest WATCH source:back/state',
      'guest UNWATCH source:back/state',
      'guest WRITE target:front/state 3',
      'guest WATCH target:back/state',
      'guest WRITE target:front/state 4',
    ],
  );
});

t.test('migration: the disk of the source is closed only when the target runs', async (t) => {
  const run = new BlockRun({ ...PAIR, operations: [], plan: 'migrate' });
  run.forget();
  run.go(['guest', 'blkback', 'toolstack.attach', 'toolstack'], 'blkback2.connect');
  run.take('toolstack.run/close_old_source');
  run.go(['blkback2', 'blkback1', 'guest', 'toolstack']);
  t.equal(run.world.violations, 0);
  const simulated = withoutBlock(run.changes, 'protocol-of-pv', 'back-root');
  for (const [name, source, target] of [
    ['pvh-migrate-idle', 13, 14],
    ['pvh-migrate-inflight', 14, 15],
  ] as const) {
    const recorded = recordedBlockChanges(readRecording(name), 51712, { source, target });
    t.strictSame(recorded, simulated, name);
    const at = (change: string): number => recorded.indexOf(change);
    t.ok(at('guest WRITE target:front/state 3') < at('toolstack WRITE source:back/state 5'), 'the order it is about');
  }
});

t.test('migration of a PV guest: the disk of the source is closed before that of the target is made', async (t) => {
  const run = new BlockRun({ ...PAIR, operations: [], plan: 'migrate-closes-first' });
  run.forget();
  run.go(['blkback', 'toolstack', 'guest']);
  t.equal(run.world.violations, 0);
  const recorded = recordedBlockChanges(readBlockRecording('pipe-migrate'), 51712, { source: 4, target: 5 });
  // Sender and receiver are two processes: the one removes what is closed while the other makes the new disk.
  const begin = recorded.indexOf('toolstack RM source:libxl') - 2;
  const removal = recorded.slice(begin, recorded.indexOf('toolstack COMMIT', begin) + 1);
  const others = recorded.toSpliced(begin, removal.length);
  const made = others.indexOf('toolstack RM target:libxl') - 1;
  t.equal(others[made - 1], 'blkback WRITE source:back/state 6');
  t.strictSame(others.toSpliced(made, 0, ...removal), withoutBlock(run.changes, 'back-root'));
});

t.test('a checkpoint or a failed save touches no node of the disk, and the ring goes on', async (t) => {
  for (const name of UNTOUCHED) {
    const lines = readRecording(name);
    for (let domid = 1; domid < 16; domid++) {
      t.strictSame(recordedBlockChanges(lines, 51712, { source: domid, target: -1 }), [], name);
    }
  }
  const run = new BlockRun({ ...PAIR, operations: [write(0), write(1)], plan: 'cancel' });
  run.forget();
  run.go(['toolstack', 'guest1.kernel', 'guest1', 'blkback1']);
  t.strictSame(run.changes, []);
  t.equal(run.world.machine.slots[0].guest.user.state.answered, 3);
});
