/**
 * Hazard 10: the guest acknowledges a suspend and then needs longer than 60 s; the toolstack gives up; the guest suspends
 * later and nobody resumes it.
 *
 * After the acknowledgement libxl waits 60 s for the domain to suspend. On the time-out it fails the migration without
 * resuming anything, for nothing is suspended yet. A driver whose suspend waits without limit for a slow command gets
 * there afterwards. Waiting for a response is right only if whoever waits for the wait is as patient.
 */
import t from 'tap';
import { DomainState } from '../../hypervisor/domain.js';
import { findTpmfront } from '../../simulator/drivers.js';
import { SUSPEND_MILLISECONDS } from '../../simulator/plan.js';
import { holds, inOrder, scenarioOf, shortest, worldOf } from '../support/worlds.js';

const slower = scenarioOf('slow-command', { slowCommandMilliseconds: SUSPEND_MILLISECONDS + 1 });
const faster = scenarioOf('slow-command', { slowCommandMilliseconds: SUSPEND_MILLISECONDS - 1 });

t.test('hazard 10: a guest that suspends after the toolstack has given up stays suspended', async (t) => {
  const world = worldOf({ front: 'quiesce', scenario: slower });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'no-hang');
  t.ok(
    inOrder(steps, [
      'guest1.kernel/acknowledge',
      `time/${SUSPEND_MILLISECONDS} ms pass`,
      'toolstack.run/await_suspend',
      'tpm1.execute/complete',
      'guest1.kernel/suspend',
    ]),
  );
  const { toolstack, slots } = world.machine;
  t.equal(slots[0].domain.state, DomainState.Suspended);
  t.notOk(toolstack.runTask.running || toolstack.recoverTask.running, 'nobody is left to resume it');
});

t.test('hazard 10: a command faster than the 60 s does no harm', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', scenario: faster })));
});

t.test('hazard 10: a toolstack that waits without limit, as that of 2006, avoids it', async (t) => {
  t.ok(holds(worldOf({ front: { ...findTpmfront('quiesce'), patient: true }, scenario: slower })));
});

t.test('hazard 10: sequenced holds, as it does not wait for the response before a suspend', async (t) => {
  t.ok(holds(worldOf({ front: 'sequenced', scenario: slower })));
});
