/**
 * The zoo: of each design what must be found is found, and `sequenced` holds in the same situation. Then the whole
 * verdict table, against what the arguments in `scenarios/expected.ts` say.
 */
import t from 'tap';
import { RequestState } from '../frontend/guest-memory.js';
import { RingHandoffTpmfront } from '../frontend/tpmfront/ring-handoff.js';
import { WaitLoopTpmfront } from '../frontend/tpmfront/v1.js';
import { ETIME } from '../frontend/tpmfront/v2.js';
import { TpmifSharedPage, TpmifState } from '../protocol/tpmif-v2.js';
import { EXPECTED } from '../scenarios/expected.js';
import { CHECK_SCENARIOS } from '../scenarios/scenarios.js';
import { TPMFRONTS } from '../simulator/drivers.js';
import { explore } from '../simulator/explore/explore.js';
import { everyState, holds, inOrder, shortest, worldOf } from './support/worlds.js';

const commands = 3;

/** Whether sequenced shows nothing in the situation in which another design fails. */
const sequencedHolds = (scenario: string): boolean => holds(worldOf({ front: 'sequenced', scenario, commands }));

t.test('wait-loop hangs when the migration fails, as nobody calls resume', async (t) => {
  const world = worldOf({ front: 'wait-loop', scenario: 'cancelled-suspend', commands });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'no-hang');
  t.ok(inOrder(steps, ['guest1.kernel/dpm_suspend', 'toolstack.successor/resume_source']), steps.join('\n'));
  const [{ guest, domain }] = world.machine.slots;
  t.ok(domain.running && guest.userTask.running, 'the guest runs and its user waits');
  t.ok(guest.front instanceof WaitLoopTpmfront && guest.front.state.suspend_lock, 'for the lock that suspend took');
  t.ok(sequencedHolds('cancelled-suspend'));
});

t.test('wait-loop gives up waiting when a key generation is slow', async (t) => {
  const world = worldOf({ front: 'wait-loop', scenario: 'slow-command', commands });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'in-step');
  t.ok(
    inOrder(steps, ['guest1.kernel/dpm_suspend', 'time/301000 ms pass', 'guest1.tpmfront.suspend/wait']),
    steps.join('\n'),
  );
  t.ok(inOrder(steps, ['guest1.tpmfront.suspend/wait', 'tpm1.execute/complete', 'toolstack.run/save_vtpm']));
  t.ok(sequencedHolds('slow-command'));
});

t.test('resend replays a command that the saved device had executed', async (t) => {
  const world = worldOf({ front: 'resend', scenario: 'clean-migration', commands });
  const { oracle, steps } = shortest(world, ['exactly-once']);
  t.equal(oracle, 'exactly-once');
  t.ok(inOrder(steps, ['tpm1.execute/complete', 'toolstack.run/save_vtpm', 'tpm2.execute/complete']), steps.join('\n'));
  t.equal(steps.at(-1), 'tpm2.execute/complete');
  const target = world.machine.slots[1];
  t.equal(target.device.state.executed, world.machine.oracles.issuedBy(target) + 1, 'one more than was issued');
  t.ok(sequencedHolds('clean-migration'));
});

t.test('no-hook puts guest and device out of step', async (t) => {
  const { oracle, steps } = shortest(worldOf({ front: 'no-hook', scenario: 'clean-migration', commands }));
  t.equal(oracle, 'in-step');
  t.equal(steps.at(-1), 'toolstack.run/unpause_target');
});

t.test('linux: over a restore a command was executed and is reported lost', async (t) => {
  const world = worldOf({ front: 'linux', scenario: 'clean-migration', commands: 1 });
  const target = world.machine.slots[1];
  t.equal(
    shortest(worldOf({ front: 'linux', scenario: 'clean-migration', commands }), ['right-answer']).oracle,
    'right-answer',
  );
  let executedAndLost = 0;
  let lost = 0;
  everyState(world, () => {
    if (target.guest.user.request !== RequestState.Failed || target.guest.user.errno !== ETIME) return;
    lost++;
    if (target.device.state.executed === world.machine.oracles.issuedBy(target)) executedAndLost++;
  });
  t.ok(executedAndLost > 0);
  t.ok(lost > executedAndLost, 'and in other schedules one that was never executed: the two look the same');
});

t.test('linux: a restarted backend fetches the same command twice', async (t) => {
  const { oracle, steps } = shortest(worldOf({ front: 'linux', scenario: 'backend-restart', commands }));
  t.equal(oracle, 'exactly-once');
  const serving = [
    'tpmback1.serve/fetch',
    'fault/kill tpmback1',
    'supervisor/restart tpmback1',
    'tpmback1.serve/fetch',
  ];
  t.ok(inOrder(steps, serving), steps.join('\n'));
  t.equal(steps.filter((step) => step === 'guest1.tpmfront.transmit/publish').length, 1, 'although it was sent once');
  t.ok(sequencedHolds('backend-restart'));
});

t.test('quiesce holds on a clean migration; a backend that is restarted is what it does not survive', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', scenario: 'clean-migration', commands })));
  t.equal(shortest(worldOf({ front: 'quiesce', scenario: 'backend-restart', commands })).oracle, 'exactly-once');
});

t.test('ring-handoff: the response lies in the ring on resume', async (t) => {
  const world = worldOf({ front: 'ring-handoff', scenario: 'clean-migration', commands });
  const { domain, guest } = world.machine.slots[1];
  const page = TpmifSharedPage.view(world.memory);
  const { front } = guest;
  const found = { inFlight: 0, answered: 0 };
  let wasRunning = false;
  everyState(world, () => {
    if (!domain.running || !(front instanceof RingHandoffTpmfront)) return;
    // From the first step of the target on until it has offered the page again.
    const first = guest.manageTask.at('gnttab_resume');
    wasRunning ||= first;
    if (!first || !front.state.busy || !front.state.submitted) return;
    found.inFlight++;
    if (page.at(domain.page(front.state.ring_pfn)).state === TpmifState.Finish) found.answered++;
  });
  t.ok(wasRunning);
  t.ok(found.inFlight > 0, 'some guests are resumed with a command in flight');
  t.equal(found.answered, found.inFlight, 'and for each the response lies in the page');
  t.ok(holds(worldOf({ front: 'ring-handoff', scenario: 'clean-migration', commands })));
});

t.test('the verdict table is what the arguments say', async (t) => {
  for (const { name } of TPMFRONTS) {
    for (const scenario of CHECK_SCENARIOS) {
      const expected = EXPECTED[name]?.[scenario];
      if (expected === undefined) {
        t.fail(`${name} has no verdict for ${scenario}`);
      } else if (expected.oracle === null) {
        t.ok(holds(worldOf({ front: name, scenario, commands })), `${name} holds in ${scenario}: ${expected.why}`);
      } else {
        const { oracle } = explore(worldOf({ front: name, scenario, commands }), { order: 'bfs' });
        t.equal(oracle, expected.oracle, `${name} fails in ${scenario}: ${expected.why}`);
      }
    }
  }
  t.strictSame(
    Object.keys(EXPECTED),
    TPMFRONTS.map(({ name }) => name),
    'and speaks of no other design',
  );
});

for (const sequenceBits of [2, 3]) {
  t.test(`numbers of ${sequenceBits} bits wrap within ten commands, and sequenced holds`, async (t) => {
    for (const scenario of ['clean-migration', 'backend-restart']) {
      t.ok(holds(worldOf({ front: 'sequenced', scenario, commands: 10, sequenceBits })), scenario);
    }
  });
}

t.test('sequenced with a backend that lacks the extension is as good as quiesce, and no better', async (t) => {
  const { quiesce } = EXPECTED;
  for (const scenario of CHECK_SCENARIOS) {
    const expected = quiesce?.[scenario]?.oracle ?? null;
    const world = worldOf({ front: 'sequenced', back: 'v2', scenario, commands });
    if (expected === null) t.ok(holds(world), scenario);
    else t.equal(shortest(world).oracle, expected, scenario);
  }
});

t.test('a plain frontend with a backend that offers the extension does not use it', async (t) => {
  t.ok(holds(worldOf({ front: 'quiesce', back: 'sequenced', scenario: 'clean-migration', commands })));
  t.equal(
    shortest(worldOf({ front: 'quiesce', back: 'sequenced', scenario: 'backend-restart', commands })).oracle,
    'exactly-once',
  );
});
