/** Creation and handshake against create, async-sleep-create and pvh-create. */
import t from 'tap';
import { changesOf, type RecordedLine, readRecording, recordedRequests, ringOf } from '../support/recording.js';
import { Run, without } from '../support/simulated.js';

const RECORDINGS = { create: 1, 'async-sleep-create': 11, 'pvh-create': 13 } as const;

/** Whether the line is a request of the guest that `pattern` fits. */
const byGuest =
  (pattern: RegExp) =>
  (entry: RecordedLine): boolean =>
    entry.src === 'xenstored' &&
    entry.who.startsWith('dom1') &&
    pattern.test(`${entry.op} ${entry.path} ${entry.value}`);

const STATE = /^WRITE device\/vtpm\/0\/state (\d)$/;
const WATCH = /^WATCH \/local\/domain\/0\/backend\/vtpm\/\d+\/0\/state /;

t.test('a domain is made and the two ends connect as recorded, node by node', async (t) => {
  const run = new Run({ scenario: 'connect' });
  run.go(['tpm', 'guest']);
  t.equal(run.world.failed, undefined);
  const simulated = without(run.changes, 'shutdown-watch-at-boot');
  t.ok(simulated.length > 50);
  for (const [name, source] of Object.entries(RECORDINGS)) {
    const recorded = changesOf(recordedRequests(readRecording(name)), { source, target: -1 });
    t.strictSame(without(recorded, 'shutdown-watch-at-boot'), simulated, name);
  }
});

t.test('three commands of the probe are answered between state 3 and the watch, a fourth beside it', async (t) => {
  for (const name of Object.keys(RECORDINGS)) {
    const lines = readRecording(name);
    const initialised = lines.findIndex((entry) => byGuest(STATE)(entry) && entry.value === '3');
    const watch = lines.findIndex(byGuest(WATCH));
    const connected = lines.findIndex((entry) => byGuest(STATE)(entry) && entry.value === '4');
    t.ok(initialised >= 0 && initialised < watch && watch < connected, `${name}: 3, watch, 4`);
    const line = (index: number): number => lines[index]?.line ?? 0;
    const kinds = (from: number, to: number): string[] =>
      ringOf(lines)
        .filter((ring) => ring.line > line(from) && ring.line < line(to))
        .map((ring) => `${ring.kind} ${ring.number}`);
    const three = [1, 2, 3].flatMap((number) => [`fetch ${number}`, `answer ${number}`]);
    t.strictSame(kinds(initialised, watch).slice(1, 7), three, name);
    t.strictSame(kinds(initialised, connected).slice(7), ['fetch 4', 'answer 4'], name);
  }
  // The recordings show the watch both before the fourth is fetched and after it.
  const watch = 'guest1.tpmfront.probe/watch_otherend';
  for (const [prefer, answers] of [
    [['guest1.tpmfront.probe', 'tpm', 'guest1'], 3],
    [['tpm', 'guest1.tpmfront.receive', 'guest1'], 4],
  ] as const) {
    const run = new Run({ scenario: 'connect' });
    run.go(prefer, watch);
    const count = (name: string): number => run.choices.filter((choice) => choice === `guest1.tpmfront.${name}`).length;
    t.strictSame([count('transmit/publish'), count('receive/poll')], [4, answers]);
  }
});

t.test('the backend finds the first command in the page when it maps it', async (t) => {
  for (const name of Object.keys(RECORDINGS)) {
    const at = readRecording(name).find(({ value }) => value.includes('why=connect'));
    t.equal(at?.f.get('state'), 1, name);
  }
  const run = new Run({ scenario: 'connect' });
  run.go(['guest', 'tpmback1/watches', 'tpmback'], 'tpmback1.connect/bind_channel');
  t.ok(run.choices.includes('guest1.tpmfront.transmit/notify'));
  run.go(['tpmback'], 'tpmback1.serve/execute');
  t.equal(run.choices.at(-1), 'tpmback1.serve/fetch', 'binding the channel raises the event that was sent too early');
});
