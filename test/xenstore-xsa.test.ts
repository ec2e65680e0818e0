/**
 * Security advisories as test cases: what went wrong once in a xenstore daemon. The list is that of the advisories of the
 * Xen project that concern the daemon; 349, 350 and 354 are about drivers and toolstacks, and 206 is about how often a guest
 * may write in a time, which nothing here knows. Those about bytes and full connections are in
 * `xenstore-xsa-frames.test.ts`.
 *
 * Each story is told to each daemon it is meant for. Where daemons name an error differently, all names are given.
 */
import t from 'tap';
import { POLICIES, type Policy } from '../xenstore-sim/index.js';
import { guest, type Row, Story } from './support/xenstore-story.js';

interface Advisory {
  readonly what: string;
  /** Quotas that differ from the default. */
  readonly quota?: Partial<Policy['quota']>;
  /** Left out for a daemon that it does not fit, with the reason beside it. */
  readonly fits?: (policy: Policy) => boolean;
  readonly rows: readonly Row[];
}

/** A watch whose first event is taken. */
const watch = (who: string, path: string, token: string): Row[] => [
  [who, `watch ${path} ${token}`],
  [who, 'events', `${path} ${token}`],
];

const repeat = (count: number, rows: (i: number) => readonly Row[]): Row[] =>
  Array.from({ length: count }, (_, i) => rows(i)).flat();

const NO_SPACE = 'ENOSPC|EQUOTA';
const NOT_OWNER = 'EPERM|EACCES';

const advisories: { readonly [number: string]: Advisory } = {
  '115': {
    what: 'a guest that watches everything hears of nothing it may not read, special names included',
    rows: [
      ...guest(1),
      ...watch('g1', '/', 't'),
      ...watch('g1', '@introduceDomain', 'i'),
      ['a', 'write /secret/below v'],
      ['a', 'setPerms /secret n0'],
      ['a', 'rm /secret'],
      ['host', 'create 2'],
      ['a', 'introduce 2 1 1'],
      ['g1', 'events', ''],
      ['a', 'setPerms @introduceDomain n0 r1'],
      // Where the special names are nodes, this is a change like any other.
      ['g1', 'events', '|@introduceDomain i|/@introduceDomain t'],
      ['host', 'create 3'],
      ['a', 'introduce 3 1 1'],
      ['g1', 'events', '@introduceDomain i'],
    ],
  },
  '233': {
    what: 'a device model and its target end at the same moment: both are reported',
    rows: [
      ...guest(1),
      ...guest(2),
      ['a', 'setTarget 2 1'],
      ...watch('w', '@releaseDomain', 'r'),
      ['host', 'destroy 1'],
      ['host', 'destroy 2'],
      ['w', 'events', '@releaseDomain r, @releaseDomain r'],
      ...guest(1),
      ...guest(2),
      ['a', 'setTarget 2 1'],
      ['host', 'destroy 2'],
      ['host', 'destroy 1'],
      ['w', 'events', '@releaseDomain r, @releaseDomain r'],
    ],
  },
  '322': {
    what: 'a new domain has nothing from an old one with its number',
    rows: [
      ...guest(1),
      ['a', 'write /shared v'],
      ['a', 'setPerms /shared n0 r1'],
      ['g1', 'read /shared', '"v"'],
      ['g1', 'write mine v'],
      ['a', 'setPerms @introduceDomain n0 r1'],
      ['host', 'destroy 1'],
      ['a', 'read /local/domain/1/mine', 'ENOENT'],
      ...guest(1),
      ['g1', 'read /shared', 'EACCES'],
      ['g1', 'read mine', 'ENOENT'],
      ...watch('g1', '@introduceDomain', 'i'),
      ['host', 'create 2'],
      ['a', 'introduce 2 1 1'],
      ['g1', 'events', ''],
    ],
  },
  '330': {
    what: 'watches set and reset again and again leave nothing behind, and no event comes from a reset one',
    rows: [
      ...guest(1),
      ...repeat(300, (i) => [
        ['g1', `watch data t${i}`],
        ['g1', 'events', `data t${i}`],
        ['g1', 'resetWatches'],
      ]),
      ['g1', 'write data v'],
      ['g1', 'events', ''],
    ],
  },
  '352': {
    what: 'a guest cannot give its node to another',
    rows: [
      ...guest(1),
      ...guest(2),
      ['g1', 'write mine v'],
      ['g1', 'setPerms mine n2', NOT_OWNER],
      ['g1', 'setPerms mine n0 b1', NOT_OWNER],
      ['g1', 'transactionStart', '"1"'],
      ['g1', '#1 setPerms mine n2', NOT_OWNER],
      ['g1', '#1 commit', 'OK'],
      ['g1', 'getPerms mine', 'n1'],
      ['g1', 'setPerms mine n1 b2'],
      ['g2', 'setPerms /local/domain/1/mine n2', 'EACCES'],
    ],
  },
  '353': {
    what: 'the root has permissions like any other node',
    rows: [
      ...guest(1),
      ['g1', 'read /', 'EACCES'],
      ['g1', 'write / v', 'EACCES'],
      ['g1', 'directory /', 'EACCES'],
      ['g1', 'getPerms /', 'EACCES'],
      ['g1', 'setPerms / n1', 'EACCES'],
      ['g1', 'mkdir /new', 'EACCES'],
      ['a', 'setPerms / n0 r1'],
      ['g1', 'getPerms /', 'n0 r1'],
      ['g1', 'write / v', 'EACCES'],
      ['g1', 'setPerms / n1', 'EACCES'],
    ],
  },
  '414': {
    what: 'a node that exceeds the quota leaves none of its parents behind',
    // oxenstored creates them one by one and leaves those that fitted.
    fits: (policy) => policy.rules === 'c',
    quota: { nodes: 4 },
    rows: [
      ...guest(1),
      ...watch('w', '/local', 't'),
      ['g1', 'write a/b/c/d v', NO_SPACE],
      ['g1', 'mkdir a/b/c/d', NO_SPACE],
      ['g1', 'directory /local/domain/1', '[]'],
      ['g1', 'read a', 'ENOENT'],
      ['w', 'events', ''],
      ['g1', 'write a/b v'],
      ['g1', 'directory /local/domain/1', '[a]'],
    ],
  },
  '415': {
    what: 'a node that a failed transaction created is not in the tree, with or without parent',
    quota: { nodes: 6 },
    rows: [
      ...guest(1),
      ['g1', 'write top v'],
      ['g1', 'transactionStart', '"1"'],
      ['g1', '#1 directory top', '[]'],
      ['g1', '#1 write top/deep/node v'],
      ['a', 'write /local/domain/1/top/other v'],
      ['g1', '#1 commit', 'EAGAIN'],
      ['a', 'directory /local/domain/1/top', '[other]'],
      ['a', 'read /local/domain/1/top/deep', 'ENOENT'],
      ['a', 'read /local/domain/1/top/deep/node', 'ENOENT'],
      // A transaction that fails because of a quota, at a request or at the end.
      ...guest(2),
      ['g2', 'transactionStart', '"1"'],
      ['g2', '#1 write a/b/c/d/e/f/g v', 'OK|EQUOTA'],
      ['g2', '#1 commit', 'ENOSPC|EQUOTA|OK'],
      ['a', 'read /local/domain/2/a/b/c/d/e/f/g', 'ENOENT'],
    ],
  },
  '417': {
    what: 'access that one guest gave to another ends with the other',
    rows: [
      ...guest(1),
      ...guest(2),
      ['g1', 'write data v'],
      ['g1', 'setPerms data n1 b2'],
      ['g2', 'read /local/domain/1/data', '"v"'],
      ['host', 'destroy 2'],
      ...guest(2),
      ['g2', 'read /local/domain/1/data', 'EACCES'],
      ['g2', 'write /local/domain/1/data w', 'EACCES'],
    ],
  },
  '417, in a transaction': {
    what: 'access that is given in an open transaction ends with the other guest, too',
    // oxenstored commits the entries as they were written.
    fits: (policy) => policy.rules === 'c',
    rows: [
      ...guest(1),
      ...guest(2),
      ['g1', 'transactionStart', '"1"'],
      ['g1', '#1 write other v'],
      ['g1', '#1 setPerms other n1 b2'],
      ['host', 'destroy 2'],
      ['g1', '#1 commit', 'OK|EAGAIN'],
      ...guest(2),
      ['g2', 'read /local/domain/1/other', 'EACCES'],
    ],
  },
  '418': {
    what: 'a very deep tree is built, removed and dropped with its owner',
    quota: { nodes: 10_000, transactionNodes: 10_000 },
    rows: [
      ...guest(1),
      ['g1', `write ${Array(500).fill('d').join('/')} v`],
      ['g1', `write ${Array(500).fill('d').join('/')} w`],
      ['g1', 'transactionStart', '"1"'],
      ['g1', `#1 write ${Array(500).fill('e').join('/')} v`],
      ['g1', '#1 rm d'],
      ['g1', '#1 commit'],
      ['a', 'directory /local/domain/1', '[e]'],
      ['host', 'destroy 1'],
      ['a', 'directory /local/domain', '[]'],
      ['a', `write ${'/d'.repeat(500)} v`],
      ['a', 'rm /d'],
      ['a', 'read /d', 'ENOENT'],
    ],
  },
  '419': {
    what: 'guests with nodes in each other leave nothing to the control domain, and each is charged for its own',
    // In oxenstored what is created below a node belongs to that node's owner.
    fits: (policy) => policy.childOrder === 'creation',
    quota: { nodes: 6 },
    rows: [
      ...guest(1),
      ...guest(2),
      ['g1', 'setPerms /local/domain/1 n1 b2'],
      ['g2', 'write /local/domain/1/gift v'],
      ['g2', 'setPerms /local/domain/1/gift n2 b1'],
      ['g1', 'write gift/x v'],
      ['g1', 'write gift/y v'],
      ['g1', 'write n1 v'],
      ['host', 'destroy 2'],
      ['g1', 'directory /local/domain/1', '[n1]'],
      // The domain's own directory and n1 are left.
      ...repeat(3, (i): Row[] => [['g1', `write more${i} v`]]),
      ['a', 'getPerms /local/domain/1/more0', 'n1 b2|n1'],
      ['host', 'destroy 1'],
      ['a', 'directory /local/domain', '[]'],
    ],
  },
  '440': {
    what: 'two transactions that remove the same nodes do not count them twice',
    quota: { nodes: 60 },
    rows: [
      ...guest(1),
      ...repeat(50, (i): Row[] => [['g1', `write n${i} v`]]),
      ['g1', 'transactionStart', '"1"'],
      ['a', 'transactionStart', '"1"'],
      ...repeat(50, (i): Row[] => [
        ['g1', `#1 rm n${i}`],
        ['a', `#1 rm /local/domain/1/n${i}`],
      ]),
      ['g1', '#1 commit'],
      // oxenstored repeats the requests, and removing what is gone is no error.
      ['a', '#1 commit', 'EAGAIN|OK'],
      ['g1', 'directory /local/domain/1', '[]'],
      ...repeat(50, (i): Row[] => [['g1', `write again${i} v`]]),
      ...repeat(10, (i): Row[] => [['g1', `write more${i} v`, `OK|${NO_SPACE}`]]),
      ['g1', 'write last v', NO_SPACE],
    ],
  },
  '481': {
    what: 'a path that ends behind the prefix of domains is no path, and nothing else happens',
    rows: [
      ...guest(1),
      ...['a', 'g1'].flatMap((who) =>
        [
          'read /local/domain/',
          'write /local/domain/ v',
          'mkdir /local/domain/',
          'rm /local/domain/',
          'directory /local/domain/',
          'getPerms /local/domain/',
          'setPerms /local/domain/ n0',
          'watch /local/domain/ t',
          'read /local/domain/1/',
          'read /local/',
        ].map((line): Row => [who, line, 'EINVAL']),
      ),
      ['a', 'read /local/domain', '""'],
    ],
  },
  '484': {
    what: 'RESET_WATCHES inside a transaction ends it, and nobody uses it after',
    rows: [
      ...guest(1),
      ['g1', 'transactionStart', '"1"'],
      ['g1', '#1 write k v'],
      ['g1', '#1 resetWatches'],
      ['g1', '#1 write k v', 'ENOENT|EIO'],
      ['g1', '#1 commit', 'ENOENT|EIO'],
      ['g1', 'read k', 'ENOENT'],
      ['g1', 'write k v'],
    ],
  },
};

for (const policy of Object.values(POLICIES)) {
  for (const [number, { what, quota = {}, fits = () => true, rows }] of Object.entries(advisories)) {
    if (!fits(policy)) continue;
    t.test(`XSA-${number}, ${policy.name}: ${what}`, async (t) => {
      const story = new Story({ ...policy, quota: { ...policy.quota, ...quota } });
      for (const [who, line, expected = 'OK'] of rows) {
        const found = story.play(who, line);
        if (!expected.split('|').includes(found)) t.equal(found, expected, `${who}: ${line.slice(0, 60)}`);
      }
    });
  }

  t.test(`XSA-272, XSA-421, XSA-483, ${policy.name}: no way leads past the quota on nodes`, async (t) => {
    const story = new Story({ ...policy, quota: { ...policy.quota, nodes: 8 } });
    const play = (rows: readonly Row[]): string[] => rows.map(([who, line]) => story.play(who, line));
    /** How many nodes domain 1 can add until it is refused. */
    const fill = (name: string): number => {
      for (let i = 0; i < 100; i++) if (story.play('g1', `write ${name}${i} v`) !== 'OK') return i;
      return 100;
    };
    const owned = (): number => story.play('a', 'directory /local/domain/1').split(' ').length;
    play(guest(1));
    const room = fill('w');
    t.ok(room >= 6 && room <= 8, `of 8, ${room} fit beside the directory of the domain`);
    t.equal(fill('again'), 0, 'WRITE is refused once and for all');
    t.equal(story.play('g1', 'mkdir dir'), story.play('g1', 'write file v'), 'MKDIR and WRITE alike');
    t.equal(owned(), room);

    for (let i = 0; i < 10; i++) {
      // Creates and removes, in one transaction: what was created counts, what was only there for a while does not.
      const id = `#${story.play('g1', 'transactionStart').slice(1, -1)}`;
      play([
        ['g1', `${id} write t${i} v`],
        ['g1', `${id} rm ${i === 0 ? 'w0' : `t${i}`}`],
        ['g1', `${id} write t${i}/x v`],
        ['g1', `${id} rm t${i}/x`],
        ['g1', `${id} commit`],
      ]);
    }
    fill('after');
    t.ok(owned() <= room, `transactions make no room: ${owned()} of ${room}`);

    play([['host', 'destroy 1'], ...guest(1)]);
    t.equal(fill('new'), room, 'a new domain with the same number starts from nothing');
    play([['a', 'rm /local/domain/1'], ['a', 'release 1'], ['host', 'destroy 1'], ...guest(1)]);
    t.equal(fill('new'), room, 'also if its nodes went before it');
  });

  t.test(
    `XSA-323, ${policy.name}: the limit on relative paths does not depend on the number of the domain`,
    async (t) => {
      const story = new Story(policy);
      for (const [who, line] of [...guest(1), ...guest(12345)]) story.play(who, line);
      /** A relative path of `length` bytes; its names are short enough for any node. */
      const path = (length: number, letter = 'x'): string => `${letter.repeat(49)}/`.repeat(60).slice(0, length);
      const longest = [2048, 2047, 1024].find((length) => story.play('g1', `write ${path(length)} v`) === 'OK') ?? 0;
      t.ok(longest > 0);
      story.tell(t, [
        ['g1', `write ${path(longest + 1)} v`, 'EINVAL'],
        ['g1', `write /local/domain/1/${path(longest, 'y')} v`],
        ['g12345', `write ${path(longest)} v`],
        ['g12345', `read ${path(longest)}`, '"v"'],
        ['g12345', `write ${path(longest + 1)} v`, 'EINVAL'],
        ['g12345', `watch ${path(longest)} t`],
      ]);
    },
  );
}
