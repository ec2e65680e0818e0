/**
 * Hazard 17: the wait expires, the busy flag is forced to 0, and the response that comes later meets a new command.
 *
 * The v1 ring has neither number nor state, and the driver one flag: *a response is missing*. When its wait of 301 s is
 * over it clears the flag although the vTPM goes on. If the suspend is then cancelled, backend and channel are still
 * there, and the late response is taken for that of whatever command was sent next; if none was sent it is dropped, and
 * its user waits for ever. A driver that never gives a command up, or tells responses by a number, has neither.
 */
import t from 'tap';
import { WaitLoopTpmfront } from '../../frontend/tpmfront/v1.js';
import { frontOf, holds, inOrder, scenarioOf, shortest, worldOf } from '../support/worlds.js';

/** The limit of October 2006, with a ring and a lock that survive a cancelled suspend. */
const givesUp = frontOf(
  'wait-loop',
  (services) => new WaitLoopTpmfront(services, { rounds: 301, closes: 'never', cancelHook: true }),
);
/** The first command takes 320 s. */
const scenario = scenarioOf('slow-command', {}, { ends: 'cancelled' });
const until = [
  'guest1.user/issue',
  'tpmback1.serve/execute',
  'guest1.kernel/dpm_suspend',
  'time/301000 ms pass',
  'guest1.tpmfront.suspend/wait',
  'toolstack.successor/resume_source',
];

t.test('hazard 17: a response given up for lost is taken for that of the next command', async (t) => {
  const { oracle, steps } = shortest(worldOf({ front: givesUp, scenario, user: 'interrupted' }));
  t.equal(oracle, 'right-answer');
  t.ok(
    inOrder(steps, [...until, 'guest1.user/issue', 'time/19000', 'tpm1.execute/complete', 'guest1.tpmfront/interrupt']),
  );
});

t.test('hazard 17: a user that still waits for the response given up waits for ever', async (t) => {
  const { oracle, steps } = shortest(worldOf({ front: givesUp, scenario }));
  t.equal(oracle, 'no-hang');
  t.ok(inOrder(steps, [...until, 'tpm1.execute/complete', 'guest1.tpmfront/interrupt']), 'it came and was dropped');
});

t.test('hazard 17: the same driver without a limit to its wait never meets a stale response', async (t) => {
  const waits = frontOf(
    'wait-loop',
    (services) => new WaitLoopTpmfront(services, { rounds: 0, closes: 'never', cancelHook: true }),
  );
  for (const user of ['sleep', 'interrupted'] as const) t.ok(holds(worldOf({ front: waits, scenario, user })), user);
});

t.test('hazard 17: sequenced never gives a command up, and a response carries its number', async (t) => {
  for (const user of ['sleep', 'interrupted'] as const) {
    t.ok(holds(worldOf({ front: 'sequenced', scenario, user })), user);
  }
});
