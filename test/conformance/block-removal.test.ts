/** A virtual disk goes: hot removal, power-off, destruction, crash, against the recordings. */
import t from 'tap';
import { LINUX_BACK } from '../../backend/blkback/rules.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import type { BlockPlan } from '../../simulator/block-data/toolstack.js';
import { changesBy, readBlockRecording, recordedBlockChanges } from '../support/block-recording.js';
import { BlockRun, withoutBlock } from '../support/block-run.js';

function removal(plan: BlockPlan): BlockRun {
  const run = new BlockRun({ frontend: LINUX, backend: LINUX_BACK, operations: [], plan });
  run.forget();
  run.go(['guest1', 'blkback1']);
  return run;
}

const recorded = (name: string, device: number, source: number): readonly string[] =>
  recordedBlockChanges(readBlockRecording(name), device, { source, target: -1 });

t.test('hot removal: backend asked, frontend straight to 6, backend 6, watches, nodes', async (t) => {
  const simulated = removal('detach').changes;
  const expected = recorded('block-detach', 51728, 1);
  t.strictSame(withoutBlock(simulated, 'other-disks'), expected);
  t.strictSame(changesBy(expected, 'guest'), ['guest WRITE source:front/state 6', 'guest UNWATCH source:back/state']);
});

t.test('power-off: 5, 5, 6, 6, and the toolstack asks nobody', async (t) => {
  const simulated = removal('power-off').changes;
  t.strictSame(simulated, recorded('shutdown', 51712, 12));
  const states = simulated
    .filter((change) => /state \d$/.test(change))
    .map((change) => change.replace(/ WRITE.* /, ' '));
  t.strictSame(states, ['guest 5', 'blkback 5', 'guest 6', 'blkback 6']);
});

t.test('destruction and crash: the directory of the guest goes first, the backend lets go and closes', async (t) => {
  const simulated = removal('destroy').changes;
  t.strictSame(simulated, recorded('destroy', 51712, 10));
  t.strictSame(simulated, recorded('crash', 51712, 2));
  t.strictSame(changesBy(simulated, 'guest'), []);
});
