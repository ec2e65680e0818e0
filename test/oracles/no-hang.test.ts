/**
 * The oracle *no hang* trips on a driver that never notifies, on one that never opens again after a suspend, and on
 * one that goes round in a circle.
 */
import t from 'tap';
import type { BackendServices } from '../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../backend/tpmback/v2.js';
import { QuiesceTpmfront } from '../../frontend/tpmfront/quiesce.js';
import type { GuestServices } from '../../frontend/tpmfront/tpmfront.js';
import { V2Tpmfront } from '../../frontend/tpmfront/v2.js';
import { type Task, type TaskDefinition, task } from '../../hypervisor/steps.js';
import { explore } from '../../simulator/explore/explore.js';
import { oracleBit } from '../../simulator/world-state.js';
import { backOf, CONNECTED, choicesOf, frontOf, holds, shortest, worldOf } from '../support/worlds.js';

/** Publishes its request and tells nobody. */
class NeverNotifies extends V2Tpmfront {
  readonly name = 'never-notifies';

  constructor(services: GuestServices) {
    super(services, 'never-notifies', {});
  }

  override notify(): void {}
}

/** Never tells the toolstack that nothing is in hand any more. */
class NeverQuiet extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override drained(): boolean {
    return false;
  }
}

/** Takes no commands after a suspend that was cancelled. */
class StaysShut extends QuiesceTpmfront {
  override suspendCancelled(): void {}
}

const spin = task<V2Tpmfront>('spin', { look: () => 'look_again', look_again: () => 'look' });

/** Looks for ever for a response of which it never told anybody that it waits for it. */
class Spins extends NeverNotifies {
  override readonly tasks: readonly Task<never>[];
  readonly #spinTask: Task<never>;

  constructor(services: GuestServices) {
    super(services);
    this.#spinTask = this.createTask(spin as TaskDefinition<never>, 'suspend');
    this.tasks = [this.transmitTask, this.connectTask, this.#spinTask];
  }

  override notify(): void {
    this.#spinTask.start();
  }
}

t.test('a request that nobody is told of is seen when nothing more can happen', async (t) => {
  const world = worldOf({
    front: frontOf('no-hook', (services) => new NeverNotifies(services)),
    scenario: CONNECTED,
    commands: 1,
  });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'no-hang');
  t.equal(world.violations, oracleBit('no-hang'), 'and nothing else is wrong');
  t.equal(steps.at(-1), 'guest1.tpmfront.transmit/notify');
  t.strictSame(choicesOf(world), []);
});

t.test('a hang counts although a fault that need not strike would end it', async (t) => {
  // The toolstack waits for ever for the vTPM to fall quiet; if it died, its successor would resume the source.
  const back = backOf('v2', (services) => new NeverQuiet(services));
  const world = worldOf({ front: 'ring-handoff', back, scenario: 'toolstack-dies' });
  const { oracle } = shortest(world);
  t.equal(oracle, 'no-hang');
  t.strictSame(
    choicesOf(world).map((choice) => world.describe(choice)),
    ['fault/kill toolstack'],
  );
});

t.test('a driver that stays shut after a cancelled suspend is seen', async (t) => {
  const world = worldOf({
    front: frontOf('quiesce', (services) => new StaysShut(services)),
    scenario: 'cancelled-suspend',
  });
  const { oracle } = shortest(world);
  t.equal(oracle, 'no-hang');
  t.equal(world.violations, oracleBit('no-hang'));
  t.ok(world.machine.slots[0].guest.userTask.running, 'its user still waits');
});

t.test('a driver that goes round in a circle is seen by the depth-first search, which names the circle', async (t) => {
  const world = worldOf({
    front: frontOf('no-hook', (services) => new Spins(services)),
    scenario: CONNECTED,
    commands: 1,
  });
  const { oracle, fault } = explore(world, { order: 'dfs' });
  t.equal(oracle, 'no-hang');
  t.match(fault, 'the last 2 steps lead back to where they began');
});

t.test('a driver that opens again passes', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', scenario: 'cancelled-suspend' })));
});
