/**
 * The loss of a command over a restore, against async-sleep-saverestore-inflight and, for the command's beginning,
 * async-sleep-failsave-inflight. The other half, that a cancel loses nothing, is in `suspend.test.ts` and at the end.
 */
import t from 'tap';
import { GuestHistory, HISTORY_OFFSET, KERNEL_PFN } from '../../frontend/guest-memory.js';
import { ETIME } from '../../frontend/tpmfront/v2.js';
import { explore } from '../../simulator/explore/explore.js';
import type { Slot } from '../../simulator/slot.js';
import { doneOf, readRecording, ringOf } from '../support/recording.js';
import { Run } from '../support/simulated.js';

const SUBMIT = [
  'guest1.user/issue',
  'guest1.tpmfront.transmit/fill',
  'guest1.tpmfront.transmit/publish',
  'guest1.tpmfront.transmit/notify',
];
const FETCH = ['tpmback1/interrupt', 'tpmback1.serve/fetch'];
const EXECUTE = ['tpmback1.serve/execute', 'tpm1.execute/complete'];
/** Commands that the driver sends when the guest boots. */
const OWN = 4;

function historyOf(run: Run, slot: Slot): { issued: number; answered: number } {
  const { issued, answered } = GuestHistory.view(run.world.memory).at(slot.domain.page(KERNEL_PFN) + HISTORY_OFFSET);
  return { issued, answered };
}

t.test(
  'recorded: the command in flight at the snapshot ends with ETIME after its limit, and is not answered',
  async (t) => {
    const before = readRecording('async-sleep-failsave-inflight');
    const lines = readRecording('async-sleep-saverestore-inflight');
    const lost = doneOf(lines).find(({ errno }) => errno === ETIME);
    const last = ringOf(before).at(-1);
    t.equal(last?.kind, 'fetch', 'it was fetched before the suspend');
    const ring = ringOf(lines);
    t.equal(ring[0]?.kind, 'unmap', 'and not answered when the page was unmapped');
    t.equal(ring[1]?.kind, 'map');
    t.ok((lost?.milliseconds ?? 0) > 39_000, 'its user waits out the limit');
    const offered = lines.find(({ op, path }) => op === 'WRITE' && path.endsWith('vtpm/0/ring-ref'));
    const dropped = lines.find(
      ({ op, path, who }) => op === 'UNWATCH' && who === 'dom12' && path.endsWith('/state') && path.includes('vtpm/11'),
    );
    t.ok((offered?.t ?? 0) - (dropped?.t ?? 0) > 38e6, 'only after that is a new ring offered');
    const executed = [...ringOf(before), ...ring].filter(({ kind }) => kind === 'execute');
    t.notOk(executed.some(({ number }) => number === lost?.number));
    const neighbours = executed.filter(({ number }) => Math.abs(number - (lost?.number ?? 0)) === 1);
    t.equal(neighbours.length, 2);
    t.equal(
      (neighbours[1]?.executed ?? 0) - (neighbours[0]?.executed ?? 0),
      1,
      'the TPM has counted one extend less than was sent',
    );
  },
);

t.test('simulated: the recorded schedule ends the same way', async (t) => {
  const run = new Run({ scenario: 'save-restore' });
  run.take(...SUBMIT, ...FETCH);
  run.go(['toolstack', 'guest1.xenwatch', 'guest1.kernel'], 'tpmback1/watches');
  run.go(['tpmback1/watches', 'toolstack', 'tpmback2', 'guest2.kernel'], 'guest2.tpmfront.receive/poll');
  const [, target] = run.world.machine.slots;
  t.match(run.choices.at(-1), /^time\/\d+ ms pass$/);
  const ringRefs = run.changes.filter((change) => change.endsWith('ring-ref a number')).length;
  t.equal(ringRefs, 1, 'no new ring is offered before the limit');
  t.ok(run.changes.includes('guest UNWATCH source:back/state'), 'the old watch is dropped already');
  run.take('guest2.tpmfront.receive/poll');
  t.equal(target.guest.user.errno, ETIME);
  run.go(['tpm', 'guest2']);
  t.equal(run.changes.filter((change) => change.endsWith('ring-ref a number')).length, 2);
  t.equal(target.device.state.executed, OWN + OWN, 'the command was not executed');
});

for (const scenario of ['save-restore', 'clean-migration']) {
  t.test(`simulated: exploring ${scenario} finds a command that was lost`, async (t) => {
    const run = new Run({ scenario });
    const found = explore(run.world, { order: 'bfs', oracles: ['right-answer'] });
    t.match(found, { holds: false, oracle: 'right-answer', fault: null });
    for (const choice of found.choices) run.world.step(choice);
    t.equal(run.world.machine.slots[1].guest.user.errno, ETIME);
  });

  t.test(`simulated: exploring ${scenario} finds a command that was executed and answered with ETIME`, async (t) => {
    const run = new Run({ scenario });
    run.take(...SUBMIT, ...FETCH, ...EXECUTE);
    run.world.memory.reset();
    const found = explore(run.world, { order: 'bfs', oracles: ['right-answer'] });
    t.match(found, { holds: false, oracle: 'right-answer', fault: null });
    for (const choice of found.choices) run.world.step(choice);
    const [, target] = run.world.machine.slots;
    t.equal(target.guest.user.errno, ETIME, 'its user is told that it timed out');
    t.equal(target.device.state.executed, OWN + 1, 'the saved vTPM has executed it');
    const { issued, answered } = historyOf(run, target);
    t.match({ issued, answered }, { issued: OWN + 1, answered: OWN }, 'guest and vTPM disagree by one');
  });
}

for (const scenario of ['checkpoint', 'cancelled-suspend', 'save-fails']) {
  t.test(`simulated: no schedule of ${scenario} loses a command`, async (t) => {
    const run = new Run({ scenario, commands: 2 });
    t.match(explore(run.world, { order: 'dfs', oracles: ['right-answer', 'no-hang', 'exactly-once'] }), {
      holds: true,
      complete: true,
    });
  });
}

t.test('simulated: a user that blocks loses no command over a restore either', async (t) => {
  const run = new Run({ scenario: 'save-restore', user: 'block', commands: 2 });
  t.match(explore(run.world, { order: 'dfs', oracles: ['right-answer', 'no-hang', 'exactly-once'] }), {
    holds: true,
    complete: true,
  });
});
