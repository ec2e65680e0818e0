/**
 * Double fetches of shared memory (XSA-155), with the detector on: which backends pass, which is caught, and what the
 * detector cannot see.
 */
import t from 'tap';
import type { BackendServices } from '../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../backend/tpmback/v2.js';
import type { DONE } from '../../hypervisor/steps.js';
import { checkLength, TpmifSharedPage } from '../../protocol/tpmif-v2.js';
import { CHECK_SCENARIOS } from '../../scenarios/scenarios.js';
import { TPMFRONTS } from '../../simulator/drivers.js';
import { oracleBit } from '../../simulator/world-state.js';
import { backOf, CONNECTED, holds, shortest, worldOf } from '../support/worlds.js';

const sanitize = true;

/** Checks the length, and then reads it again to use it. */
class ReadsLengthTwice extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override fetch(): string | typeof DONE {
    const { memory, host } = this.services;
    const page = TpmifSharedPage.view(memory).at(host.grants.address(this.state.handle));
    return checkLength(page.length) ? super.fetch() : 'notify';
  }
}

const twice = backOf('v2', (services) => new ReadsLengthTwice(services));

t.test('a length that is checked and read again is caught, by name, in that step', async (t) => {
  const world = worldOf({ front: 'quiesce', back: twice, scenario: CONNECTED, sanitize });
  const { oracle, fault, steps } = shortest(world);
  t.equal(oracle, 'stray-memory');
  t.equal(world.violations, oracleBit('stray-memory'), 'and nothing else is wrong');
  t.equal(fault, 'guest1 ring page 0: tpmif_shared_page.length is loaded twice in one step');
  t.equal(steps.at(-1), 'tpmback1.serve/fetch');
});

t.test('without the detector nobody notices', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', back: twice, scenario: CONNECTED })));
});

for (const grain of ['fine', 'coarse'] as const) {
  t.test(`the v2 backends load each byte once in every scenario of the table, in ${grain} grain`, async (t) => {
    for (const front of TPMFRONTS) {
      if (front.tpmback === 'v1') continue;
      for (const scenario of CHECK_SCENARIOS) {
        t.ok(holds(worldOf({ front, scenario, grain, sanitize }), ['stray-memory']), `${front.name} ${scenario}`);
      }
    }
  });
}

t.test(
  'the 2006 backend checks a header and copies the packet later: two steps, which the detector cannot see',
  async (t) => {
    t.ok(holds(worldOf({ front: 'wait-loop', scenario: CONNECTED, commands: 1, sanitize }), ['stray-memory']));
  },
);

t.test('in coarse grain, where both are one step, it sees the header loaded twice', async (t) => {
  const world = worldOf({ front: 'wait-loop', scenario: CONNECTED, commands: 1, grain: 'coarse', sanitize });
  const { oracle, fault, steps } = shortest(world, ['stray-memory']);
  t.equal(oracle, 'stray-memory');
  t.equal(fault, 'guest1 data page: byte 2 is loaded twice in one step');
  t.match(steps.at(-1), 'tpmback1.serve/receive');
});
