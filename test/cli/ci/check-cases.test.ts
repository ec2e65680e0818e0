/** The cases of `check`: good is what was expected, whether that is to hold or to fail. */
import t from 'tap';
import { decideRaces } from '../../../cli/check-identity.js';
import { checkCases } from '../../../cli/ci/check-cases.js';
import type { TimedVerdict } from '../../../cli/timed-verdict.js';
import { quiesce } from '../../support/fake-terminal.js';

const EXTENT = { commands: null, grain: 'fine', daemon: 'c' } as const;

/** `quiesce` holds over a checkpoint, and `linux` does not: see `scenarios/expected.ts`. */
function verdict(tpmfront: 'quiesce' | 'linux', more: Partial<TimedVerdict>): TimedVerdict {
  const fails = more.oracle !== undefined;
  return {
    scenario: 'checkpoint',
    tpmfront,
    tpmback: 'v2',
    holds: !fails,
    complete: !fails,
    oracle: null,
    fault: null,
    states: 10,
    transitions: 20,
    reduction: 'none',
    offered: 20,
    shortest: null,
    seconds: 0.5,
    schedule: fails ? ['guest1.user/issue'] : [],
    token: fails ? 'q1.AAAA' : null,
    ...more,
  };
}

const outcomes = (...verdicts: readonly TimedVerdict[]): unknown =>
  checkCases(verdicts, [], 'ima_extends', EXTENT).map(({ outcome, summary }) => ({ outcome, summary }));

t.test('what is expected passes, and what is not says what was expected', async (t) => {
  t.match(outcomes(verdict('quiesce', {}), verdict('linux', { oracle: 'in-step' })), [
    { outcome: 'passes', summary: 'holds in 10 states' },
    { outcome: 'passes', summary: 'in-step fails after 1 step' },
  ]);
  t.match(
    outcomes(verdict('linux', {}), verdict('quiesce', { oracle: 'no-hang' }), verdict('linux', { oracle: 'no-hang' })),
    [
      { outcome: 'fails', summary: 'expected that in-step fails, found: holds in 10 states' },
      { outcome: 'fails', summary: 'expected that it holds, found: no-hang fails after 1 step' },
      { outcome: 'fails', summary: 'expected that in-step fails, found: no-hang fails after 1 step' },
    ],
  );
  t.match(outcomes(verdict('quiesce', { complete: false })), [{ outcome: 'undecided' }]);
});

t.test('the races of the device identity are cases too, and have diagrams', async (t) => {
  const cases = checkCases(
    [],
    decideRaces(() => 0),
    'ima_extends',
    EXTENT,
  );
  t.ok(cases.every(({ outcome }) => outcome === 'passes'));
  const failing = cases.find(({ oracle }) => oracle === 'right-device');
  t.match(failing, { subject: /^design [PIO]$/, scenario: /^device-identity\//, sources: [] });
  t.match(failing?.diagram(), /\nsequenceDiagram\n[\s\S]*right-device fails/);
  t.equal(cases.find(({ oracle }) => oracle === null)?.diagram(), null);
});

t.test('explore of a race has the same outputs, but no test to write', async (t) => {
  const argv = ['explore', '--scenario', 'device-identity/40', '--design', 'P'];
  t.match(await quiesce([...argv, '--github']), {
    status: 1,
    err: /^::error title=quiesce%3A device-identity\/40%3A right-device/,
  });
  t.match(await quiesce([...argv, '--emit-test', 'a.mjs']), {
    status: 2,
    err: /--emit-test: expected a scenario of a pair/,
  });
});
