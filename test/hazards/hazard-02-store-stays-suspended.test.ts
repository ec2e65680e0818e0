/**
 * Hazard 2: a suspend is cancelled in a guest whose kernel has no cancel for the store: every client of xenstore blocks.
 *
 * `xs_suspend` takes the lock of all requests and of the handling of watch events; only `xs_resume` gives it back. A
 * kernel that skips `xs_resume` after a cancel, and has nothing instead, leaves every later request waiting: a
 * handshake that the suspend fell into is never finished, and no second suspend is ever acknowledged. The driver can do
 * nothing about it; what avoids it is `xs_suspend_cancel` (January 2007), which only unlocks.
 */
import t from 'tap';
import type { KernelKind } from '../../frontend/guest.js';
import { holds, inOrder, runToEnd, scenarioOf, shortest, worldOf } from '../support/worlds.js';

/** The suspend may fall into the handshake. */
const scenario = scenarioOf('cancelled-suspend', { start: 'boot' });

t.test('hazard 2: without a cancel for the store, a handshake cut by a suspend is never finished', async (t) => {
  for (const front of ['quiesce', 'sequenced']) {
    const world = worldOf({ front, scenario, kernel: 'without-store-cancel' });
    const { oracle, steps } = shortest(world);
    t.equal(oracle, 'no-hang', front);
    t.ok(inOrder(steps, ['guest1.kernel/xs_suspend', 'guest1.kernel/suspend', 'toolstack.successor/resume_source']));
    const { guest } = world.machine.slots[0];
    t.ok(guest.kernel.store_suspended);
    t.notOk(guest.kernel.frozen, 'everything else goes on');
    t.notOk(guest.watching, 'but no watch event is handled any more');
    t.notOk(guest.front.accepts(), 'so the driver never sees the backend connected');
  }
});

t.test('hazard 2: with xs_suspend_cancel the same handshake is finished on every schedule', async (t) => {
  for (const front of ['quiesce', 'sequenced']) t.ok(holds(worldOf({ front, scenario, kernel: 'linux' })), front);
});

/** How often the guest acknowledges a suspend, of two that are asked for one after the other. */
function acknowledgements(kernel: KernelKind): number {
  const world = worldOf({ front: 'quiesce', scenario: 'cancelled-suspend', kernel });
  let count = 0;
  world.listen(({ client, operation, path, value }) => {
    if (client === 'guest1' && operation === 'WRITE' && path === 'control/shutdown' && value === '') count++;
  });
  runToEnd(world);
  world.machine.toolstack.runTask.start();
  runToEnd(world);
  return count;
}

t.test('hazard 2: a guest whose store stays suspended never acknowledges another suspend', async (t) => {
  t.equal(acknowledgements('without-store-cancel'), 1);
});

t.test('hazard 2: with xs_suspend_cancel it acknowledges every one', async (t) => {
  t.equal(acknowledgements('linux'), 2);
});
