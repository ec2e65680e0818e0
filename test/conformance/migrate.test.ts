/**
 * Live migration against pvh-migrate-idle and pvh-migrate-inflight.
 *
 * What happens to the source and to the target is compared in order each; between the two, what recording and
 * simulator must share. They need not share when the target's domain is made: libxl makes it before the suspend and
 * copies memory in rounds, the simulator after it, for its copy is one step.
 */
import t from 'tap';
import { kernelSteps, recordedSteps } from '../support/kernel-steps.js';
import {
  changesOf,
  concerning,
  probesOf,
  type Request,
  type Roles,
  readRecording,
  recordedRequests,
} from '../support/recording.js';
import { EAGER, ROLES, Run, without } from '../support/simulated.js';

const RECORDINGS: { readonly [name: string]: Roles } = {
  'pvh-migrate-idle': { source: 13, target: 14 },
  'pvh-migrate-inflight': { source: 14, target: 15 },
};

function migrate(): Run {
  const run = new Run({ scenario: 'clean-migration', reduction: false });
  run.happenings.splice(0);
  run.go(EAGER);
  return run;
}

const of = (requests: readonly Request[], role: keyof Roles, roles: Roles): readonly string[] =>
  without(changesOf(concerning(requests, role, roles), roles), 'other-vtpms');

t.test('source and target are treated as recorded, node by node', async (t) => {
  const run = migrate();
  t.equal(run.world.failed, undefined);
  for (const [name, roles] of Object.entries(RECORDINGS)) {
    const recorded = recordedRequests(readRecording(name));
    for (const role of ['source', 'target'] as const) {
      const simulated = of(run.requests, role, ROLES);
      t.ok(simulated.length > 15);
      t.strictSame(of(recorded, role, roles), simulated, `${name}: ${role}`);
    }
  }
});

t.test(
  "the target's device is made while the source's is connected, which goes only after the target runs",
  async (t) => {
    const expected = [
      'toolstack WRITE source:control/shutdown suspend',
      'tpmback WRITE target:back/state 2',
      'guest WATCH target:control/shutdown',
      'toolstack WRITE source:back/state 5',
      'tpmback WRITE source:back/state 6',
    ];
    const seen = (changes: readonly string[]): readonly string[] =>
      changes.filter((change) => expected.includes(change));
    t.strictSame(seen(migrate().changes), expected);
    for (const [name, roles] of Object.entries(RECORDINGS)) {
      t.strictSame(seen(changesOf(recordedRequests(readRecording(name)), roles)), expected, name);
    }
  },
);

t.test("the guest's kernel goes through a migration in the recorded order", async (t) => {
  for (const name of Object.keys(RECORDINGS)) {
    t.strictSame(recordedSteps(probesOf(readRecording(name))), kernelSteps(migrate().choices), name);
  }
});
