/** The list of children against a plain array, in both orders, with all versions kept. */
import fc from 'fast-check';
import t from 'tap';
import { ChildList } from '../xenstore-sim/child-list.js';
import { childPath, type Path, ROOT } from '../xenstore-sim/path.js';

type Change = { readonly add: boolean; readonly pick: number; readonly hinted: boolean };

interface Version {
  readonly list: ChildList;
  readonly paths: readonly Path[];
}

const names = (paths: readonly Path[]): string => paths.map(({ name }) => name).join(' ');
const child = (number: number): Path => childPath(ROOT, `c${number}`);

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
        let now: Version = { list: ChildList.empty, paths: [] };
        const births = new Map<Path, number>();
        const versions: Version[] = [now];
        for (const { add, pick, hinted } of changes) {
          if (add) {
            const path = child(pick);
            if (now.paths.includes(path)) continue;
            const birth = now.list.nextBirth;
            births.set(path, birth);
            const paths = [...now.paths, path];
            if (order === 'name') paths.sort((one, other) => (one.name < other.name ? -1 : 1));
            now = { list: now.list.with(path, order === 'name' ? path.name : birth), paths };
          } else {
            const path = now.paths[pick % Math.max(1, now.paths.length)] ?? child(pick);
            const key = order === 'name' ? path.name : hinted ? (births.get(path) ?? 0) : pick % 7;
            now = { list: now.list.without(path, key), paths: now.paths.filter((other) => other !== path) };
          }
          if (pick % 50 === 0) versions.push(now);
          most = Math.max(most, now.paths.length);
        }
        for (const { list, paths } of [...versions, now]) {
          if (names(list.all) !== names(paths) || list.count !== paths.length) return false;
          if (list.bytes !== paths.reduce((sum, { name }) => sum + name.length + 1, 0)) return false;
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

t.test('a hundred thousand children: a change looks at few of them', async (t) => {
  let list = ChildList.empty;
  for (let i = 0; i < 100_000; i++) list = list.with(child(i), i);
  const before = list;
  let compared = 0;
  const spy = new Proxy(child(77_777), {
    get(path, key) {
      if (key === 'hashLow') compared++;
      return Reflect.get(path, key, path);
    },
  });
  list = list.without(spy, 77_777);
  t.equal(list.count, 99_999);
  t.ok(compared < 10, `${compared} looks at the path`);
  t.equal(before.all.length, 100_000);
  t.notOk(list.all.includes(child(77_777)));
});
