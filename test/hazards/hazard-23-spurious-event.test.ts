/**
 * Hazard 23: a spurious or duplicate event makes the v1 backend execute what lies in the page once more, or turns a
 * request into a response.
 *
 * The v1 ring has no index and no state, so an event is all there is: the backend takes whatever lies in the page for a
 * request, the frontend for a response. Events may always be more than those sent (binding raises one). The state byte of
 * v2 says whose turn it is, whatever the event was for.
 */
import t from 'tap';
import { holds, inOrder, shortest, take, worldOf } from '../support/worlds.js';

const scenario = 'spurious-event';
const send = ['user/issue', 'tpmfront.transmit/fill', 'tpmfront.transmit/grant', 'tpmfront.transmit/notify'].map(
  (step) => `guest1.${step}`,
);

t.test('hazard 23: a spurious event turns a v1 request into its own response', async (t) => {
  const { oracle, steps } = shortest(worldOf({ front: 'wait-loop', scenario }));
  t.equal(oracle, 'right-answer');
  t.ok(inOrder(steps, [...send, 'fault/spurious event at guest1.tpmfront', 'guest1.tpmfront/interrupt']));
  t.notOk(
    steps.some((step) => step.startsWith('tpmback1')),
    'the backend has not even looked at it',
  );
});

t.test('hazard 23: an event more, and the v1 backend executes twice for one request', async (t) => {
  const world = worldOf({ front: 'wait-loop', scenario });
  const { device } = world.machine.slots[0];
  take(world, ...send, 'tpmback1/interrupt', 'tpmback1.serve/receive', 'tpmback1.serve/read', 'tpmback1.serve/execute');
  take(world, 'fault/spurious event at tpmback1', 'tpmback1/interrupt', 'tpm1.execute/complete');
  t.equal(device.state.executed, 1);
  take(world, 'tpmback1.serve/respond', 'tpmback1.serve/notify', 'tpmback1.serve/drop', 'tpmback1.serve/receive');
  take(world, 'tpmback1.serve/read', 'guest1.tpmfront/interrupt');
  t.equal(world.failed, undefined, 'the first user has its answer');

  take(world, 'tpmback1.serve/execute', ...send, 'tpm1.execute/complete');
  t.equal(device.state.executed, 2, 'the answer has gone to the TPM as a command');
  take(world, 'tpmback1.serve/respond', 'tpmback1.serve/notify', 'guest1.tpmfront/interrupt');
  t.equal(world.failed, 'right-answer', 'and what the TPM said to that goes to the next user');
});

t.test('hazard 23: with the state byte of v2 a spurious event at either end changes nothing', async (t) => {
  for (const front of ['quiesce', 'sequenced']) t.ok(holds(worldOf({ front, scenario })), front);
});

t.test('hazard 23: the same events at the same moments are seen to be nobody’s on the v2 page', async (t) => {
  const world = worldOf({ front: 'quiesce', scenario });
  const { device } = world.machine.slots[0];
  const sendV2 = ['user/issue', 'tpmfront.transmit/fill', 'tpmfront.transmit/publish', 'tpmfront.transmit/notify'];
  take(world, ...sendV2.map((step) => `guest1.${step}`));
  take(world, 'fault/spurious event at guest1.tpmfront', 'guest1.tpmfront/interrupt', 'tpmback1/interrupt');
  for (const step of ['fetch', 'execute']) take(world, `tpmback1.serve/${step}`);
  take(world, 'tpm1.execute/complete');
  for (const step of ['respond', 'finish', 'notify']) take(world, `tpmback1.serve/${step}`);
  take(world, 'guest1.tpmfront/interrupt');
  t.equal(device.state.executed, 1);
  t.equal(world.failed, undefined);
});
