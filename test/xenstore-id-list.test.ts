import fc from 'fast-check';
import t from 'tap';
import { IdList } from '../xenstore-sim/id-list.js';

interface Item {
  readonly id: number;
  readonly hashLow: number;
  readonly hashHigh: number;
}

/** More numbers than fit a block, so that blocks are made, split and given up. */
const number = fc.nat(400);
const change = fc.record({ id: number, value: fc.option(fc.nat(), { nil: null }) });

function listOf(
  changes: readonly { readonly id: number; readonly value: number | null }[],
): [IdList<Item>, Map<number, Item>] {
  let list = IdList.empty<Item>(true);
  const model = new Map<number, Item>();
  for (const { id, value } of changes) {
    if (value === null) {
      list = list.delete(id);
      model.delete(id);
      continue;
    }
    const item = { id, hashLow: value, hashHigh: ~value };
    list = list.set(item);
    model.set(id, item);
  }
  return [list, model];
}

t.test('a list of numbered items is a map in the order of the numbers', async (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 600, size: 'max' }), (changes) => {
      const [list, model] = listOf(changes);
      const expected = [...model.values()].sort((one, other) => one.id - other.id);
      t.strictSame(list.items, expected);
      for (let id = 0; id <= 400; id += 7) t.equal(list.get(id), model.get(id));
      let free = 0;
      while (model.has(free)) free++;
      t.equal(list.lowestFree, free);
    }),
    { numRuns: 60 },
  );
});

t.test('the hash of a list is that of its items, whatever led to them', async (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 600, size: 'max' }), (changes) => {
      const [list, model] = listOf(changes);
      let fresh = IdList.empty<Item>(true);
      for (const item of model.values()) fresh = fresh.set(item);
      t.same([list.hashLow, list.hashHigh], [fresh.hashLow, fresh.hashHigh]);
    }),
    { numRuns: 60 },
  );
  const [one] = listOf([{ id: 1, value: 1 }]);
  const [other] = listOf([{ id: 1, value: 2 }]);
  t.not(one.hashLow, other.hashLow);
});

t.test('a change leaves the old list as it was', async (t) => {
  const [list] = listOf(Array.from({ length: 300 }, (_, id) => ({ id, value: id })));
  const before = [...list.items];
  list.delete(150).set({ id: 7, hashLow: 0, hashHigh: 0 });
  t.strictSame(list.items, before);
});
