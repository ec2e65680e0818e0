/** The tree of oxenstored in a running daemon against plain Maps: states that were kept, and what has changed since. */
import fc from 'fast-check';
import t from 'tap';
import { ChildList } from '../xenstore-sim/child-list.js';
import { Node } from '../xenstore-sim/node.js';
import { PackedTree } from '../xenstore-sim/packed-tree.js';
import { type Path, resolvePath } from '../xenstore-sim/path.js';
import { CONTROL_ONLY } from '../xenstore-sim/permissions.js';
import { type KeptTree, VersionedTree } from '../xenstore-sim/versioned-tree.js';

const PATHS = ['/', '/a', '/a/b', '/a/b/c', '/a/bb', '/d', '/d/e'].map((text): Path => {
  const path = resolvePath(text, 0);
  if (path === null) throw new Error(`no path: ${text}`);
  return path;
});

type Content = ReadonlyMap<Path, string>;

/** A state that was kept, what there was, and the paths that were noted since. */
interface Kept {
  readonly state: KeptTree;
  readonly content: Content;
  readonly noted: Set<Path>;
}

const step = fc.record({
  at: fc.nat(PATHS.length - 1),
  /** Null: removed. */
  value: fc.option(fc.constantFrom('1', '2', 'a longer value than that'), { freq: 3 }),
  next: fc.constantFrom('nothing', 'nothing', 'nothing', 'keep', 'keep', 'forget', 'end', 'other owner', 'no owner'),
  which: fc.nat(7),
});

function nodeOf(value: string): Node {
  return Node.stored(value, CONTROL_ONLY, ChildList.empty, 1, 0);
}

function check({ state, content, noted }: Kept, now: VersionedTree): void {
  for (const path of PATHS) {
    const found = state.get(path)?.value;
    if (found !== content.get(path)) throw new Error(`${path.text}: ${found}, not ${content.get(path)}`);
    const changed = [...noted].some((each) => each.isWithin(path));
    if (now.changedSince(state, path) !== changed) throw new Error(`${path.text}: expected changed to be ${changed}`);
  }
}

t.test('what is kept stays, and it is known what has changed since', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      let tree = VersionedTree.of(PackedTree.empty(4));
      let owner: object | null = {};
      const content = new Map<Path, string>();
      const kept: Kept[] = [];
      for (const { at, value, next, which } of steps) {
        const path = PATHS[at] as Path;
        tree = value === null ? tree.delete(path, owner) : tree.set(path, nodeOf(value), owner);
        if (value === null) content.delete(path);
        else content.set(path, value);
        tree.note(path);
        for (const { noted } of kept) noted.add(path);
        if (tree.get(path)?.value !== (value ?? undefined)) throw new Error(`${path.text} is not what it was set to`);
        if (next === 'keep') {
          kept.push({ state: tree.keep(), content: new Map(content), noted: new Set() });
          if (!tree.isStill((kept.at(-1) as Kept).state)) throw new Error('not what it is');
        }
        if (next === 'end') kept.splice(which, 1);
        if (next === 'forget') tree.forget(kept.map(({ state }) => state));
        if (next === 'other owner') owner = {};
        if (next === 'no owner') owner = null;
        for (const each of kept) check(each, tree);
      }
    }),
    { numRuns: 400, seed: 5 },
  );
  t.pass('for 400 histories');
});

t.test('a state that nobody works on any more costs nothing', async (t) => {
  const owner = {};
  const paths = Array.from({ length: 5000 }, (_, i) => resolvePath(`/many/${i}`, 0) as Path);
  let tree = VersionedTree.of(PackedTree.empty(64));
  const first = tree.keep();
  for (const path of paths) {
    tree = tree.set(path, nodeOf('1'), owner);
    tree.note(path);
  }
  t.equal(tree.isCrowded, true, 'every path is remembered');
  tree.forget([]);
  t.equal(tree.isCrowded, false);
  t.equal(tree.changedSince(first, paths[0] as Path), false, 'the caller has said that nobody asks');
  for (const path of paths) {
    tree = tree.set(path, nodeOf('2'), owner);
    tree.note(path);
  }
  t.equal(tree.isCrowded, false, 'nothing is remembered while nothing is kept');
});

t.test('one path that changes again and again is remembered once for each state that is kept', async (t) => {
  const owner = {};
  const path = resolvePath('/a', 0) as Path;
  let tree = VersionedTree.of(PackedTree.empty(64)).set(path, nodeOf('0'), owner);
  const kept = tree.keep();
  for (let i = 0; i < 20_000; i++) tree = tree.set(path, nodeOf('1'), owner);
  t.equal(tree.isCrowded, false);
  t.equal(kept.get(path)?.value, '0');
});
