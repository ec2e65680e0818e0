/**
 * What breaks when a guest leaves out one of the rules of `frontend/xenstore-ring/rules.ts`. Messages across a save,
 * leftovers and late introduction have files of their own: hazards 36, 37 and 38.
 */
import t from 'tap';
import { BROKEN } from '../../frontend/xenstore-ring/rules.js';
import { RingWorld } from '../../simulator/xenstore-ring/world.js';
import { holdsEverywhere } from '../support/explorable.js';
import { brokenMigration, brokenRules, brokenWorld, DAEMONS, READ_A } from '../support/ring-worlds.js';

t.test('no rule is missed where the suspend is cancelled: the connection is as it was', async (t) => {
  for (const { name } of BROKEN) {
    for (const daemon of DAEMONS) t.ok(holdsEverywhere(brokenWorld(name, daemon, 'cancel', 0)), `${name}, ${daemon}`);
  }
});

t.test('a guest that does not register its watches again misses what happens to the new store', async (t) => {
  for (const daemon of DAEMONS) {
    const { exploration, why } = brokenMigration('forgets-watches', daemon);
    t.equal(exploration.oracle, 'no-hang');
    t.equal(why, 'the guest has seen 0, the store has 1');
  }
});

t.test(
  'a guest that sends again without a reconnection leaves half a request in a ring that nobody empties',
  async (t) => {
    const options = { daemon: 'ocaml', plan: 'migrate', asks: [READ_A], writes: null, grain: 'chunk' } as const;
    const resends = { ...brokenRules('drops-new-replies'), dropsLeftovers: false };
    t.ok(holdsEverywhere(new RingWorld({ ...options, rules: resends })));
    const world = new RingWorld({ ...options, rules: { ...resends, reconnects: false } });
    t.notOk(holdsEverywhere(world));
    t.ok(holdsEverywhere(new RingWorld({ ...options, daemon: 'c', rules: { ...resends, reconnects: false } })));
  },
);
