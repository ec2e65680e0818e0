/**
 * Nodes, paths and permissions. Expected replies are those of C xenstored 4.17; the names are those of the scenarios in
 * which they were observed, or of the security advisory that made them what they are.
 */
import t from 'tap';
import { C_4_17, parsePermission } from '../xenstore-sim/index.js';
import { guest, type Row, Story } from './support/xenstore-story.js';

const stories: { readonly [name: string]: readonly Row[] } = {
  'read-fresh-root': [
    ['a', 'directory /', '[tool]'],
    ['a', 'directory /tool', '[xenstored]'],
    ['a', 'read /tool/xenstored', '""'],
    ['a', 'getPerms /', 'n0'],
  ],
  'write-creates-parents': [
    ['a', 'write /p/q/r leaf'],
    ['a', 'read /p', '""'],
    ['a', 'read /p/q', '""'],
    ['a', 'directory /p/q', '[r]'],
  ],
  mkdir: [
    ['a', 'mkdir /m/n'],
    ['a', 'read /m/n', '""'],
    ['a', 'write /m/n kept'],
    ['a', 'mkdir /m/n'],
    ['a', 'read /m/n', '"kept"'],
  ],
  'write-root': [
    ['a', 'write / top'],
    ['a', 'read /', '"top"'],
    ['a', 'directory /', '[tool]'],
  ],
  'path-syntax': [
    ['a', 'write /aZ09-_@/x v'],
    ...['/a.b', '/a:b', '/a+b', '/a~b', '//a', '/a//b', '/a/', '', '/.', '/..'].map(
      (path): Row => ['a', `read ${path}`, 'EINVAL'],
    ),
    ['a', 'read /AZ09-_@/x', 'ENOENT'],
  ],
  'path-length-domain-relative: a number of up to five digits is not counted': [
    ['a', `write /local/domain/12345/${'x'.repeat(2048)} v`],
    ['a', `write /local/domain/12345/${'x'.repeat(2049)} v`, 'EINVAL'],
    ['a', `write /local/domain/123456/${'x'.repeat(2027)} v`],
    ['a', `write /local/domain/123456/${'x'.repeat(2028)} v`, 'EINVAL'],
  ],
  'path-local-domain-slash (XSA-481)': [
    ['a', 'read /local/domain/', 'EINVAL'],
    ['a', 'watch /local/domain/ t', 'EINVAL'],
  ],
  'perms-unknown-domain: an entry from before the domain is worth nothing': [
    ['a', 'write /x v'],
    ['a', 'setPerms /x n7', 'ENOENT'],
    ['a', 'setPerms /x n0 r7'],
    ['a', 'getPerms /x', 'n0 r7'],
    ...guest(7),
    ['g7', 'read /x', 'EACCES'],
    ['a', 'setPerms /x n0 r7'],
    ['g7', 'read /x', '"v"'],
  ],
  'a domain ends and another gets its number (XSA-322, XSA-417)': [
    ...guest(1),
    ['a', 'write /x v'],
    ['a', 'setPerms /x n0 r1'],
    ['g1', 'write own/y v'],
    ['host', 'destroy 1'],
    ['a', 'directory /local/domain', '[]'],
    ...guest(1),
    ['g1', 'read /x', 'EACCES'],
    ['a', 'getPerms /x', 'n0 r1'],
    ['a', 'write /x/below v'],
    ['g1', 'read /x/below', 'EACCES'],
  ],
  'a device model loses the rights of a target that ended (XSA-233)': [
    ...guest(1),
    ...guest(2),
    ['a', 'write /x v'],
    ['a', 'setPerms /x n0 r1'],
    ['a', 'setTarget 2 1'],
    ['g2', 'read /x', '"v"'],
    ['host', 'destroy 1'],
    ...guest(1),
    ['a', 'setPerms /x n0 r1'],
    ['g1', 'read /x', '"v"'],
    ['g2', 'read /x', 'EACCES'],
  ],
  'a guest and the root (XSA-353)': [
    ...guest(1),
    ['g1', 'read /', 'EACCES'],
    ['g1', 'write / v', 'EACCES'],
    ['g1', 'directory /', 'EACCES'],
    ['g1', 'getPerms /', 'EACCES'],
    ['g1', 'setPerms / n1', 'EACCES'],
    ['g1', 'rm /', 'EACCES'],
  ],
  'special names belong to the control domain': [
    ...guest(1),
    ['g1', 'setPerms @releaseDomain n1', 'EACCES'],
    ['a', 'setPerms @releaseDomain n0 b1'],
    ['g1', 'setPerms @releaseDomain n1', 'EACCES'],
  ],
  'the root that a domain owned goes to the control domain, not to the next domain of that number (XSA-322)': [
    ...guest(1),
    ['a', 'setPerms / n1'],
    ['g1', 'write / v'],
    ['host', 'destroy 1'],
    ...guest(1),
    ['g1', 'read /', 'EACCES'],
    ['g1', 'write / w', 'EACCES'],
    ['a', 'getPerms /', 'n0'],
  ],
  'perms-unknown-domain: a domain that has ended cannot be made an owner': [
    ...guest(1),
    ['a', 'write /x v'],
    ['a', 'setPerms /x n1'],
    ['a', 'setPerms /x n0'],
    ['host', 'destroy 1'],
    ['a', 'setPerms /x n1', 'ENOENT'],
  ],
  'a child is refused when its name makes the record of its parent too large': [
    ...guest(1),
    // 24 bytes, 8 for the entry, and the names with their nuls: 2047 is the most.
    ['g1', `mkdir ${'a'.repeat(1000)}`],
    ['g1', `mkdir ${'b'.repeat(1000)}`],
    ['g1', `mkdir ${'c'.repeat(13)}`, 'ENOSPC'],
    ['g1', `mkdir ${'c'.repeat(12)}`],
  ],
  'SET_PERMS without an entry': [
    ['a', 'write /x v'],
    ['a', 'setPerms /x', 'EINVAL'],
  ],
  'requests on domains': [
    ['a', 'introduce 5 1 0', 'EINVAL'],
    ['a', 'release 0', 'EINVAL'],
    ['a', 'resume 0', 'EINVAL'],
    ['a', 'release 5', 'ENOENT'],
    ['a', 'resume 5', 'ENOENT'],
    ['host', 'create 5'],
    ['a', 'release 5', 'ENOENT'],
    ['a', 'isDomainIntroduced 5', '"F"'],
    ['a', 'introduce 5 1 2'],
    ['a', 'isDomainIntroduced 5', '"T"'],
    ['a', 'resume 5'],
  ],
};

for (const [name, rows] of Object.entries(stories)) {
  t.test(name, async (t) => new Story().tell(t, rows));
}

t.test('the number of owned nodes is right whatever happened (XSA-421, XSA-440, XSA-483)', async (t) => {
  // A domain may own five nodes; its directory is one.
  const story = new Story({ ...C_4_17, quota: { ...C_4_17.quota, nodes: 5 } });
  const four: Row[] = [1, 2, 3, 4].map((n) => ['g1', `write n${n} v`]);
  const full: Row[] = [...four, ['g1', 'write n5 v', 'ENOSPC']];
  const emptied: Row[] = [1, 2, 3, 4].map((n) => ['a', `rm /local/domain/1/n${n}`]);
  story.tell(t, [...guest(1), ...full]);
  // Two transactions remove the same nodes.
  const removal = (who: string): Row[] => [
    [who, 'transactionStart', '"1"'],
    ...emptied.map(([, line]): Row => [who, `#1 ${line}`]),
  ];
  story.tell(t, [...removal('a'), ...removal('b'), ['a', '#1 commit'], ['b', '#1 commit', 'EAGAIN'], ...full]);
  // A transaction that creates and removes does not make room.
  story.tell(t, [
    ['g1', 'transactionStart', '"1"'],
    ['g1', '#1 write n6 v'],
    ['g1', '#1 rm n1'],
    ['g1', '#1 commit', 'ENOSPC'],
    ['g1', 'write n6 v', 'ENOSPC'],
  ]);
  // What is given away or given back counts.
  story.tell(t, [
    ['a', 'setPerms /local/domain/1/n1 n0'],
    ['g1', 'write n5 v'],
    ['g1', 'write n6 v', 'ENOSPC'],
  ]);
  // A new domain with the same number starts from nothing.
  story.tell(t, [['host', 'destroy 1'], ...guest(1), ...full]);
});

t.test('a very deep tree can be removed (XSA-418)', async (t) => {
  const story = new Story();
  story.tell(t, [
    ['a', `write ${'/d'.repeat(1024)} v`],
    ['a', `directory ${'/d'.repeat(1023)}`, '[d]'],
    ['a', 'rm /d'],
    ['a', 'directory /', '[tool]'],
  ]);
});

t.test('perms-number-formats, perms-errors', async (t) => {
  t.strictSame(['b0x0', 'r00', 'w010', 'n0x1F', 'r5', 'r +6', 'r-1', 'r4294967296'].map(parsePermission), [
    { access: 'b', domid: 0 },
    { access: 'r', domid: 0 },
    { access: 'w', domid: 8 },
    { access: 'n', domid: 31 },
    { access: 'r', domid: 5 },
    { access: 'r', domid: 6 },
    { access: 'r', domid: -1 },
    { access: 'r', domid: 0 },
  ]);
  for (const text of ['', 'r', 'x0', 'rx', 'R0', '0r', 'r0 ', 'r0x', 'r08'])
    t.equal(parsePermission(text), undefined, text);
});
