/**
 * RM inside a transaction that cannot go on, by the rules of C xenstored: the first child that it may not access, or that
 * is not there, ends the removal with EIO, and what was removed before stays removed.
 */
import t from 'tap';
import { C_4_17, C_4_22, withQuota } from '../xenstore-sim/index.js';
import { guest, type Row, Story } from './support/xenstore-story.js';

/** Nodes that a transaction may access. */
const NODES = 5;
const TREE: readonly Row[] = [
  ...guest(1),
  ['a', 'write /x v'],
  ['a', 'setPerms /x b0'],
  ...['/x/d', '/x/d/1', '/x/d/1/e', '/x/d/2', '/x/d/3'].map((path): Row => ['g1', `write ${path} v`]),
  ['g1', 'transactionStart', '"1"'],
];

for (const policy of [C_4_17, C_4_22]) {
  const small = withQuota(policy, { transactionNodes: NODES - policy.allowance.transactionNodes });

  t.test(`${policy.name}: the limit is met at the node itself or its parent`, async (t) => {
    new Story(small).tell(t, [
      ...TREE,
      ...['/x/d/3', '/x/d/2', '/x/d/1', '/x/d/1/e'].map((path): Row => ['g1', `#1 read ${path}`, '"v"']),
      ['g1', '#1 read /x', '"v"'],
      ['g1', '#1 rm /x/d', 'ENOSPC'],
      ['g1', '#1 commit', 'ENOMEM'],
    ]);
    new Story(small).tell(t, [
      ...TREE,
      ...['/x/d/3', '/x/d/2', '/x/d/1', '/x/d/1/e'].map((path): Row => ['g1', `#1 read ${path}`, '"v"']),
      ['g1', '#1 rm /x/d', 'ENOSPC'],
      ['g1', '#1 commit', 'ENOMEM'],
    ]);
  });

  t.test(`${policy.name}: the limit is met below: EIO, and the removal stops half way`, async (t) => {
    new Story(small).tell(t, [
      ...TREE,
      ['g1', '#1 rm /x/d', 'EIO'],
      ['g1', '#1 directory /x/d', '[3]'],
      ['g1', '#1 read /x/d/1', 'ENOENT'],
      ['g1', '#1 read /x/d/3', 'ENOSPC'],
      ['g1', '#1 directory /x', '[d]'],
      ['g1', '#1 commit', 'ENOMEM'],
      ['a', 'directory /x/d', '[1 2 3]'],
    ]);
  });
}

t.test('a child that the parent lists has gone outside', async (t) => {
  new Story().tell(t, [
    ['a', 'write /x/d/1 v'],
    ['a', 'write /x/d/2 v'],
    ['a', 'transactionStart', '"1"'],
    ['a', '#1 directory /x/d', '[1 2]'],
    ['b', 'rm /x/d/2'],
    ['a', '#1 rm /x/d', 'EIO'],
    ['a', '#1 directory /x/d', '[2]'],
    ['a', '#1 commit', 'EAGAIN'],
  ]);
});

t.test('a parent that does not list the child: the child goes all the same', async (t) => {
  new Story().tell(t, [
    ['a', 'mkdir /m'],
    ['a', 'transactionStart', '"1"'],
    ['a', '#1 read /m', '""'],
    ['b', 'write /m/k v'],
    ['a', '#1 rm /m/k', 'EIO'],
    ['a', '#1 read /m/k', 'ENOENT'],
    ['a', '#1 commit', 'EAGAIN'],
    ['a', 'directory /m', '[k]'],
  ]);
});
