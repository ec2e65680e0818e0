/**
 * A peer that stores into the shared page whatever it likes. Security lines 12 to 15 of the Xen ABI facts: lengths that
 * do not fit or wrap, state bytes that mean nothing, numbers out of order.
 */
import t from 'tap';
import { TpmbackV2 } from '../backend/tpmback/v2.js';
import { RING_PFN } from '../frontend/guest-memory.js';
import { QuiesceTpmfront } from '../frontend/tpmfront/quiesce.js';
import { SequencedTpmfront } from '../frontend/tpmfront/sequenced.js';
import { SEQUENCE_TRAILER_OFFSET } from '../protocol/tpmif-sequence.js';
import { payloadOffset, TpmifSharedPage } from '../protocol/tpmif-v2.js';
import type { World } from '../simulator/world.js';
import { backOf, frontOf, runToEnd, shortest, worldOf } from './support/worlds.js';

const EIO = 5;

function hostileBack(store: (page: ReturnType<typeof TpmifSharedPage.view>) => void): World {
  class Hostile extends TpmbackV2 {
    override finish(): ReturnType<TpmbackV2['finish']> {
      const done = super.finish();
      const { memory, host } = this.services;
      store(TpmifSharedPage.view(memory).at(host.grants.address(this.state.handle)));
      return done;
    }
  }
  const back = backOf('v2', (services) => new Hostile(services, false));
  return worldOf({ front: 'quiesce', back, scenario: 'cancelled-suspend', commands: 1 });
}

for (const length of [0xffffffff, 0xfffffff8, 4089, 4096]) {
  t.test(
    `a response of ${length} bytes is not taken: its user gets EIO, and no page is touched that is not mapped`,
    (t) => {
      const world = hostileBack((page) => {
        page.length = length;
      });
      t.equal(shortest(world).oracle, 'right-answer');
      t.equal(world.machine.slots[0].guest.user.errno, EIO);
      t.end();
    },
  );
}

t.test('a state byte that means nothing is neither an answer nor the end of a command', (t) => {
  for (const state of [4, 128, 255]) {
    const world = hostileBack((page) => {
      page.state = state;
    });
    t.equal(shortest(world).oracle, 'no-hang', `state ${state}`);
  }
  t.end();
});

function hostileFront(store: (page: ReturnType<typeof TpmifSharedPage.view>) => void): World {
  class Hostile extends QuiesceTpmfront {
    override publish(): void {
      store(TpmifSharedPage.view(this.memory).at(this.services.domain.page(this.state.ring_pfn)));
      super.publish();
    }
  }
  const front = frontOf('quiesce', (services) => new Hostile(services));
  return worldOf({ front, scenario: 'cancelled-suspend', commands: 1 });
}

for (const length of [0xffffffff, 4089]) {
  t.test(`a request of ${length} bytes is refused, and the device never sees it`, (t) => {
    const world = hostileFront((page) => {
      page.length = length;
    });
    runToEnd(world);
    const [{ device, domain }] = world.machine.slots;
    t.equal(device.state.executed, 0);
    const page = domain.page(RING_PFN);
    const code = [0, 1, 2, 3].map((i) => world.memory.read8(page + payloadOffset() + 6 + i));
    t.strictSame(code, [0, 0, 1, 1], 'TPM_RC_FAILURE');
    t.end();
  });
}

t.test('a request under a number out of order is refused, and the device never sees it', (t) => {
  class Skips extends SequencedTpmfront {
    override publish(): void {
      const trailer = this.services.domain.page(this.state.ring_pfn) + SEQUENCE_TRAILER_OFFSET;
      this.services.memory.write32(trailer, this.state.sequence + 5);
      super.publish();
    }
  }
  const front = frontOf('sequenced', (services) => new Skips(services));
  const world = worldOf({ front, scenario: 'cancelled-suspend', commands: 1 });
  runToEnd(world);
  t.equal(world.machine.slots[0].device.state.executed, 0);
  t.end();
});
