import fc from 'fast-check';
import t from 'tap';
import { VisitedTable } from '../../simulator/explore/visited-table.js';

/** Halves of a hash: any, the extremes, and few, so that states and slots meet. */
const half = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000),
  fc.integer({ min: -3, max: 3 }),
  fc.nat(7).map((high) => high << 12),
);

/** A state with the hash 0, 0 counts as the one with 1, 0: the table has no other place for it. */
const named = (low: number, high: number): string => (low === 0 && high === 0 ? '1,0' : `${low},${high}`);

t.test('the table never loses a state nor invents one', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(half, half), { maxLength: 300 }), (states) => {
      const table = new VisitedTable();
      const known = new Set<string>();
      for (const [low, high] of states) {
        const isNew = !known.has(named(low, high));
        known.add(named(low, high));
        if (table.add(low, high) !== isNew || table.size !== known.size) return false;
      }
      return states.every(([low, high]) => !table.add(low, high)) && table.size === known.size;
    }),
  );
});

/** Well spread hashes, one pair for each number. */
function hashOf(i: number): [number, number] {
  const low = Math.imul(i ^ (i >>> 15), 0x2c1b3c6d) ^ 0x297a2d39;
  return [low, Math.imul(low ^ (low >>> 13), 0x85ebca6b) ^ i];
}

t.test('nor does it while it grows', async (t) => {
  const table = new VisitedTable();
  const count = 60_000;
  let lost = 0;
  let invented = 0;
  for (let i = 0; i < count; i++) if (!table.add(...hashOf(i))) invented++;
  for (let i = 0; i < count; i++) if (table.add(...hashOf(i))) lost++;
  t.strictSame([lost, invented, table.size], [0, 0, count]);
});

t.test('states that all want the same slot are kept apart', async (t) => {
  const table = new VisitedTable();
  // They differ only in bits that do not choose the slot.
  const count = 2000;
  let added = 0;
  let known = 0;
  for (let i = 1; i <= count; i++) if (table.add(i << 20, 5)) added++;
  for (let i = 1; i <= count; i++) if (!table.add(i << 20, 5)) known++;
  t.strictSame([added, known], [count, count]);
});

t.test('the states whose hash is 0 in one half or both are kept', async (t) => {
  const table = new VisitedTable();
  t.ok(table.add(0, 0));
  t.notOk(table.add(0, 0));
  t.ok(table.add(0, 1));
  t.ok(table.add(0, -1));
  t.ok(table.add(2, 0));
  t.equal(table.size, 4);
  t.notOk(table.add(1, 0), 'the one with 1, 0 is taken for it');
  for (let i = 1; i < 10_000; i++) table.add(...hashOf(i));
  t.notOk(table.add(0, 0), 'also after the table has grown');
  t.notOk(table.add(0, 1));
});

t.test('a state takes 10.6 to 21.4 bytes once there are 4096 of them', async (t) => {
  const table = new VisitedTable();
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; table.size < 100_000; i++) {
    if (!table.add(...hashOf(i)) || table.size < 4096) continue;
    const each = table.bytes / table.size;
    least = Math.min(least, each);
    most = Math.max(most, each);
  }
  t.ok(least >= 10.6, `at least ${least}`);
  t.ok(most <= 21.4, `at most ${most}`);
  t.ok(most / least > 1.9, 'both bounds are reached: the table doubles');
});

t.test('an empty table is small', async (t) => {
  t.equal(new VisitedTable().bytes, 32 * 1024);
});

t.test('states seen before take no room', async (t) => {
  const table = new VisitedTable();
  for (let round = 0; round < 50; round++) for (let i = 0; i < 1000; i++) table.add(...hashOf(i));
  t.strictSame([table.size, table.bytes], [1000, 32 * 1024]);
});
