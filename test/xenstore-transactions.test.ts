/**
 * Transactions by the rule of C xenstored 4.17. The names are those of the scenarios in which the expected replies were
 * observed, or of security advisories.
 */
import t from 'tap';
import { C_4_17, finite } from '../xenstore-sim/index.js';
import { guest, type Row, Story } from './support/xenstore-story.js';

const start: Row = ['a', 'transactionStart', '"1"'];
const watch: readonly Row[] = [
  ['w', 'watch / t'],
  ['w', 'events', '/ t'],
];

const stories: { readonly [name: string]: readonly Row[] } = {
  'tx-read-missing-then-created': [
    ['a', 'mkdir /m'],
    start,
    ['a', '#1 read /m/k', 'ENOENT'],
    ['b', 'write /m/k v'],
    ['a', '#1 read /m/k', 'ENOENT'],
    ['a', '#1 commit', 'EAGAIN'],
  ],
  'a missing node below a missing parent, created outside': [
    start,
    ['a', '#1 read /m/k', 'ENOENT'],
    ['b', 'write /m/k v'],
    ['a', '#1 commit', 'EAGAIN'],
  ],
  'tx-rm-mkdir-setperms: events in the order of first access': [
    ['a', 'write /x/old v'],
    ['a', 'write /x/other v'],
    ...watch,
    start,
    ['a', '#1 read /x/other', '"v"'],
    ['a', '#1 rm /x/old'],
    ['a', '#1 mkdir /x/new'],
    ['a', '#1 setPerms /x/other r0'],
    ['w', 'events', ''],
    ['a', '#1 commit'],
    ['w', 'events', '/x/other t, /x/old t, /x/new t'],
    ['a', 'directory /x', '[other new]'],
  ],
  'tx-events-own-watch': [
    ['a', 'watch /e t'],
    ['a', 'events', '/e t'],
    start,
    ['a', '#1 write /e v'],
    ['a', 'events', ''],
    ['a', '#1 commit'],
    ['a', 'events', '/e t'],
  ],
  'no events and no changes after an abort or a conflict': [
    ['a', 'write /k v'],
    ...watch,
    start,
    ['a', '#1 write /k w'],
    ['a', '#1 abort'],
    ['w', 'events', ''],
    ['a', 'transactionStart', '"2"'],
    ['a', '#2 write /l w'],
    ['b', 'write /l x'],
    ['a', '#2 commit', 'EAGAIN'],
    ['w', 'events', '/l t'],
    ['a', 'read /l', '"x"'],
  ],
  'a value that changes and changes back is a conflict': [
    ['a', 'write /k v'],
    start,
    ['a', '#1 read /k', '"v"'],
    ['b', 'write /k w'],
    ['b', 'write /k v'],
    ['a', '#1 commit', 'EAGAIN'],
  ],
  'permissions that change are a conflict': [
    ['a', 'write /k v'],
    start,
    ['a', '#1 read /k', '"v"'],
    ['b', 'setPerms /k n0'],
    ['a', '#1 commit', 'EAGAIN'],
  ],
  'a change below a node that was only read is none': [
    ['a', 'write /k/sub v'],
    start,
    ['a', '#1 read /k', '""'],
    ['b', 'write /k/sub w'],
    ['a', '#1 commit'],
  ],
  'a write to a node that is there does not look at its parent': [
    ['a', 'write /k/sub v'],
    start,
    ['a', '#1 write /k/sub w'],
    ['b', 'write /k v'],
    ['a', '#1 commit'],
    ['a', 'read /k/sub', '"w"'],
  ],
  'a removal whose parent was met before the node was there': [
    ['a', 'mkdir /m'],
    start,
    ['a', '#1 read /m', '""'],
    ['b', 'write /m/k v'],
    ['a', '#1 rm /m/k', 'EIO'],
    ['a', '#1 commit', 'EAGAIN'],
    ['a', 'directory /m', '[k]'],
  ],
  'TRANSACTION_START inside a transaction': [start, ['a', '#1 transactionStart', 'EBUSY'], ['a', '#1 commit']],
  'TRANSACTION_END outside of one': [['a', 'commit', 'ENOENT']],
  'a commit can doom another transaction of the same connection': [
    ['a', 'write /k v'],
    start,
    ['a', 'transactionStart', '"2"'],
    ['a', '#2 read /k', '"v"'],
    ['a', '#1 write /k w'],
    ['a', '#1 commit'],
    ['a', '#2 commit', 'EAGAIN'],
  ],
  'special names know no transactions': [
    ...guest(1),
    start,
    ['a', '#1 setPerms @releaseDomain r0'],
    ['g1', 'watch @releaseDomain t'],
    ['g1', 'events', '@releaseDomain t'],
    ['host', 'create 2'],
    ['a', '#1 introduce 2 1 1'],
    ['a', '#1 release 2'],
    ['g1', 'events', '@releaseDomain t'],
  ],
  'a domain ends: its entries in open transactions die too (XSA-322)': [
    ...guest(1),
    ['a', 'write /x v'],
    start,
    ['a', '#1 setPerms /x n0 r1'],
    ['host', 'destroy 1'],
    ['a', '#1 commit'],
    ...guest(1),
    ['g1', 'read /x', 'EACCES'],
  ],
  'a domain ends that was just given a node': [
    ...guest(1),
    ['a', 'write /x v'],
    start,
    ['a', '#1 setPerms /x n1'],
    ['host', 'destroy 1'],
    ['a', '#1 commit', 'EAGAIN'],
  ],
};

for (const [name, rows] of Object.entries(stories)) {
  t.test(name, async (t) => new Story().tell(t, rows));
}

t.test('who may read only the old permissions is told at commit, too', async (t) => {
  const rows: readonly Row[] = [
    ...guest(1),
    ['a', 'write /x/k v'],
    ['a', 'setPerms /x/k n0 r1'],
    ['g1', 'watch /x t'],
    ['g1', 'events', '/x t'],
    start,
    ['a', '#1 setPerms /x/k n0'],
    ['a', '#1 commit'],
    ['g1', 'events', '/x/k t'],
    ['a', 'transactionStart', '"2"'],
    ['a', '#2 rm /x/k'],
    ['a', '#2 commit'],
    ['g1', 'events', ''],
  ];
  new Story().tell(t, rows);
});

t.test(
  'a commit tells node by node: whether readers of the parent hear depends on which was accessed first',
  async (t) => {
    const setUp: readonly Row[] = [
      ...guest(1),
      ['a', 'mkdir /p'],
      ['g1', 'watch /p t'],
      ['g1', 'events', '/p t'],
      start,
    ];
    const open: Row = ['a', '#1 setPerms /p r0'];
    const hide: readonly Row[] = [
      ['a', '#1 write /p/k v'],
      ['a', '#1 setPerms /p/k n0'],
    ];
    new Story().tell(t, [...setUp, ...hide, open, ['a', '#1 commit'], ['g1', 'events', '/p t']]);
    new Story().tell(t, [...setUp, open, ...hide, ['a', '#1 commit'], ['g1', 'events', '/p t, /p/k t']]);
  },
);

t.test('a domain that owns all it may can still change what it has', async (t) => {
  const story = new Story({ ...C_4_17, quota: { ...C_4_17.quota, nodes: 2 } });
  story.tell(t, [
    ...guest(1),
    ['g1', 'write k v'],
    ['g1', 'transactionStart', '"1"'],
    ['g1', '#1 write k w'],
    ['g1', '#1 commit'],
    ['g1', 'read k', '"w"'],
  ]);
});

t.test('with a finite policy, ids are used again', async (t) => {
  new Story(finite(C_4_17)).tell(t, [
    start,
    ['a', 'transactionStart', '"2"'],
    ['a', '#1 abort'],
    start,
    ['a', 'transactionStart', '"3"'],
    ['a', '#2 commit'],
    ['a', 'transactionStart', '"2"'],
  ]);
});
