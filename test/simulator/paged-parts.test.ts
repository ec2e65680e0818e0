/** A table in parts: states that are told apart by their hash or by their part are kept, however uneven the parts are. */
import fc from 'fast-check';
import t from 'tap';
import { PARTS } from '../../simulator/explore/paged-parts.js';
import { mixed, VisitedTable } from '../../simulator/explore/visited-table.js';

const half = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000),
  fc.integer({ min: -3, max: 3 }),
);
const anyPart = fc.oneof(fc.nat(2), fc.constant(PARTS - 1), fc.nat(PARTS - 1));

function dividedTable(): VisitedTable {
  const table = new VisitedTable();
  table.divide();
  return table;
}

/** A state with the hash 0, 0 counts as the one with 1, 0: the table has no other place for it. */
const named = (low: number, high: number, part: number): string =>
  low === 0 && high === 0 ? `1,0,${part}` : `${low},${high},${part}`;

t.test('the table never loses a state nor invents one', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(half, half, anyPart), { maxLength: 400 }), (states) => {
      const table = dividedTable();
      const known = new Set<string>();
      for (const [low, high, part] of states) {
        const isNew = !known.has(named(low, high, part));
        known.add(named(low, high, part));
        if (table.has(low, high, part) === isNew) return false;
        if (table.add(low, high, part) !== isNew || table.size !== known.size) return false;
      }
      return states.every(([low, high, part]) => table.has(low, high, part) && !table.add(low, high, part));
    }),
  );
});

/** Well spread hashes, one pair for each number. */
function hashOf(i: number): [number, number] {
  const low = Math.imul(i ^ (i >>> 15), 0x2c1b3c6d) ^ 0x297a2d39;
  return [low, Math.imul(low ^ (low >>> 13), 0x85ebca6b) ^ i];
}

const COUNT = 150_000;
const SPREADS: Readonly<Record<string, (i: number) => number>> = {
  'one part for all': () => 7,
  'a part for each thousand that follow one another': (i) => Math.floor(i / 1000),
  'many small parts': (i) => Math.imul(i, 0x9e3779b1) >>> 20,
  'each part half as large as the one before': (i) => Math.clz32(i),
};

for (const [name, partOf] of Object.entries(SPREADS))
  t.test(`nor does it while it grows: ${name}`, async (t) => {
    const table = dividedTable();
    let [lost, invented] = [0, 0];
    for (let i = 0; i < COUNT; i++) if (!table.add(...hashOf(i), partOf(i))) invented++;
    for (let i = 0; i < COUNT; i++) if (!table.has(...hashOf(i), partOf(i))) lost++;
    for (let i = COUNT; i < 2 * COUNT; i++) if (table.has(...hashOf(i), partOf(i))) invented++;
    t.strictSame([lost, invented, table.size], [0, 0, COUNT]);
    t.ok(table.bytes / COUNT < 25, `${table.bytes / COUNT} bytes a state`);
  });

t.test('states are kept apart whose hashes choose the same page, however many they are', async (t) => {
  // What is mixed is the same for all of them: no page of theirs can be split.
  const twins: [number, number][] = [];
  for (let i = 0; i < 500; i++) {
    const high = i << 8;
    twins.push([0x1234567 ^ (high >>> 7), high]);
  }
  t.equal(new Set(twins.map(([low, high]) => mixed(low, high))).size, 1);
  const table = dividedTable();
  let [added, known] = [0, 0];
  for (const [low, high] of twins) if (table.add(low, high, 5)) added++;
  for (const [low, high] of twins) if (table.has(low, high, 5) && !table.add(low, high, 5)) known++;
  t.strictSame([added, known, table.size], [500, 500, 500]);
  t.notOk(table.has(0x1234567 ^ (500 << 1), 500 << 8, 5), 'one that was not added');
  t.equal(
    table.bytes,
    32 * 1024 + dividedTable().bytes,
    'they have a table of their own, and no directory that doubles for ever',
  );
});

t.test('a state that found no room in its page is found again when the page has been split after all', async (t) => {
  const alike: [number, number][] = [];
  for (let i = 0; alike.length < 300; i++) if (mixed(...hashOf(i)) >>> 22 === 0) alike.push(hashOf(i));
  const table = dividedTable();
  for (const [low, high] of alike.slice(1)) table.add(low, high, 5);
  t.ok(table.bytes > dividedTable().bytes, 'there was no room');
  for (let i = 0; i < COUNT; i++) table.add(...hashOf(i), 6 + (i % 100));
  const size = table.size;
  t.ok(table.add(...(alike[0] as [number, number]), 5), 'splits the page');
  let added = 0;
  for (const [low, high] of alike) if (table.add(low, high, 5)) added++;
  t.strictSame([added, table.size], [0, size + 1]);
});

t.test('a part without states takes no page', async (t) => {
  const table = dividedTable();
  const { bytes } = table;
  for (let part = 0; part < 500; part++) table.add(part + 1, 9, part);
  t.equal(table.bytes, bytes);
});
