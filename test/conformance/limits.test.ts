/** Time limits of guest and toolstack, against pausedsave-no-ack and pvh-migrate-vtpm-stopped. */
import t from 'tap';
import { DomainState } from '../../hypervisor/domain.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { kernelSteps, recordedSteps } from '../support/kernel-steps.js';
import { changesOf, concerning, probesOf, readRecording, recordedRequests } from '../support/recording.js';
import { Run } from '../support/simulated.js';

/** Milliseconds that pass in the choices before `until`. */
function passed(choices: readonly string[], until: string): number {
  const end = choices.indexOf(until);
  return choices
    .slice(0, end < 0 ? undefined : end)
    .reduce((sum, name) => sum + Number(/^time\/(\d+) ms/.exec(name)?.[1] ?? 0), 0);
}

t.test('a guest that does not acknowledge within 60 s finds the request withdrawn', async (t) => {
  const requests = recordedRequests(readRecording('pausedsave-no-ack'));
  const recorded = changesOf(requests, { source: 9, target: -1 });
  t.strictSame(recorded, [
    'toolstack WRITE source:control/shutdown suspend',
    'toolstack BEGIN',
    'toolstack WRITE source:control/shutdown',
    'toolstack COMMIT',
  ]);
  const times = readRecording('pausedsave-no-ack').flatMap(({ op, path, t: at }) =>
    op === 'WRITE' && path.endsWith('control/shutdown') ? [at] : [],
  );
  t.equal(Math.round(((times[1] ?? 0) - (times[0] ?? 0)) / 1e6), 60);

  const run = new Run({ scenario: 'save-restore' });
  const { domain } = run.world.machine.slots[0];
  run.happenings.splice(0);
  domain.setState(DomainState.Paused);
  run.go(['toolstack']);
  domain.setState(DomainState.Running);
  run.go(['guest1']);
  t.strictSame(run.changes, recorded);
  t.equal(passed(run.choices, 'nothing'), 60_000);
});

t.test(
  'a user that blocks longer than 20 s ends the suspend after the acknowledgement, and nobody is told',
  async (t) => {
    const lines = readRecording('pvh-migrate-vtpm-stopped');
    const roles = { source: 15, target: 18 };
    const recorded = changesOf(concerning(recordedRequests(lines), 'source', roles), roles);
    const at = (op: string): number => (probesOf(lines).find((probe) => probe.op === op)?.t ?? 0) / 1e6;
    t.equal(Math.round(at('thaw_processes') - at('freeze_processes')), 20);
    const waits = lines.flatMap((line) =>
      line.who === 'toolstack' && line.path === '@releaseDomain' && /WATCH/.test(line.op)
        ? [`${line.op} ${line.t}`]
        : [],
    );
    const [from, to] = waits.map((wait) => Number(wait.split(' ')[1]) / 1e6);
    t.equal(Math.round((to ?? 0) - (from ?? 0)), 60, 'the toolstack waits out its 60 s');

    // A key generation: the guest waits longer for it than 20 s.
    const run = new Run({
      scenario: 'clean-migration',
      session: 'primary_keys',
      from: TPM_CC.CreatePrimary,
      user: 'block',
      change: (scenario) => ({ ...scenario, slowCommandMilliseconds: 28_000 }),
    });
    run.happenings.splice(0);
    run.take('guest1.user/issue');
    run.go(['guest1', 'tpm', 'toolstack']);
    t.strictSame(run.changes, recorded);
    const names = run.choices;
    t.equal(passed(names, 'guest1.kernel/freeze_tasks'), 20_000);
    t.equal(passed(names, 'toolstack.run/await_suspend'), 60_000);
    // The recorded guest thaws its tasks in the same function in which it could not freeze them.
    t.strictSame(
      kernelSteps(names),
      recordedSteps(probesOf(lines)).filter((step) => step !== 'thaw_tasks'),
    );
    t.equal(run.world.machine.slots[0].guest.user.errno, 0);
  },
);
