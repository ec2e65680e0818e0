/** The trees of a running daemon against a plain Map, with versions that were kept, with and without an owner. */
import fc from 'fast-check';
import t from 'tap';
import { ChildList } from '../xenstore-sim/child-list.js';
import { Node } from '../xenstore-sim/node.js';
import { OverlayTree } from '../xenstore-sim/overlay-tree.js';
import { PackedTree } from '../xenstore-sim/packed-tree.js';
import { type Path, resolvePath } from '../xenstore-sim/path.js';
import { PermissionList } from '../xenstore-sim/permissions.js';
import type { Tree } from '../xenstore-sim/tree.js';

const LISTS = Array.from({ length: 6 }, (_, i) => ChildList.empty.with(`child-${i}`, i));
const PERMISSIONS = Array.from({ length: 5 }, (_, domid) => PermissionList.of([{ access: 'n', domid }], () => true));

function pathOf(text: string): Path {
  const path = resolvePath(text, 0);
  if (path === null) throw new Error(`no path: ${text}`);
  return path;
}

/** A path whose hash is what it is said to be; the trees look at nothing else. */
function forged(text: string, hashLow: number): Path {
  const path = Object.create(pathOf(text)) as Path;
  return Object.defineProperty(path, 'hashLow', { value: hashLow });
}

/** Ordinary ones, some of equal hash, and some that differ in the highest bits only. */
const PATHS: readonly Path[] = [
  ...Array.from({ length: 40 }, (_, i) => pathOf(`/directory/${'long-'.repeat(i % 7)}${i}`)),
  ...Array.from({ length: 20 }, (_, i) => forged(`/equal/${i}`, -7)),
  ...Array.from({ length: 20 }, (_, i) => forged(`/high/${i}`, (i << 28) | 5)),
];

function nodeOf(seed: number, path: Path): Node {
  const value = String.fromCharCode(seed & 255).repeat((seed >>> 3) % 90);
  const permissions = PERMISSIONS[seed % PERMISSIONS.length] as PermissionList;
  // As with real nodes, a list has one node at most.
  const list = seed % 3 === 0 ? (LISTS[PATHS.indexOf(path)] ?? ChildList.empty) : ChildList.empty;
  return Node.stored(value, permissions, list, seed * 2 ** 20, seed * 2 ** 16);
}

type Content = ReadonlyMap<Path, Node>;

/** What differs; empty if nothing does. Permissions and lists must be the same objects. */
function difference(tree: Tree, content: Content): string {
  for (const path of PATHS) {
    const expected = content.get(path);
    const found = tree.get(path);
    if (expected === undefined || found === undefined) {
      if (expected !== found) return `${path.text}: ${found === undefined ? 'missing' : 'there'}`;
    } else if (
      found.value !== expected.value ||
      found.permissions !== expected.permissions ||
      found.list !== expected.list ||
      found.generation !== expected.generation ||
      found.birth !== expected.birth
    )
      return `${path.text}: ${JSON.stringify([found, expected])}`;
  }
  return '';
}

const change = fc.record({
  at: fc.nat(PATHS.length - 1),
  seed: fc.option(fc.nat(2000), { freq: 3 }),
  /** Whether the tree as it is now is kept: then its owner needs a new name, or does without. */
  keep: fc.constantFrom('no', 'no', 'no', 'renamed', 'without'),
});

for (const bucketNodesMax of [1, 4, 1024]) {
  for (const overlaid of [false, true]) {
    const title = `buckets of ${bucketNodesMax}${overlaid ? ', changes laid over them' : ''}`;
    t.test(`${title}: as a Map, and what was kept stays`, async () => {
      fc.assert(
        fc.property(fc.array(change, { maxLength: 250 }), (changes) => {
          let tree: Tree = PackedTree.empty(bucketNodesMax);
          const content = new Map<Path, Node>();
          const kept: [Tree, Content][] = [];
          let owner: object | null = {};
          changes.forEach(({ at, seed, keep }, i) => {
            if (overlaid && i === changes.length >>> 1) tree = OverlayTree.over(tree);
            const path = PATHS[at] as Path;
            if (keep !== 'no') {
              kept.push([tree, new Map(content)]);
              owner = keep === 'renamed' ? {} : null;
            }
            if (seed === null) {
              content.delete(path);
              tree = tree.delete(path, owner);
            } else {
              const node = nodeOf(seed, path);
              content.set(path, node);
              tree = tree.set(path, node, owner);
            }
            // Without an owner, every version may be kept.
            if (owner === null) kept.push([tree, new Map(content)]);
            owner ??= i % 2 === 0 ? {} : null;
          });
          for (const [version, was] of [...kept, [tree, content] as const]) {
            const found = difference(version, was);
            if (found !== '') throw new Error(found);
          }
        }),
        { numRuns: 150, seed: 11 },
      );
    });
  }
}

t.test('thousands of nodes come and go', async (t) => {
  const owner = {};
  const paths = Array.from({ length: 5000 }, (_, i) => pathOf(`/many/${i % 50}/node-${i}`));
  let tree: Tree = PackedTree.empty(32);
  paths.forEach((path, i) => {
    tree = tree.set(path, Node.stored(`value ${i}`, PERMISSIONS[0] as PermissionList, ChildList.empty, i, 0), owner);
  });
  t.ok(paths.every((path, i) => tree.get(path)?.value === `value ${i}`));
  const whole = tree;
  // A new owner leaves the old tree alone.
  const other = {};
  paths.forEach((path, i) => {
    if (i % 10 !== 0) tree = tree.delete(path, other);
  });
  t.ok(paths.every((path, i) => (tree.get(path) === undefined) === (i % 10 !== 0)));
  t.ok(paths.every((path, i) => whole.get(path)?.value === `value ${i}`));
  for (const path of paths) tree = tree.delete(path, other);
  t.ok(paths.every((path) => tree.get(path) === undefined));
  t.equal((tree as PackedTree).bucket(0).depth, 0, 'one bucket is left');
});

t.test('the bytes of all nodes come from whom the tree was given', async (t) => {
  let allocated = 0;
  const allocate = (byteLength: number): ArrayBuffer => {
    allocated += byteLength;
    return new ArrayBuffer(byteLength);
  };
  let tree: Tree = PackedTree.empty(8, allocate);
  const owner = {};
  const node = Node.stored('v'.repeat(100), PERMISSIONS[0] as PermissionList, ChildList.empty, 1, 0);
  const paths = Array.from({ length: 100 }, (_, i) => pathOf(`/many/${i}`));
  for (const path of paths) tree = tree.set(path, node, owner);
  t.ok(allocated > 100 * 100, 'while they come, in buckets that are split');
  const before = allocated;
  tree = tree.set(paths[0] as Path, node);
  t.ok(allocated > before, 'for a copy');
  const copied = allocated;
  for (const path of paths.slice(5)) tree = tree.delete(path, owner);
  t.ok(allocated > copied, 'and for buckets that become one');
});

t.test('hundreds of paths of equal hash are found one by one', async (t) => {
  const owner = {};
  const paths = Array.from({ length: 700 }, (_, i) => forged(`/equal/${i}`, 0x12345678));
  let tree: Tree = PackedTree.empty(16);
  for (const path of paths)
    tree = tree.set(path, Node.stored(path.text, PERMISSIONS[1] as PermissionList, ChildList.empty, 1, 0), owner);
  t.ok(paths.every((path) => tree.get(path)?.value === path.text));
  for (const path of paths.slice(0, 690)) tree = tree.delete(path, owner);
  t.strictSame(
    paths.filter((path) => tree.get(path) !== undefined).map(({ text }) => text),
    paths.slice(690).map(({ text }) => text),
  );
});
