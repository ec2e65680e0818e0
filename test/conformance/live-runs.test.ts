/**
 * Traces of live runs are possible schedules of the simulator, and what has been changed in them is found at its line.
 */
import t from 'tap';
import { parseSession } from '../../protocol/tpm/session.js';
import { findScenario } from '../../scenarios/find-scenario.js';
import { findTpmback, findTpmfront } from '../../simulator/drivers.js';
import { replay, stepsOfToken } from '../../simulator/replay.js';
import { parseToken } from '../../simulator/token.js';
import { worldOf } from '../../simulator/verdict.js';
import { changed, followed, keptTrace, type Line, placeOf, type TraceFiles } from '../support/live/traces.js';

const KEPT = [
  { name: 'migration', scenario: 'live', shows: 'toolstack.run/unpause_target' },
  { name: 'cancelled-suspend', scenario: 'live-cancelled', shows: 'toolstack.successor/resume_source' },
  {
    name: 'backend-killed',
    scenario: 'live+backend-kills=1',
    shows: /^fault\/kill tpmback1( in tpmback1\.serve\/execute after store \d)?$/,
  },
] as const;

for (const { name, scenario, shows } of KEPT) {
  t.test(`${name}: accepted, with a schedule that the simulator replays`, async (t) => {
    const found = followed(keptTrace(name));
    t.equal(found.accepted, true);
    t.equal(found.refused, null);
    t.equal(found.reached, found.events);
    t.equal(found.scenario, scenario);
    t.equal(found.oracle, null);
    t.ok(found.schedule.some((step) => (typeof shows === 'string' ? step === shows : shows.test(step))));
    const token = parseToken(found.token ?? '');
    const pairing = {
      scenario: findScenario(token.scenario),
      tpmfront: findTpmfront(token.tpmfront),
      tpmback: findTpmback(token.tpmback),
      session: parseSession('live', found.session ?? ''),
    };
    const again = replay(worldOf(pairing, token), stepsOfToken(token));
    t.equal(again.diverged, null);
    t.equal(again.holds, true);
    t.strictSame(again.steps, found.schedule);
  });
}

const GUEST = 'a-guest.1.jsonl';
const BACKEND = 'a-backend.1.jsonl';

/** Where a changed trace is refused, and why. */
function refusal(files: TraceFiles): string {
  const { accepted, complete, refused } = followed(files);
  if (accepted || refused === null) return 'accepted';
  return `${complete ? '' : 'undecided '}${refused.file}:${refused.line} ${refused.recorded}: ${refused.why}`;
}

t.test('a step that is missing is found at the next line that needs it', async (t) => {
  const trace = keptTrace('migration');
  const publish = placeOf(trace, GUEST, 'guest1.tpmfront.transmit/publish');
  const without = changed(
    changed(trace, GUEST, publish.end, () => null),
    GUEST,
    publish.begin,
    () => null,
  );
  t.equal(
    refusal(without),
    `${GUEST}:${publish.begin} guest1.tpmfront.transmit/notify: guest1.tpmfront.transmit/notify is not possible`,
  );
  t.ok(followed(without).possible.includes('guest1.tpmfront.transmit/publish'));
  const fetch = placeOf(trace, BACKEND, 'tpmback1.serve/fetch');
  const unfetched = changed(
    changed(trace, BACKEND, fetch.end, () => null),
    BACKEND,
    fetch.begin,
    () => null,
  );
  t.match(refusal(unfetched), `${BACKEND}:${fetch.begin} tpmback1.serve/execute: `);
  const await_ = placeOf(trace, 'toolstack.1.jsonl', 'toolstack.run/await_drain');
  const undrained = changed(
    changed(trace, 'toolstack.1.jsonl', await_.end, () => null),
    'toolstack.1.jsonl',
    await_.begin,
    () => null,
  );
  t.match(refusal(undrained), 'a-hypervisor.1.jsonl:2 toolstack.run/save_memory: ');
});

t.test('two steps in the wrong order are found at the first', async (t) => {
  const trace = keptTrace('migration');
  const first = placeOf(trace, GUEST, 'guest1.tpmfront.transmit/publish');
  const second = placeOf(trace, GUEST, 'guest1.tpmfront.transmit/notify');
  let swapped = changed(trace, GUEST, first.begin, (line) => ({ ...line, begin: 'guest1.tpmfront.transmit/notify' }));
  swapped = changed(swapped, GUEST, second.begin, (line) => ({ ...line, begin: 'guest1.tpmfront.transmit/publish' }));
  t.match(refusal(swapped), `${GUEST}:${first.begin} guest1.tpmfront.transmit/notify: `);
});

t.test('an event that comes before it was sent is found, although each part alone is as it was', async (t) => {
  const trace = keptTrace('migration');
  const { begin, end } = placeOf(trace, BACKEND, 'tpmback1/interrupt', 2);
  const notify = placeOf(trace, GUEST, 'guest1.tpmfront.transmit/notify').begin;
  const before = (JSON.parse(trace.get(GUEST)?.[notify - 1] as string) as Line).at;
  // Ten moments for one make room.
  const spread: TraceFiles = new Map(
    [...trace].map(([file, lines]) => [
      file,
      lines.map((text) => {
        const line = JSON.parse(text) as Line;
        return JSON.stringify({ ...line, at: line.at * 10, ...(line.of === undefined ? {} : { of: line.of * 10 }) });
      }),
    ]),
  );
  t.equal(refusal(spread), 'accepted');
  const early = changed(
    changed(spread, BACKEND, begin, (line) => ({ ...line, at: before * 10 - 2 })),
    BACKEND,
    end,
    (line) => ({ ...line, at: before * 10 - 1, of: before * 10 - 2 }),
  );
  t.equal(refusal(early), `${BACKEND}:${begin} tpmback1/interrupt: tpmback1/interrupt is not possible`);
});

t.test('what was recorded with a step is compared', async (t) => {
  const trace = keptTrace('migration');
  const other = (file: string, step: string, detail: string, value: unknown, at: 'begin' | 'end' = 'end'): TraceFiles =>
    changed(trace, file, placeOf(trace, file, step)[at], (line) => ({ ...line, [detail]: value }));
  const line = (file: string, step: string): string => `${file}:${placeOf(trace, file, step).begin} ${step}: `;

  const answered = 'guest1.tpmfront/interrupt';
  t.match(
    refusal(other(GUEST, answered, 'response', 1)),
    `${line(GUEST, answered)}digest of the response: recorded 00000001`,
  );
  const respond = 'tpmback1.serve/respond';
  t.match(
    refusal(other(BACKEND, 'tpm1.execute/complete', 'answer', '80020000001300000000000000000000010001', 'begin')),
    `${line(BACKEND, respond)}digest of the response`,
    'another answer of the TPM than the one that was put into the ring',
  );
  const fetch = 'tpmback1.serve/fetch';
  t.match(
    refusal(other(BACKEND, fetch, 'request', 7)),
    `${line(BACKEND, fetch)}digest of the request: recorded 00000007`,
  );
  t.match(
    refusal(other(BACKEND, fetch, 'state', { 'tpmback.serve': 3 })),
    `${line(BACKEND, fetch)}tpmback.serve: recorded 3, simulated 2`,
  );
  t.match(
    refusal(other(GUEST, 'guest1.tpmfront.transmit/publish', 'ring', [0, 2])),
    'state of ring page 0: recorded 2, simulated 1',
  );
  const initialised = 'guest1.tpmfront.connect/initialised';
  t.match(
    refusal(
      other(GUEST, initialised, 'store', [
        ['READ', 'device/vtpm/0/state', '1'],
        ['WRITE', 'device/vtpm/0/state', '4'],
      ]),
    ),
    `${line(GUEST, initialised)}store request 2: recorded WRITE device/vtpm/0/state 4, simulated WRITE device/vtpm/0/state 3`,
  );
});

t.test('a run that ends in the middle of a step, and one with two migrations', async (t) => {
  const trace = keptTrace('cancelled-suspend');
  const { end } = placeOf(trace, GUEST, 'guest1.tpmfront/interrupt', 2);
  const cut: TraceFiles = new Map(
    [...trace].map(([file, lines]) => [file, file === GUEST ? lines.slice(0, end - 1) : lines]),
  );
  t.equal(refusal(cut), 'accepted', 'nobody has seen whether it was done');
  const moved = keptTrace('migration');
  const { begin } = placeOf(moved, 'toolstack.1.jsonl', 'toolstack.run/request_suspend');
  const lines = moved.get('toolstack.1.jsonl') as string[];
  const again = { ...(JSON.parse(lines[begin - 1] as string) as Line), at: 1_000_000 };
  moved.set('toolstack.1.jsonl', [...lines, JSON.stringify(again)]);
  t.throws(() => followed(moved), { code: 'BAD_RECORDING', message: /one source and one target/ });
});
