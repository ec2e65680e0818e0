/** A virtual disk is made and its two ends connect, against the recordings, node by node and in their order. */
import t from 'tap';
import { LINUX_BACK } from '../../backend/blkback/rules.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { write } from '../../frontend/blkfront/user.js';
import { readBlockRecording, recordedBlockChanges } from '../support/block-recording.js';
import { BlockRun, withoutBlock } from '../support/block-run.js';
import { readRecording } from '../support/recording.js';

const PAIR = { frontend: LINUX, backend: LINUX_BACK, operations: [] } as const;
const CREATED = { create: 1, 'async-sleep-create': 11, 'pvh-create': 13 } as const;

t.test('a disk of a new domain: the script ends before the guest runs', async (t) => {
  const run = new BlockRun({ ...PAIR, plan: 'none', start: 'boot' });
  run.go(['blkback1', 'toolstack']);
  t.equal(run.world.violations, 0);
  t.ok(run.changes.includes('guest WRITE source:front/state 4'));
  for (const [name, source] of Object.entries(CREATED)) {
    const recorded = recordedBlockChanges(readRecording(name), 51712, { source, target: -1 });
    const simulated = name === 'pvh-create' ? withoutBlock(run.changes, 'protocol-of-pv') : run.changes;
    t.strictSame(recorded, simulated, name);
  }
});

t.test(
  'a disk of a running guest: the ring is offered first, and Connected comes before the script has ended',
  async (t) => {
    const recorded = recordedBlockChanges(readBlockRecording('block-attach'), 51728, { source: 1, target: -1 });
    const run = new BlockRun({ ...PAIR, plan: 'none', start: 'boot' });
    run.go(['guest1', 'blkback1', 'toolstack']);
    t.strictSame(recorded, run.changes);
    const at = (change: string): number => recorded.indexOf(change);
    t.ok(at('guest WRITE source:front/state 3') < at('script WRITE source:back/physical-device two numbers'));
    t.ok(at('blkback WRITE source:back/state 4') < at('script WRITE source:back/hotplug-status connected'));
  },
);

t.test('until the script has named the device, the frontend is told nothing of it', async (t) => {
  const recorded = recordedBlockChanges(readBlockRecording('hotplug-script-hangs'), 51712, { source: 1, target: -1 });
  const run = new BlockRun({ ...PAIR, plan: 'attach-hangs', start: 'boot' });
  run.go(['blkback1', 'toolstack']);
  t.strictSame(recorded, run.changes);
  t.notOk(recorded.some((change) => /sectors|state 4|UNWATCH source:back\/state/.test(change)));
});

t.test('a script that hangs has 40 seconds, and 40 again when the disk is removed', async (t) => {
  const lines = readBlockRecording('hotplug-script-hangs');
  const times = lines
    .filter(({ who, op, value }) => who === 'toolstack' && op === 'TRANSACTION_END' && value === 'T')
    .map(({ t: time }) => time / 1e6)
    .slice(-3);
  const [made = 0, closed = 0, removed = 0] = times;
  t.ok(Math.abs(closed - made - 40) < 1, `${closed - made} s`);
  t.ok(Math.abs(removed - closed - 40) < 1, `${removed - closed} s`);
});

t.test('a backend taken off its device and bound again goes on in the ring that was there', async (t) => {
  const recorded = recordedBlockChanges(readBlockRecording('blkback-unbind'), 51712, { source: 10, target: -1 });
  const run = new BlockRun({ ...PAIR, operations: [write(0)], plan: 'none' });
  const { world } = run;
  const [{ backend, guest }] = world.machine.slots;
  run.go(['guest1'], 'blkback1/interrupt');
  run.forget();
  const asBackend = (body: () => void): void => {
    world.memory.current = backend.agent;
    body();
    world.memory.current = -1;
  };
  asBackend(() => backend.driver.unbind());
  t.equal(guest.user.state.answered, 0, 'a write is outstanding');
  t.equal(backend.driver.state.handle, 0, 'the ring is not mapped');
  asBackend(() => backend.driver.watchesFired(true));
  run.go(['blkback1', 'guest1']);
  t.strictSame(recorded, run.changes);
  t.equal(guest.user.state.answered, 1, 'the write is answered without an error');
  t.equal(world.disk.valueOf(0), 1);
  t.notOk(
    recorded.some((change) => change.startsWith('guest')),
    'the frontend writes nothing',
  );
});
