/**
 * Advisories about what drivers and toolstacks do with a guest's nodes: the store's part in keeping them safe.
 */
import t, { type Test } from 'tap';
import { type DaemonName, execute, POLICIES, type Store } from '../xenstore-sim/index.js';
import { Story } from './support/xenstore-story.js';

function storyWithGuest(t: Test, name: DaemonName): Story {
  const story = new Story(POLICIES[name]);
  story.tell(t, [
    ['host', 'create 1'],
    ['a', 'introduce 1 100 3'],
    ['host', 'connect 1'],
    ['a', 'mkdir /local/domain/1'],
    ['a', 'setPerms /local/domain/1 n1 r0'],
  ]);
  return story;
}

const pendingOf = (store: Store): number => Math.max(...store.connections.items.map(({ pending }) => pending.length));

for (const [name, max] of [
  ['c', 1],
  ['ocaml', 4096],
] as const) {
  t.test(
    `${name}: a frontend that changes a watched node very fast leaves the backend ${max} events (XSA-349)`,
    async (t) => {
      const story = storyWithGuest(t, name);
      story.tell(t, [
        ['w', 'watch /local/domain/1/state t'],
        ['w', 'events', '/local/domain/1/state t'],
      ]);
      for (let i = 0; i < 10_000; i++) story.play('g1', `write state ${i % 7}`);
      t.equal(pendingOf(story.store), max);
    },
  );

  t.test(
    `${name}: a frontend that removes and makes its nodes during connect leaves the backend no more (XSA-350)`,
    async (t) => {
      const story = storyWithGuest(t, name);
      story.tell(t, [
        ['w', 'watch /local/domain/1/device t'],
        ['w', 'events', '/local/domain/1/device t'],
      ]);
      for (let i = 0; i < 5_000; i++) {
        story.play('g1', 'write device/vtpm/0/state 3');
        story.play('g1', 'rm device');
      }
      t.ok(pendingOf(story.store) <= Math.max(max, 2));
      t.equal(story.play('w', 'read /local/domain/1/device/vtpm/0/state'), 'ENOENT');
    },
  );
}

t.test(
  'the subtree of a guest is no larger than its quotas, so a reader of all of it can bound what it copies (XSA-354)',
  async (t) => {
    const story = storyWithGuest(t, 'c');
    const { nodes, nodeSize } = POLICIES.c.quota;
    const value = 'x'.repeat(nodeSize);
    for (let i = 0; i < 2 * nodes; i++) story.play('g1', `write d${i % 40}/n${i} ${value.slice(0, 1900)}`);
    const { bytes, count } = sizeOf(story.store, '/local/domain/1');
    t.ok(count > nodes / 2, `${count} nodes`);
    t.ok(count <= nodes);
    t.ok(bytes <= nodes * nodeSize, `${bytes} bytes`);
  },
);

/** Everything at and below `path`, as the control domain reads it. */
function sizeOf(store: Store, path: string): { bytes: number; count: number } {
  const { reply } = execute(store, 0, { type: 'read', path });
  const { reply: list } = execute(store, 0, { type: 'directory', path });
  let bytes = reply.kind === 'value' ? reply.value.length : 0;
  let count = 1;
  for (const name of list.kind === 'list' ? list.names : []) {
    const below = sizeOf(store, `${path}/${name}`);
    bytes += below.bytes + name.length;
    count += below.count;
  }
  return { bytes, count };
}
