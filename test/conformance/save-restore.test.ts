/** Save and restore against saverestore-idle, saverestore-inflight and async-sleep-saverestore-inflight. */
import t from 'tap';
import { kernelSteps, recordedSteps } from '../support/kernel-steps.js';
import { changesOf, offers, probesOf, readRecording, recordedRequests, ringOf } from '../support/recording.js';
import { EAGER, Run } from '../support/simulated.js';

const RECORDINGS = {
  'saverestore-idle': { source: 1, target: 3 },
  'saverestore-inflight': { source: 3, target: 4 },
  'async-sleep-saverestore-inflight': { source: 11, target: 12 },
} as const;

function saveRestore(): Run {
  const run = new Run({ scenario: 'save-restore' });
  run.happenings.splice(0);
  run.go(EAGER);
  return run;
}

t.test('devices are removed, made again and connected as recorded, node by node', async (t) => {
  const run = saveRestore();
  t.equal(run.world.failed, undefined);
  t.ok(run.changes.length > 70);
  for (const [name, roles] of Object.entries(RECORDINGS)) {
    t.strictSame(changesOf(recordedRequests(readRecording(name)), roles), run.changes, name);
  }
});

t.test('watches are registered again newest first, and the one on the old backend is dropped', async (t) => {
  const watches = (changes: readonly string[]): readonly string[] =>
    changes.filter((change) => /^guest (UN)?WATCH/.test(change));
  const expected = [
    'guest WATCH source:back/state',
    'guest WATCH target:control/shutdown',
    'guest UNWATCH source:back/state',
    'guest WATCH target:back/state',
  ];
  t.strictSame(watches(saveRestore().changes), expected);
  for (const [name, roles] of Object.entries(RECORDINGS)) {
    t.strictSame(watches(changesOf(recordedRequests(readRecording(name)), roles)), expected, name);
  }
});

t.test('the new ring has the numbers of the old one', async (t) => {
  const lines = readRecording('async-sleep-saverestore-inflight');
  const [before] = offers(recordedRequests(readRecording('async-sleep-create')));
  t.strictSame(offers(recordedRequests(lines)), [before]);
  const refs = ringOf(lines).flatMap(({ kind, number }) => (kind === 'map' || kind === 'unmap' ? [number] : []));
  t.strictSame(refs, [10, 10]);
  const run = new Run({ scenario: 'save-restore' });
  run.go(EAGER);
  const simulated = offers(run.requests);
  t.equal(simulated.length, 2);
  t.equal(simulated[0], simulated[1]);
});

t.test("the guest's kernel goes through save and restore in the recorded order", async (t) => {
  const steps = kernelSteps(saveRestore().choices);
  t.ok(steps.includes('register'));
  for (const name of ['saverestore-idle', 'saverestore-inflight']) {
    t.strictSame(recordedSteps(probesOf(readRecording(name))), steps, name);
  }
});
