/** The device table: numbers are used again at once, diskseqs never, and loop devices go as their kernel says. */
import fc from 'fast-check';
import t from 'tap';
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { Content, Kernel, SLOTS } from '../../simulator/block-identity/kernel.js';
import { type KernelRules, USUAL_SETTING } from '../../simulator/block-identity/setting.js';

const slotOf = (name: string): number => SLOTS.findIndex((slot) => slot.name === name);
const LOOP0 = slotOf('loop0');

function kernelWith(rules: Partial<KernelRules> = {}): Kernel {
  let life = 0;
  const kernel = new Kernel(new JournaledMemory(2), {
    address: PAGE_SIZE,
    rules: { ...USUAL_SETTING.kernel, ...rules },
    newLife: () => ++life,
  });
  kernel.boot();
  return kernel;
}

t.test('the lowest free number is used again, with the next diskseq', async (t) => {
  const kernel = kernelWith();
  kernel.create(kernel.findFree('volume'), Content.A);
  t.equal(kernel.find(0xfd, 0), slotOf('dm-0'));
  t.equal(kernel.disk(slotOf('dm-0')).diskseq, 10);
  t.ok(kernel.remove(slotOf('dm-0')));
  t.equal(kernel.find(0xfd, 0), -1);
  kernel.create(kernel.findFree('volume'), Content.B);
  t.match(kernel.disk(slotOf('dm-0')), { diskseq: 11, life: 2, content: Content.B });
  t.equal(kernel.findFree('volume'), slotOf('dm-1'));
});

t.test('a device that is open is not removed', async (t) => {
  const kernel = kernelWith();
  const slot = kernel.findFree('volume');
  kernel.create(slot, Content.A);
  t.ok(kernel.open(slot));
  t.notOk(kernel.remove(slot));
  kernel.close(slot);
  t.ok(kernel.remove(slot));
  t.notOk(kernel.open(slot), 'and what is removed cannot be opened');
});

t.test('all numbers of a disk lead to it, and its partitions have its diskseq', async (t) => {
  const kernel = kernelWith();
  kernel.create(slotOf('sda'), Content.A);
  for (const minor of [0, 1, 15]) t.equal(kernel.find(8, minor), slotOf('sda'));
  t.equal(kernel.find(8, 16), -1);
});

t.test('attach and detach give a new diskseq where the kernel does that', async (t) => {
  for (const renumberOnAttach of [true, false]) {
    for (const renumberOnDetach of [true, false]) {
      const kernel = kernelWith({ renumberOnAttach, renumberOnDetach });
      kernel.prepare(LOOP0);
      const fresh = kernel.disk(LOOP0).diskseq;
      t.ok(kernel.attach(LOOP0, Content.A, 1, false));
      const attached = kernel.disk(LOOP0).diskseq;
      t.equal(attached > fresh, renumberOnAttach);
      t.notOk(kernel.attach(LOOP0, Content.B, 0, false), 'one file at a time');
      kernel.detach(LOOP0);
      t.equal(kernel.disk(LOOP0).diskseq > attached, renumberOnDetach);
      t.match(kernel.disk(LOOP0), { present: true, life: 0 });
    }
  }
});

t.test('up to 6.10 the sole opener detaches at once, and others put it off to the last close', async (t) => {
  const kernel = kernelWith({ clear: 'now' });
  kernel.attach(LOOP0, Content.A, 1, false);
  kernel.open(LOOP0);
  t.equal(kernel.clear(LOOP0), false);
  t.equal(kernel.disk(LOOP0).life, 0);
  kernel.close(LOOP0);
  kernel.attach(LOOP0, Content.A, 1, false);
  kernel.open(LOOP0);
  kernel.open(LOOP0);
  t.equal(kernel.clear(LOOP0), true);
  kernel.close(LOOP0);
  t.not(kernel.disk(LOOP0).life, 0);
  kernel.close(LOOP0);
  t.equal(kernel.disk(LOOP0).life, 0);
});

t.test('from 6.11 on the last close begins a detach, in which nobody opens or attaches', async (t) => {
  const kernel = kernelWith({ clear: 'deferred' });
  kernel.attach(LOOP0, Content.A, 1, false);
  kernel.open(LOOP0);
  t.equal(kernel.clear(LOOP0), true);
  kernel.close(LOOP0);
  t.equal(kernel.disk(LOOP0).winding, true);
  t.notOk(kernel.open(LOOP0));
  t.notOk(kernel.attach(LOOP0, Content.B, 0, false));
  kernel.detach(LOOP0);
  t.ok(kernel.attach(LOOP0, Content.B, 0, false));
});

t.test('delete on close takes the device with its last opener', async (t) => {
  const kernel = kernelWith();
  kernel.attach(LOOP0, Content.A, 1, true);
  kernel.open(LOOP0);
  kernel.close(LOOP0);
  t.equal(kernel.find(7, 0), -1);
  t.equal(kernel.findFree('loop'), LOOP0);
  kernel.create(slotOf('dm-0'), Content.A, true);
  kernel.open(slotOf('dm-0'));
  kernel.close(slotOf('dm-0'));
  t.equal(kernel.find(0xfd, 0), -1);
});

t.test('no diskseq is given twice, whatever is made and removed', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 3 }), { maxLength: 40 }), (operations) => {
      const kernel = kernelWith();
      const given = new Map<number, number>();
      for (const operation of operations) {
        if (operation === 0 && kernel.findFree('volume') >= 0) kernel.create(kernel.findFree('volume'), Content.A);
        if (operation === 1) kernel.remove(slotOf('dm-0'));
        if (operation === 2) kernel.attach(LOOP0, Content.A, 1, false);
        if (operation === 3 && kernel.disk(LOOP0).life !== 0) kernel.detach(LOOP0);
        SLOTS.forEach((_, slot) => {
          const { present, life, diskseq } = kernel.disk(slot);
          if (!present || life === 0) return;
          t.ok((given.get(diskseq) ?? life) === life);
          given.set(diskseq, life);
        });
      }
    }),
    { numRuns: 100 },
  );
});
