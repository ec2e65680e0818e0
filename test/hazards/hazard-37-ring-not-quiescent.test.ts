/**
 * Hazard 37: the store's ring is not empty on resume: leftover replies have to be dropped, and dropped in time.
 *
 * A watch event that nobody asked for may lie in the ring, whole or half, although no request is open. C xenstored
 * empties the ring at INTRODUCE, oxenstored does not.
 */
import t from 'tap';
import { LINUX } from '../../frontend/xenstore-ring/rules.js';
import { RingWorld } from '../../simulator/xenstore-ring/world.js';
import { holdsEverywhere } from '../support/explorable.js';
import { brokenMigration, brokenWorld, DAEMONS, READ_A } from '../support/ring-worlds.js';
import { inOrder } from '../support/worlds.js';

t.test('hazard 37: leftovers matter only where INTRODUCE leaves the indices alone', async (t) => {
  t.ok(holdsEverywhere(brokenWorld('keeps-leftovers', 'c', 'migrate')));
  t.ok(
    holdsEverywhere(
      new RingWorld({ daemon: 'ocaml', plan: 'migrate', rules: LINUX, asks: [READ_A], writes: 1, grain: 'chunk' }),
    ),
  );
  const { exploration, why } = brokenMigration('keeps-leftovers', 'ocaml');
  t.equal(exploration.oracle, 'in-step');
  t.equal(why, 'guest2 reads nonsense');
});

t.test('hazard 37: a guest that drops leftovers after it has sent again drops the first new replies', async (t) => {
  for (const daemon of DAEMONS) {
    const { exploration, steps } = brokenMigration('drops-new-replies', daemon);
    t.ok(exploration.oracle === 'in-step' || exploration.oracle === 'no-hang', `${exploration.oracle}`);
    t.ok(inOrder(steps, ['guest2.kernel/syscore_resume', 'guest2.xb_write/copy', 'guest2.kernel/xs_resume']));
  }
});
