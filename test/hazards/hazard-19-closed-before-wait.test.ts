/**
 * Hazard 19: Closed is written before the wait: the backend is gone, and the response it waits for can never come.
 *
 * In April 2006 tpmfront wrote Closed as the first thing in its suspend. The backend then drops what it has in hand
 * without a message, closes the channel and unmaps the ring; the vTPM executes the command all the same. So the wait
 * always lasts to its limit, after which the domain is saved out of step with the vTPM. Without a limit nothing would
 * ever end it.
 */
import t from 'tap';
import { type WaitLoopOptions, WaitLoopTpmfront } from '../../frontend/tpmfront/v1.js';
import type { TpmfrontEntry } from '../../simulator/drivers.js';
import { frontOf, holds, inOrder, shortest, worldOf } from '../support/worlds.js';

/** The limit of that time. */
const APRIL_2006: WaitLoopOptions = { rounds: 26, closes: 'before', cancelHook: false };
const scenario = 'clean-migration';

function waitLoop(changes: Partial<WaitLoopOptions> = {}): TpmfrontEntry {
  return frontOf('wait-loop', (services) => new WaitLoopTpmfront(services, { ...APRIL_2006, ...changes }));
}

t.test('hazard 19: a backend that has read Closed never answers, and the wait lasts to its limit', async (t) => {
  const { oracle, steps } = shortest(worldOf({ front: waitLoop(), scenario }));
  t.equal(oracle, 'in-step');
  t.ok(
    inOrder(steps, [
      'tpmback1.serve/execute',
      'guest1.kernel/dpm_suspend',
      'tpmback1/watches',
      'time/26000 ms pass',
      'guest1.tpmfront.suspend/wait',
      'toolstack.run/save_memory',
    ]),
  );
  t.ok(
    steps.some((step) => step.startsWith('tpm1.execute')),
    'the vTPM has executed the command',
  );
  t.notOk(
    steps.some((step) => step.startsWith('tpmback1.serve/respond')),
    'and nobody has answered it',
  );
});

t.test('hazard 19: without a limit such a wait never ends', async (t) => {
  const { oracle, steps } = shortest(worldOf({ front: waitLoop({ rounds: 0 }), scenario }));
  t.equal(oracle, 'no-hang');
  t.notOk(steps.includes('guest1.kernel/suspend'), 'the guest never suspends');
});

t.test('hazard 19: Closing after the wait (May 2006) keeps domain and vTPM in step', async (t) => {
  // After the restore the v1 ring has other failings (hazard 23).
  t.ok(holds(worldOf({ front: waitLoop({ closes: 'after' }), scenario }), ['in-step']));
});

t.test('hazard 19: quiesce writes no state at suspend and holds', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', scenario })));
});
