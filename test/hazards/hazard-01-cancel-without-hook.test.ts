/**
 * Hazard 1: suspend is done, then cancelled, and the driver has no cancel hook: its lock is held for ever.
 *
 * The tpmfront of November 2006 takes the lock of all senders in `suspend` and writes Closing. What releases the lock is
 * a backend seen Connected. After a cancel the guest goes on with the old backend, which has answered Closing and is
 * never Connected again: nobody may send any more, and who has a command left waits for ever.
 */
import t from 'tap';
import { NOVEMBER_2006, WaitLoopTpmfront } from '../../frontend/tpmfront/v1.js';
import { everyState, frontOf, holds, inOrder, shortest, worldOf } from '../support/worlds.js';

const scenario = 'cancelled-suspend';

t.test('hazard 1: a driver without a cancel hook keeps its lock after a cancelled suspend', async (t) => {
  const world = worldOf({ front: 'wait-loop', scenario });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'no-hang');
  t.ok(inOrder(steps, ['guest1.kernel/dpm_suspend', 'guest1.kernel/suspend', 'toolstack.successor/resume_source']));
  const { guest, domain } = world.machine.slots[0];
  t.ok(domain.running);
  t.ok(guest.front instanceof WaitLoopTpmfront && guest.front.state.suspend_lock);
  t.notOk(guest.front.accepts());
});

t.test('hazard 1: after a cancel the lock is held on whatever schedule', async (t) => {
  const world = worldOf({ front: 'wait-loop', scenario });
  const { front } = world.machine.slots[0].guest;
  let ends = 0;
  let open = 0;
  everyState(world, (end) => {
    if (!end) return;
    ends++;
    if (front.accepts()) open++;
  });
  t.ok(ends > 0);
  t.equal(open, 0);
});

t.test('hazard 1: the hook alone would not do where suspend has written Closing', async (t) => {
  const hooked = frontOf('wait-loop', (s) => new WaitLoopTpmfront(s, { ...NOVEMBER_2006, cancelHook: true }));
  const { oracle } = shortest(worldOf({ front: hooked, scenario }));
  t.equal(oracle, 'no-hang', 'the backend has closed its end');
});

t.test('hazard 1: the driver of March 2007, with a hook and without Closing, holds', async (t) => {
  const march = frontOf(
    'wait-loop',
    (services) => new WaitLoopTpmfront(services, { rounds: 0, closes: 'never', cancelHook: true }),
  );
  t.ok(holds(worldOf({ front: march, scenario })));
});

t.test('hazard 1: quiesce holds, as suspendCancelled opens the door that suspend has shut', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', scenario })));
});
