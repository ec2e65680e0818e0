/** The two drivers by themselves: what they do with a device that is refused, and with an end that breaks the rules. */
import t from 'tap';
import type { DeviceTable } from '../../backend/device-opening/device-table.js';
import { RING_PFN } from '../../frontend/blkfront/memory.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { FLUSH, read, write } from '../../frontend/blkfront/user.js';
import { BLKIF_X86_64, BlkifOperation } from '../../protocol/blkif.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { RING_ENTRIES_OFFSET, SharedRing } from '../../protocol/ring.js';
import { vbdPaths } from '../../protocol/vbd-paths.js';
import type { BlockWorldOptions } from '../../simulator/block-data/world.js';
import { BlockRun } from '../support/block-run.js';

const OPTIONS: BlockWorldOptions = { plan: 'none', frontend: LINUX, operations: [write(0)] };
const EVERYBODY = ['guest1', 'blkback1', 'toolstack'];

t.test('a device that is refused is never exposed, and the error says why', async (t) => {
  const nothing: DeviceTable = {
    open: () => 0,
    close: () => undefined,
    identity: () => ({ diskseq: null, bootId: null }),
  };
  const run = new BlockRun({ ...OPTIONS, start: 'boot', operations: [], devices: nothing });
  run.go(EVERYBODY);
  t.notOk(run.changes.some((change) => /sectors|feature-flush|back\/state 4/.test(change)));
  t.ok(run.changes.includes('blkback WRITE source:back/state 5'));
  const errors = run.operations.filter(({ path }) => path.includes('/error/'));
  t.match(errors, [{ client: 'blkback1', operation: 'WRITE', value: '2 device 7:0: expected a device, found none' }]);
  const closed = run.changes.indexOf('blkback WRITE source:back/state 5');
  t.ok(closed < run.changes.indexOf('guest WRITE source:front/state 6'));
});

t.test('the nodes of a device are read in one transaction', async (t) => {
  const run = new BlockRun({ ...OPTIONS, start: 'boot', operations: [] });
  run.go(['guest1', 'blkback1', 'toolstack']);
  const { operations } = run;
  const at = operations.findIndex(({ operation, path }) => operation === 'READ' && path.endsWith('/physical-device'));
  const before = operations.slice(0, at).findLast(({ operation }) => operation.startsWith('TRANSACTION'));
  t.equal(before?.operation, 'TRANSACTION_START');
});

t.test('a frontend that publishes more requests than the ring has is served no longer', async (t) => {
  const run = new BlockRun(OPTIONS);
  const { world } = run;
  run.go(['guest1'], 'blkback1/interrupt');
  const [{ domain, backend }] = world.machine.slots;
  SharedRing.view(world.memory).at(domain.page(RING_PFN)).req_prod = 7;
  run.go(['blkback1', 'guest1']);
  t.ok(backend.driver.state.broken);
  t.equal(world.disk.valueOf(0), 0);
  t.match(run.choices.at(-1), /look/);
});

t.test('a request that does not fit the disk is answered with an error and not done', async (t) => {
  const run = new BlockRun({ ...OPTIONS, operations: [write(9)] });
  const { world } = run;
  run.go(EVERYBODY);
  t.notOk(run.choices.includes('blkback1.io0/execute'));
  t.equal(world.machine.slots[0].guest.user.state.failed, 1);
  t.equal(world.machine.slots[0].guest.user.state.answered, 0);
});

t.test('what the guest stores in a request after it was taken changes nothing', async (t) => {
  const run = new BlockRun(OPTIONS);
  const { world } = run;
  run.go(['guest1', 'blkback1/interrupt', 'blkback1.serve'], 'blkback1.io0/execute');
  const entry = BLKIF_X86_64.request
    .view(world.memory)
    .at(world.machine.slots[0].domain.page(RING_PFN) + RING_ENTRIES_OFFSET);
  entry.sector_number = 24;
  entry.operation = BlkifOperation.Read;
  run.go(EVERYBODY);
  t.strictSame([world.disk.valueOf(0), world.disk.valueOf(3)], [1, 0]);
  t.equal(world.violations, 0);
});

t.test('the backend loads no word of the pages of the guest twice in one step', async (t) => {
  const run = new BlockRun({ ...OPTIONS, operations: [write(0), FLUSH, read(0), write(1)] });
  const { memory, machine } = run.world;
  const [{ domain, backend }] = machine.slots;
  const loaded = new Set<number>();
  const twice: string[] = [];
  memory.observer = {
    load: (address) => {
      if (memory.current !== backend.agent || address < domain.page(0) || address >= domain.page(0) + 10 * PAGE_SIZE)
        return;
      if (loaded.has(address)) twice.push(`${run.choices.at(-1)}: 0x${address.toString(16)}`);
      loaded.add(address);
    },
    store() {},
  };
  let words = 0;
  while (run.possible.length > 0) {
    const [first = ''] = run.possible;
    loaded.clear();
    run.take(first);
    words += loaded.size;
  }
  t.ok(words > 100);
  t.equal(machine.slots[0].guest.user.state.answered, 15);
  t.strictSame(twice, []);
});

t.test('a backend that answers a request that is not there is not listened to any more', async (t) => {
  const run = new BlockRun({ ...OPTIONS, operations: [read(0)] });
  const { world } = run;
  run.go(['guest1', 'blkback1'], 'guest1.blkfront.receive/take');
  const [{ domain, guest }] = world.machine.slots;
  BLKIF_X86_64.response.view(world.memory).at(domain.page(RING_PFN) + RING_ENTRIES_OFFSET).id_low = 1;
  run.go(EVERYBODY);
  t.ok(guest.front.state.broken);
  t.equal(world.lastFault, 'slot 1: blkfront: a response to request 1');
  t.equal(guest.user.state.answered, 0);
  t.notOk(guest.front.accepts());
});

t.test('a device that is taken away while the frontend connects is not brought back', async (t) => {
  const run = new BlockRun({ ...OPTIONS, plan: 'attach-hangs', start: 'boot', operations: [] });
  run.go(['blkback1', 'guest1', 'toolstack'], 'guest1.blkfront.connect');
  run.go(['toolstack', 'blkback1', 'guest1']);
  const store = world(run);
  t.equal(store.peek(vbdPaths(0, 1).front('state')), null);
  t.equal(run.world.violations, 0);
});

function world({ world: { machine } }: BlockRun): (typeof machine.slots)[0]['toolstackStore'] {
  return machine.slots[0].toolstackStore;
}
