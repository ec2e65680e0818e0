/**
 * What oxenstored 4.17 does in its own way, where the transcripts do not show it. Expected replies and events are those
 * of the daemon itself.
 */
import t from 'tap';
import { OCAML_4_17 } from '../xenstore-sim/policy.js';
import { guest, type Row, Story } from './support/xenstore-story.js';

const stories: { readonly [name: string]: readonly Row[] } = {
  'watches below a removed node: on one path the newest first': [
    ['a', 'write /s/a/b v'],
    ...['t1', 't2', 't3'].map((token): Row => ['w', `watch /s/a/b ${token}`]),
    ['w', 'events', '/s/a/b t1, /s/a/b t2, /s/a/b t3'],
    ['a', 'rm /s/a'],
    ['w', 'events', '/s/a/b t3, /s/a/b t2, /s/a/b t1'],
  ],
  'introduce-errors: a known domain keeps its ring, and may get another channel': [
    ['host', 'create 5'],
    ['a', 'introduce 5 100 3'],
    ['a', 'introduce 5 100 4'],
    ['a', 'introduce 5 101 4', 'EINVAL'],
  ],
  'a device model of the control domain may do everything': [
    ...guest(2),
    ['a', 'write /x v'],
    ['a', 'setPerms /x n3'],
    ['g2', 'read /x', 'EACCES'],
    ['a', 'setTarget 2 0'],
    ['g2', 'read /x', '"v"'],
  ],
  'a domain that was never introduced ends, and its nodes stay': [
    ['host', 'create 1'],
    ['a', 'write /x v'],
    ['a', 'setPerms /x n1'],
    ['host', 'destroy 1'],
    ['a', 'read /x', '"v"'],
  ],
};

for (const [name, rows] of Object.entries(stories)) {
  t.test(name, async (t) => new Story(OCAML_4_17).tell(t, rows));
}

t.test('a transaction that is performed again counts its nodes once, and is gone afterwards', async (t) => {
  // The directory of the guest, `k` and one for each of the three rounds.
  const story = new Story({ ...OCAML_4_17, quota: { ...OCAML_4_17.quota, nodes: 5, transactions: 1 } });
  story.tell(t, [...guest(1), ['g1', 'write k v']]);
  for (const round of [1, 2, 3]) {
    const id = story.play('g1', 'transactionStart').replaceAll('"', '');
    story.tell(t, [
      ['g1', `#${id} write n${round} v`],
      ['a', `write /local/domain/1/k ${round}`],
      ['g1', `#${id} commit`],
    ]);
    t.strictSame(story.store.domains.get(1)?.nodes, 2 + round);
  }
  t.ok(story.store.connections.items.every(({ transactions }) => transactions.length === 0));
  story.tell(t, [['g1', 'write n4 v', 'EQUOTA']]);
});
