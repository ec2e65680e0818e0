/**
 * Situations beside the table in which faults meet: what a review found to be broken once, and must hold.
 */
import t from 'tap';
import { TpmDevice } from '../backend/tpm/device.js';
import { SequencedTpmfront } from '../frontend/tpmfront/sequenced.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { NO_FAULTS } from '../simulator/world-options.js';
import { frontOf, holds, scenarioOf, shortest, worldOf } from './support/worlds.js';

const MIGRATE = scenarioOf('clean-migration');

t.test('a suspend that falls into the handshake waits for its end', (t) => {
  const scenario = { ...MIGRATE, start: 'boot' as const };
  for (const front of ['quiesce', 'ring-handoff', 'sequenced']) {
    t.ok(holds(worldOf({ front, scenario, commands: 1 })), front);
  }
  t.end();
});

t.test('a backend killed while it connects, or twice, is replaced by one that connects', (t) => {
  const kills = (count: number) => ({ ...NO_FAULTS, backendKills: count });
  const boot = scenarioOf('connect', { faults: kills(1) });
  const twice = scenarioOf('backend-restart', { faults: kills(2) });
  t.ok(holds(worldOf({ front: 'sequenced', scenario: boot, commands: 1 })), 'in the handshake');
  t.ok(holds(worldOf({ front: 'sequenced', scenario: twice, commands: 1 })), 'twice');
  t.ok(
    holds(worldOf({ front: 'sequenced', scenario: { ...MIGRATE, faults: kills(1) }, commands: 1 })),
    'in a migration',
  );
  t.end();
});

t.test('an event nobody sent does not end a command that waits for its new ring', (t) => {
  const scenario = { ...MIGRATE, faults: { ...NO_FAULTS, spuriousEvents: 1 } };
  t.ok(holds(worldOf({ front: 'sequenced', scenario, commands: 1 })));
  t.end();
});

t.test('a successor of a successor finishes too', (t) => {
  const scenario = { ...MIGRATE, faults: { ...NO_FAULTS, toolstackKills: 2 } };
  t.ok(holds(worldOf({ front: 'sequenced', scenario, commands: 1 })));
  t.end();
});

t.test('a save to a file whose toolstack dies is finished by its successor', (t) => {
  const scenario = scenarioOf('save-restore', { faults: { ...NO_FAULTS, toolstackKills: 1 } });
  t.ok(holds(worldOf({ front: 'sequenced', scenario, commands: 1 })));
  t.end();
});

t.test('an answer lost on the way of the state of the TPM is seen', (t) => {
  const world = worldOf({ front: 'sequenced', scenario: MIGRATE });
  const load = TpmDevice.prototype.load;
  t.teardown(() => {
    TpmDevice.prototype.load = load;
  });
  TpmDevice.prototype.load = function (this: TpmDevice, image: number): void {
    load.call(this, image);
    world.memory.clearPage(this.responseAddress / PAGE_SIZE);
  };
  t.equal(shortest(world, ['right-answer']).oracle, 'right-answer');
  t.end();
});

t.test('an answer that comes twice is seen', (t) => {
  class Twice extends SequencedTpmfront {
    protected override takeResponse(): void {
      super.takeResponse();
      if (!this.state.busy) super.takeResponse();
    }
  }
  const front = frontOf('sequenced', (services) => new Twice(services));
  t.equal(shortest(worldOf({ front, scenario: 'cancelled-suspend' })).oracle, 'right-answer');
  t.end();
});
