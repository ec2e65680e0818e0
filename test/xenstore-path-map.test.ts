import fc from 'fast-check';
import t from 'tap';
import { type Path, resolvePath } from '../xenstore-sim/path.js';
import { PathMap } from '../xenstore-sim/path-map.js';

class Cell {
  readonly hashLow: number;
  readonly hashHigh: number;
  constructor(n: number) {
    this.hashLow = n;
    this.hashHigh = ~n;
  }
}

function pathOf(text: string): Path {
  const path = resolvePath(text, 0);
  if (path === null) throw new Error(`no path: ${text}`);
  return path;
}

/** Two paths whose 32 bits of hash are equal; among 2^18 paths there are about eight such pairs. */
function twins(): [Path, Path] {
  const known = new Map<number, Path>();
  for (let i = 0; i < 1 << 18; i++) {
    const path = pathOf(`/n${i}`);
    const other = known.get(path.hashLow);
    if (other !== undefined) return [other, path];
    known.set(path.hashLow, path);
  }
  throw new Error('no two paths with equal hashes');
}

t.test('a path map does what a Map does', async () => {
  const [one, other] = twins();
  const names = ['/', '/a', '/b', '/a/b', '/b/a', '/a/b/c', ...Array.from({ length: 30 }, (_, i) => `/x/${i}`)];
  const paths = [one, other, ...names.map(pathOf)];
  const change = fc.record({ at: fc.nat(paths.length - 1), value: fc.option(fc.nat(5)) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const reference = new Map<Path, Cell>();
      let map = PathMap.empty<Cell>();
      for (const { at, value } of changes) {
        const path = paths[at] as Path;
        const old = map;
        const oldValue = old.get(path);
        if (value === null) {
          reference.delete(path);
          map = map.delete(path);
        } else {
          const cell = new Cell(value);
          reference.set(path, cell);
          map = map.set(path, cell);
        }
        if (old.get(path) !== oldValue) return false;
      }
      // The hash is that of a map built in one go, in another order.
      let rebuilt = PathMap.empty<Cell>();
      for (const path of paths.toReversed()) {
        const cell = reference.get(path);
        if (map.get(path) !== cell) return false;
        if (cell !== undefined) rebuilt = rebuilt.set(path, cell);
      }
      return map.hashLow === rebuilt.hashLow && map.hashHigh === rebuilt.hashHigh;
    }),
    { numRuns: 500, seed: 6 },
  );
});

t.test('an emptied map is like a new one', async (t) => {
  const [one, other] = twins();
  const cell = new Cell(1);
  const map = PathMap.empty<Cell>().set(one, cell).set(other, cell).delete(one);
  t.equal(map.get(other), cell);
  t.equal(map.get(one), undefined);
  t.strictSame([map.delete(other).hashLow, map.delete(other).hashHigh], [0, 0]);
});
