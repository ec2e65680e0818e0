/**
 * The oracle *driver fault* trips on a driver that breaks an assertion, on one whose request xenstore refuses, and on
 * one that gives the TPM a command while it executes another.
 */
import t from 'tap';
import type { BackendServices } from '../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../backend/tpmback/v2.js';
import type { GuestServices } from '../../frontend/tpmfront/tpmfront.js';
import { V2Tpmfront } from '../../frontend/tpmfront/v2.js';
import { assert } from '../../protocol/assert.js';
import { DeviceNode } from '../../protocol/xenbus.js';
import { oracleBit } from '../../simulator/world-state.js';
import { backOf, CONNECTED, frontOf, shortest, worldOf } from '../support/worlds.js';

const scenario = CONNECTED;

/** Expects a locality that no guest uses. */
class Asserts extends V2Tpmfront {
  readonly name = 'asserts';

  constructor(services: GuestServices) {
    super(services, 'asserts', {});
  }

  override publish(): void {
    const { locality } = this.ring();
    assert(locality === 4, `expected locality 4, found ${locality}`);
    super.publish();
  }
}

/** Closes the other end by itself, which only the other end may. */
class ClosesTheOther extends V2Tpmfront {
  readonly name = 'closes-the-other';

  constructor(services: GuestServices) {
    super(services, 'closes-the-other', {});
  }

  override publish(): void {
    this.services.store.write(this.otherend(DeviceNode.State), '6');
  }
}

/** Has a command begun twice. */
class StartsTwice extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override execute(): void {
    super.execute();
    super.execute();
  }
}

t.test('a broken assertion is seen in its step, with its message', async (t) => {
  const world = worldOf({ front: frontOf('no-hook', (services) => new Asserts(services)), scenario });
  const { oracle, fault, steps } = shortest(world);
  t.equal(oracle, 'driver-fault');
  t.equal(world.violations, oracleBit('driver-fault'), 'and nothing else is wrong');
  t.match(fault, 'expected locality 4, found 0');
  t.equal(steps.at(-1), 'guest1.tpmfront.transmit/publish');
});

t.test('a request that xenstore refuses is seen in its step, with node and error', async (t) => {
  const world = worldOf({ front: frontOf('no-hook', (services) => new ClosesTheOther(services)), scenario });
  const { oracle, fault, steps } = shortest(world);
  t.equal(oracle, 'driver-fault');
  t.equal(world.violations, oracleBit('driver-fault'));
  t.match(fault, 'guest1: xenstore refuses WRITE /local/domain/0/backend/vtpm/1/0/state 6 with EACCES');
  t.equal(steps.at(-1), 'guest1.tpmfront.transmit/publish');
});

t.test('a second command for a TPM that executes is seen in its step, with what to do', async (t) => {
  const world = worldOf({ front: 'quiesce', back: backOf('v2', (services) => new StartsTwice(services)), scenario });
  const { oracle, fault, steps } = shortest(world);
  t.equal(oracle, 'driver-fault');
  t.equal(world.violations, oracleBit('driver-fault'));
  t.match(fault, /given a command while it executes another; wait for its response first/);
  t.equal(steps.at(-1), 'tpmback1.serve/execute');
});
