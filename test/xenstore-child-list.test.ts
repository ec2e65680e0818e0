/** The list of children against a plain array, in both orders, with all versions kept. */
import fc from 'fast-check';
import t from 'tap';
import { ChildList } from '../xenstore-sim/child-list.js';

type Change = { readonly add: boolean; readonly pick: number; readonly hinted: boolean };

interface Version {
  readonly list: ChildList;
  readonly names: readonly string[];
}

const child = (number: number): string => `c${number}`;

/** As many changes as it takes for three levels. */
const changes: fc.Arbitrary<Change[]> = fc
  .tuple(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 1, max: 9 }), fc.nat())
  .map(([count, growth, seed]) => {
    let state = seed;
    const draw = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    return Array.from({ length: count }, () => ({
      add: draw(10) < growth,
      pick: draw(1 << 20),
      hinted: draw(4) > 0,
    }));
  });

for (const order of ['creation', 'name'] as const) {
  t.test(`order of ${order}`, async (t) => {
    let most = 0;
    fc.assert(
      fc.property(changes, (changes) => {
        let now: Version = { list: ChildList.empty, names: [] };
        const births = new Map<string, number>();
        const versions: Version[] = [now];
        for (const { add, pick, hinted } of changes) {
          if (add) {
            const name = child(pick);
            if (now.names.includes(name)) continue;
            const birth = now.list.nextBirth;
            births.set(name, birth);
            const names = [...now.names, name];
            if (order === 'name') names.sort();
            now = { list: now.list.with(name, order === 'name' ? name : birth), names };
          } else {
            const name = now.names[pick % Math.max(1, now.names.length)] ?? child(pick);
            const key = order === 'name' ? name : hinted ? (births.get(name) ?? 0) : pick % 7;
            now = { list: now.list.without(name, key), names: now.names.filter((other) => other !== name) };
          }
          if (pick % 50 === 0) versions.push(now);
          most = Math.max(most, now.names.length);
        }
        for (const { list, names } of [...versions, now]) {
          if (list.all.join(' ') !== names.join(' ') || list.count !== names.length) return false;
          if (list.bytes !== names.reduce((sum, name) => sum + name.length + 1, 0)) return false;
        }
        return true;
      }),
      { numRuns: 60 },
    );
    t.ok(most > 1024 / 2, `up to ${most} children`);
  });
}

t.test('what is not there is not taken away', async (t) => {
  const list = ChildList.empty.with(child(1), 0);
  t.equal(list.without(child(2), 0), list);
  t.equal(list.without(child(2), 7), list);
  t.strictSame(list.without(child(1), 7).all, []);
  t.throws(() => list.with(child(2), 0), /a second child with key 0/);
});

t.test('a hundred thousand children', async (t) => {
  let list = ChildList.empty;
  for (let i = 0; i < 100_000; i++) list = list.with(child(i), i);
  const before = list;
  list = list.without(child(77_777), 77_777);
  t.equal(list.count, 99_999);
  t.equal(before.all.length, 100_000);
  t.notOk(list.all.includes(child(77_777)));
  // With a wrong key it is looked for among all of them.
  t.equal(list.without(child(55_555), 1).count, 99_998);
});
