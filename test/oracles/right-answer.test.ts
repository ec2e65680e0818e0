/**
 * The oracle *right answer* trips on answers that are cut short, that come before there is one, and that are withheld.
 */
import t from 'tap';
import type { GuestServices } from '../../frontend/tpmfront/tpmfront.js';
import { EIO, V2Tpmfront } from '../../frontend/tpmfront/v2.js';
import { payloadOffset } from '../../protocol/tpmif-v2.js';
import { oracleBit } from '../../simulator/world-state.js';
import { CONNECTED, frontOf, holds, shortest, worldOf } from '../support/worlds.js';

/** Gives its user one byte less than the response has. */
class CutsShort extends V2Tpmfront {
  readonly name = 'cuts-short';

  constructor(services: GuestServices) {
    super(services, 'cuts-short', {});
  }

  protected override takeResponse(): void {
    const page = this.ring();
    this.state.busy = false;
    this.services.complete(page.base + payloadOffset(), page.length - 1);
  }
}

/** Takes any event for the response. */
class TakesAnyEvent extends V2Tpmfront {
  readonly name = 'takes-any-event';

  constructor(services: GuestServices) {
    super(services, 'takes-any-event', {});
  }

  override interrupt(): void {
    if (this.state.busy && this.state.submitted) this.takeResponse();
  }
}

/** Tells its user of an error although the response is there. */
class Withholds extends V2Tpmfront {
  readonly name = 'withholds';

  constructor(services: GuestServices) {
    super(services, 'withholds', {});
  }

  protected override takeResponse(): void {
    this.giveUp(EIO);
  }
}

const cases = [
  {
    title: 'a response that lacks its last byte',
    create: (services: GuestServices) => new CutsShort(services),
    scenario: CONNECTED,
  },
  { title: 'a response withheld', create: (services: GuestServices) => new Withholds(services), scenario: CONNECTED },
  {
    title: 'the request taken for its response, after an event that nobody sent',
    create: (services: GuestServices) => new TakesAnyEvent(services),
    scenario: 'spurious-event',
  },
] as const;

for (const { title, create, scenario } of cases) {
  t.test(`${title} is seen when the user gets it`, async (t) => {
    const world = worldOf({ front: frontOf('no-hook', create), scenario });
    const { oracle, steps } = shortest(world);
    t.equal(oracle, 'right-answer');
    t.equal(world.violations, oracleBit('right-answer'), 'and nothing else is wrong');
    t.equal(steps.at(-1), 'guest1.tpmfront/interrupt');
  });
}

t.test('the request is taken for its response only because of the event that nobody sent', async (t) => {
  const front = frontOf('no-hook', (services) => new TakesAnyEvent(services));
  const { steps } = shortest(worldOf({ front, scenario: 'spurious-event' }));
  t.ok(steps.includes('fault/spurious event at guest1.tpmfront'));
});

t.test('each response given to the user that waits for it passes', async (t) => {
  t.ok(holds(worldOf({ front: 'no-hook', scenario: 'spurious-event' })));
});
