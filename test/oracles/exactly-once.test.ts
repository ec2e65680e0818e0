/**
 * The oracle *exactly once* trips on a backend that executes a command twice and on one that does not execute it.
 */
import t from 'tap';
import type { BackendServices } from '../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../backend/tpmback/v2.js';
import type { DONE } from '../../hypervisor/steps.js';
import { oracleBit } from '../../simulator/world-state.js';
import { backOf, CONNECTED, holds, shortest, worldOf } from '../support/worlds.js';

const scenario = CONNECTED;

/** Has every command executed a second time before it answers. */
class ExecutesTwice extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override respond(): string | typeof DONE {
    return this.services.device.state.executed % 2 === 1 ? 'execute' : super.respond();
  }
}

/** Answers without having anything executed. */
class NeverExecutes extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override fetch(): string | typeof DONE {
    const next = super.fetch();
    return next === 'execute' ? 'respond' : next;
  }
}

t.test('a command executed twice is seen in the step that executes it again', async (t) => {
  const world = worldOf({ front: 'quiesce', back: backOf('v2', (services) => new ExecutesTwice(services)), scenario });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'exactly-once');
  t.equal(world.violations, oracleBit('exactly-once'), 'and nothing else is wrong');
  t.equal(steps.at(-1), 'tpm1.execute/complete');
  t.equal(steps.filter((step) => step === 'tpm1.execute/complete').length, 2);
});

t.test('a command that is answered but dropped is seen when nothing more can happen', async (t) => {
  const world = worldOf({ front: 'quiesce', back: backOf('v2', (services) => new NeverExecutes(services)), scenario });
  const { oracle, steps } = shortest(world, ['exactly-once']);
  t.equal(oracle, 'exactly-once');
  t.equal(world.violations, oracleBit('exactly-once') | oracleBit('right-answer'), 'the answers are nobody’s, too');
  t.equal(steps.at(-1), 'guest1.user/issue', 'the user has nothing more to ask');
  t.equal(world.machine.slots[0].device.state.executed, 0);
});

t.test('each command executed once passes', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', scenario })));
});
