/**
 * Hazard 21: the backend answers TPM_FAIL after a time-out while the vTPM goes on executing; a retry doubles the effect.
 *
 * The v1 backend gives a packet 60 s for each frontend of the host, then writes a failure of its own into the page. That
 * is no answer of the TPM: the command was executed, or will be. A caller that believes it and sends the command again
 * changes the TPM twice. A backend that never makes up an answer does not need the caller to be wiser.
 */
import t from 'tap';
import { FRONTENDS, PROCESSING_MILLISECONDS } from '../../backend/tpmback/v1.js';
import { retrying as retryingFront } from '../../scenarios/hazards/designs/retrying.js';
import { frontOf, holds, inOrder, scenarioOf, shortest, worldOf } from '../support/worlds.js';

const LIMIT = PROCESSING_MILLISECONDS * FRONTENDS;
const slower = scenarioOf('slow-command', { slowCommandMilliseconds: LIMIT + 40_000 }, { operation: 'none' });
const faster = scenarioOf('slow-command', { slowCommandMilliseconds: LIMIT - 1 }, { operation: 'none' });
const retrying = frontOf('wait-loop', retryingFront);

t.test('hazard 21: a command is reported as failed while the vTPM executes it', async (t) => {
  const world = worldOf({ front: 'wait-loop', scenario: slower });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'right-answer');
  t.ok(inOrder(steps, ['tpmback1.serve/execute', `time/${LIMIT} ms pass`, 'tpmback1.serve/respond']));
  t.equal(steps.at(-1), 'guest1.tpmfront/interrupt', 'the user is told');
  t.ok(world.machine.slots[0].device.busy, 'the TPM is at work');
});

t.test('hazard 21: a caller that believes TPM_FAIL and sends the command again has it executed twice', async (t) => {
  const world = worldOf({ front: retrying, scenario: slower });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'exactly-once');
  t.ok(
    inOrder(steps, [
      'tpmback1.serve/execute',
      `time/${LIMIT} ms pass`,
      'guest1.tpmfront/interrupt',
      'guest1.tpmfront.transmit/fill',
      'tpm1.execute/complete',
      'tpmback1.serve/execute',
      'tpm1.execute/complete',
    ]),
  );
  t.equal(steps.filter((step) => step === 'guest1.user/issue').length, 1, 'of one command');
  t.equal(world.machine.slots[0].device.state.executed, 2);
});

t.test('hazard 21: a command that is faster than the limit is answered by the TPM', async (t) => {
  t.ok(holds(worldOf({ front: 'wait-loop', scenario: faster })));
});

t.test('hazard 21: the v2 backends make up no answer, and hold', async (t) => {
  for (const front of ['quiesce', 'sequenced']) t.ok(holds(worldOf({ front, scenario: slower })), front);
});
