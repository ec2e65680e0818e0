/**
 * Hazard 7: suspend is called twice without a cancel between: the driver waits for its own lock.
 *
 * From February 2007 the kernel took its suspend back and began anew when a CPU had come online meanwhile: the bus calls
 * suspend, suspend_cancel, suspend. A driver without suspend_cancel still holds the lock it took the first time; the lock
 * is no recursive one, and the thread that would release it is the one that waits.
 */
import t from 'tap';
import { WaitLoopTpmfront } from '../../frontend/tpmfront/v1.js';
import { frontOf, holds, inOrder, shortest, worldOf } from '../support/worlds.js';

const kernel = 'suspends-twice';

t.test('hazard 7: a suspend begun anew waits for the lock that the first one holds', async (t) => {
  for (const scenario of ['clean-migration', 'cancelled-suspend']) {
    const world = worldOf({ front: 'wait-loop', scenario, kernel });
    const { oracle, steps } = shortest(world);
    t.equal(oracle, 'no-hang', scenario);
    t.ok(
      inOrder(steps, ['guest1.kernel/dpm_suspend', 'guest1.kernel/suspend_cancel', 'guest1.kernel/dpm_suspend_again']),
    );
    t.notOk(steps.includes('guest1.kernel/suspend'), 'the guest never gets to its hypercall');
    const { guest } = world.machine.slots[0];
    t.ok(guest.front instanceof WaitLoopTpmfront && guest.front.state.suspend_lock);
    t.equal(guest.manageTask.next, 'xs_suspend_again');
    t.notOk(guest.manageTask.ready());
  }
});

t.test('hazard 7: in a kernel that suspends once the same driver gets to its hypercall', async (t) => {
  const world = worldOf({ front: 'wait-loop', scenario: 'clean-migration', kernel: 'linux' });
  t.ok(holds(world, ['no-hang', 'in-step']));
});

t.test('hazard 7: a suspend_cancel in between releases the lock (March 2007)', async (t) => {
  const march = frontOf(
    'wait-loop',
    (services) => new WaitLoopTpmfront(services, { rounds: 0, closes: 'never', cancelHook: true }),
  );
  t.ok(holds(worldOf({ front: march, scenario: 'cancelled-suspend', kernel })));
});

t.test('hazard 7: quiesce and sequenced may be suspended any number of times', async (t) => {
  for (const scenario of ['clean-migration', 'cancelled-suspend']) {
    for (const front of ['quiesce', 'sequenced']) {
      t.ok(holds(worldOf({ front, scenario, kernel })), `${front}, ${scenario}`);
    }
  }
});
