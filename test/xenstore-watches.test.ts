/**
 * Watches and the events of domains, as in C xenstored 4.17. The names are those of the scenarios in which the expected
 * events were observed, or of security advisories.
 */
import t from 'tap';
import { guest, type Row, Story } from './support/xenstore-story.js';

/** A watch whose first event is taken. */
const watch = (who: string, path: string, token: string): Row[] => [
  [who, `watch ${path} ${token}`],
  [who, 'events', `${path} ${token}`],
];

const stories: { readonly [name: string]: readonly Row[] } = {
  'watch-initial: also for what does not exist or may not be read': [
    ...guest(1),
    ...watch('w', '/nowhere', 't'),
    ...watch('g1', '/tool', 't'),
    ...watch('g1', 'data', 't'),
    ['w', 'watch / '],
    ['w', 'events', '/ '],
  ],
  'watch-implicit-parents': [...watch('w', '/p', 't'), ['a', 'write /p/q/r v'], ['w', 'events', '/p/q/r t']],
  'watch-mkdir-existing': [
    ['a', 'mkdir /p'],
    ...watch('w', '/p', 't'),
    ['a', 'mkdir /p'],
    ['w', 'events', ''],
    ['a', 'mkdir /p/q'],
    ['w', 'events', '/p/q t'],
  ],
  'watch-rm-subtree: children first, and only those that existed': [
    ['a', 'write /s/a/b/c v'],
    ['a', 'write /s/a/d v'],
    ...watch('w', '/s', 'above'),
    ...watch('w', '/s/a', 'top'),
    ...watch('w', '/s/a/b/c', 'leaf'),
    ...watch('w', '/s/a/b', 'mid'),
    ...watch('w', '/s/a/none', 'absent'),
    ['a', 'rm /s/a'],
    ['w', 'events', '/s/a/b/c leaf, /s/a/b mid, /s/a above, /s/a top'],
  ],
  'watch-coalesce: an event that is pending is not repeated': [
    ...watch('w', '/c', 't'),
    ['a', 'write /c/k 1'],
    ['a', 'write /c/k 2'],
    ['a', 'write /c/l 1'],
    ['a', 'write /c/k 3'],
    ['w', 'events', '/c/k t, /c/l t'],
    ['a', 'write /c/k 4'],
    ['w', 'events', '/c/k t'],
  ],
  'special events are not merged': [
    ...watch('w', '@introduceDomain', 't'),
    ['host', 'create 1'],
    ['host', 'create 2'],
    ['a', 'introduce 1 1 1'],
    ['a', 'introduce 2 1 1'],
    ['w', 'events', '@introduceDomain t, @introduceDomain t'],
  ],
  'watch-own-write-order: the writer hears of its own write': [
    ...watch('a', '/o', 't'),
    ['a', 'write /o v'],
    ['a', 'events', '/o t'],
  ],
  'watch-duplicate-relative': [
    ...watch('w', 'dev', 't'),
    ['w', 'watch /local/domain/0/dev t', 'EEXIST'],
    ...watch('w', '/local/domain/0/dev', 'u'),
    ['a', 'write /local/domain/0/dev/x v'],
    ['w', 'events', 'dev/x t, /local/domain/0/dev/x u'],
  ],
  'what is pending outlives the watch': [
    ...watch('w', '/c', 't'),
    ['a', 'write /c v'],
    ['w', 'unwatch /c t'],
    ['a', 'write /c/d v'],
    ['w', 'events', '/c t'],
  ],
  'watches match components, not characters': [
    ...watch('w', '/x/ab', 't'),
    ['a', 'write /x/abc v'],
    ['a', 'write /x/a v'],
    ['a', 'write /x v'],
    ['w', 'events', ''],
  ],
  'guest-watch-parent-readable: who can read the parent hears of every child': [
    ...guest(1),
    ['a', 'mkdir /p'],
    ['a', 'setPerms /p r0'],
    ['a', 'write /p/k v'],
    ['a', 'setPerms /p/k n0'],
    ...watch('g1', '/p', 't'),
    ['a', 'write /p/k w'],
    ['g1', 'events', '/p/k t'],
    ['a', 'rm /p/k'],
    ['g1', 'events', '/p/k t'],
  ],
  'a guest hears of an unreadable node that goes with the tree above, if it can read the parent': [
    ...guest(1),
    ['a', 'write /s/p/k v'],
    ['a', 'setPerms /s/p r0'],
    ['a', 'setPerms /s/p/k n0'],
    ...watch('g1', '/s/p/k', 't'),
    ['a', 'rm /s'],
    ['g1', 'events', '/s/p/k t'],
  ],
  'a guest that watches / hears of nothing it may not read (XSA-115)': [
    ...guest(1),
    ...watch('g1', '/', 't'),
    ['a', 'write /secret v'],
    ['a', 'rm /secret'],
    ['g1', 'events', ''],
    ['a', 'write /local/domain/1/x v'],
    ['g1', 'events', '/local/domain/1/x t'],
  ],
  'reset-watches: watches and transactions, silently (XSA-330)': [
    ...guest(1),
    ...watch('g1', 'k', 't'),
    ['g1', 'transactionStart', '"1"'],
    ['g1', '#1 write k v'],
    ['g1', 'resetWatches'],
    ['g1', '#1 commit', 'ENOENT'],
    ['a', 'write /local/domain/1/k v'],
    ['g1', 'events', ''],
    ...watch('g1', 'k', 't'),
  ],
  'reset-watches-in-tx (XSA-484)': [
    ['a', 'transactionStart', '"1"'],
    ['a', '#1 resetWatches'],
    ['a', '#1 read /tool', 'ENOENT'],
  ],
  'introduce-release-events': [
    ...watch('w', '@introduceDomain', 'i'),
    ...watch('w', '@releaseDomain', 'r'),
    ['host', 'create 1'],
    ['w', 'events', ''],
    ['a', 'introduce 1 1 1'],
    ['w', 'events', '@introduceDomain i'],
    ['a', 'introduce 1 1 2'],
    ['w', 'events', ''],
    ['a', 'release 1'],
    ['w', 'events', '@releaseDomain r'],
    ['a', 'introduce 1 1 1'],
    ['w', 'events', '@introduceDomain i'],
  ],
  'domain-shutdown-and-death: announced once, until RESUME': [
    ...guest(1),
    ...watch('w', '@releaseDomain', 'r'),
    ['host', 'shutdown 1'],
    ['w', 'events', '@releaseDomain r'],
    ['host', 'shutdown 1'],
    ['w', 'events', ''],
    ['g1', 'read /local/domain/1', '""'],
    ['a', 'resume 1'],
    ['host', 'shutdown 1'],
    ['w', 'events', '@releaseDomain r'],
    ['host', 'destroy 1'],
    ['w', 'events', '@releaseDomain r'],
    ['host', 'destroy 1'],
    ['w', 'events', ''],
  ],
  'domain-death-owned-nodes: one event for each topmost node, before the special one': [
    ...guest(1),
    ['g1', 'write own/x v'],
    ['a', 'write /other/y v'],
    ['a', 'setPerms /other/y n1'],
    ...watch('w', '/', 't'),
    ...watch('w', '@releaseDomain', 'r'),
    ['host', 'destroy 1'],
    ['w', 'events', '/local/domain/1 t, /other/y t, @releaseDomain r'],
    ['a', 'directory /other', '[]'],
  ],
  'a domain that was never introduced ends in silence': [
    ...watch('w', '@releaseDomain', 'r'),
    ['host', 'create 1'],
    ['host', 'shutdown 1'],
    ['host', 'destroy 1'],
    ['w', 'events', ''],
  ],
};

for (const [name, rows] of Object.entries(stories)) {
  t.test(name, async (t) => new Story().tell(t, rows));
}

t.test('an event longer than a payload is dropped (XSA-324)', async (t) => {
  // A path of 2054 bytes, a token of 2040 and two nuls are 4096.
  const token = 't'.repeat(2040);
  const fits = `/local/domain/9/${'x'.repeat(2038)}`;
  new Story().tell(t, [
    ...watch('w', '/local', token),
    ['a', `write ${fits} v`],
    ['w', 'events', `${fits} ${token}`],
    ['a', `write ${fits}x v`],
    ['w', 'events', ''],
  ]);
});
