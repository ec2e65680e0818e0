/**
 * Hazard 36: a message of the xenstore that is partly transferred when the domain is saved: the stream is out of step.
 *
 * The daemon of the new host has not seen the first half of a request and does not have the second half of a reply.
 * Either nothing is open and no message is half read when the domain stops, or everything open begins anew.
 */
import t from 'tap';
import { LINUX, RESENDS } from '../../frontend/xenstore-ring/rules.js';
import { RingWorld } from '../../simulator/xenstore-ring/world.js';
import { holdsEverywhere } from '../support/explorable.js';
import { brokenMigration, DAEMONS, READ_A } from '../support/ring-worlds.js';
import { inOrder } from '../support/worlds.js';

t.test('hazard 36: a guest that suspends with a request open waits for its reply for ever', async (t) => {
  for (const daemon of DAEMONS) {
    const { steps, why } = brokenMigration('suspends-with-open-requests', daemon, 'no-hang');
    t.match(why, /^the (user|kernel) waits/);
    t.ok(inOrder(steps, ['guest1.user/submit', 'guest1.xb_write/copy', 'guest1.kernel/suspend']), steps.join('\n'));
  }
});

t.test('hazard 36: the rest of a half written request is a header to the new daemon, and a wrong one', async (t) => {
  const { steps, why } = brokenMigration('suspends-with-open-requests', 'c', 'in-step');
  t.equal(why, 'xenstored2 has given the ring up');
  t.ok(inOrder(steps, ['guest1.xb_write/copy', 'guest1.kernel/suspend', 'guest2.xb_write/copy']), steps.join('\n'));
});

t.test(
  'hazard 36: a guest that suspends inside a message takes the new daemon’s bytes for the rest of it',
  async (t) => {
    for (const daemon of DAEMONS) {
      const { exploration, why } = brokenMigration('suspends-inside-a-message', daemon);
      t.equal(exploration.oracle, 'in-step');
      t.equal(why, 'guest2 reads nonsense');
    }
    const { steps } = brokenMigration('suspends-inside-a-message', 'c');
    t.ok(inOrder(steps, ['guest1.xb_read/copy', 'guest1.kernel/suspend', 'guest2.xb_read/copy']), steps.join('\n'));
  },
);

t.test('hazard 36: a guest that waits, and one that sends again, come through', async (t) => {
  for (const daemon of DAEMONS) {
    for (const rules of [LINUX, RESENDS]) {
      const options = { daemon, plan: 'migrate', asks: [READ_A], writes: 0, grain: 'chunk' } as const;
      t.ok(holdsEverywhere(new RingWorld({ ...options, rules })), `${daemon}, ${rules.name}`);
    }
  }
});
