/** A backend killed inside a command and started again, against backend-killed-inflight. */
import t from 'tap';
import { changesOf, doneOf, offers, readRecording, recordedRequests, ringOf } from '../support/recording.js';
import { Run } from '../support/simulated.js';

const SUBMIT = [
  'guest1.user/issue',
  'guest1.tpmfront.transmit/fill',
  'guest1.tpmfront.transmit/publish',
  'guest1.tpmfront.transmit/notify',
];
const EXECUTE = ['tpmback1/interrupt', 'tpmback1.serve/fetch', 'tpmback1.serve/execute', 'tpm1.execute/complete'];

function restart(): Run {
  const run = new Run({ scenario: 'backend-restart' });
  run.take(...SUBMIT, ...EXECUTE);
  run.happenings.splice(0);
  run.take('fault/kill tpmback1', 'supervisor/restart tpmback1');
  run.go(['tpm', 'guest1.xenwatch']);
  return run;
}

t.test('the new backend connects on the old nodes as recorded, and the frontend writes nothing', async (t) => {
  const recorded = recordedRequests(readRecording('backend-killed-inflight'));
  const run = restart();
  t.ok(run.changes.length > 4);
  t.strictSame(changesOf(recorded, { source: 10, target: -1 }), run.changes);
  t.strictSame([offers(recorded), offers(run.requests)], [[], []]);
});

t.test('it maps the old page, finds the command there and fetches it again', async (t) => {
  const lines = readRecording('backend-killed-inflight');
  const page = lines.find(({ value }) => value.includes('why=connect'));
  t.equal(page?.f.get('state'), 1, 'the page says SUBMIT when it is mapped');
  t.strictSame(
    ringOf(lines)
      .slice(0, 4)
      .map(({ kind }) => kind),
    ['map', 'fetch', 'execute', 'answer'],
  );
  const again = ringOf(lines).find(({ kind }) => kind === 'execute');
  const [done] = doneOf(lines);
  t.match(done, { number: again?.number, errno: 0 }, 'its user notices a delay only');
  t.ok((done?.milliseconds ?? 0) > 2000);

  const run = restart();
  const { device, guest } = run.world.machine.slots[0];
  t.equal(device.state.executed, 4 + 2, 'four of the probe, and the one command twice');
  t.equal(guest.user.errno, 0);
  t.equal(run.world.failed, 'exactly-once');
});
