/**
 * Traces of live runs are possible schedules of the simulator, and what has been changed in them is found at its line.
 */
import t from 'tap';
import { QuiesceError } from '../../protocol/errors.js';
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

t.test('a run that ends in the middle of a step', async (t) => {
  const trace = keptTrace('cancelled-suspend');
  const { end } = placeOf(trace, GUEST, 'guest1.tpmfront/interrupt', 2);
  const cut: TraceFiles = new Map(
    [...trace].map(([file, lines]) => [file, file === GUEST ? lines.slice(0, end - 1) : lines]),
  );
  t.equal(refusal(cut), 'accepted', 'nobody has seen whether it was done');
});

const TOOLSTACK = 'toolstack.1.jsonl';

t.test('three migrations, with deaths and a cancelled suspend between them: one schedule', async (t) => {
  const found = followed(keptTrace('three-migrations'));
  t.strictSame([found.accepted, found.refused, found.oracle, found.reached], [true, null, null, found.events]);
  t.equal(found.scenario, 'live+backend-kills=1');
  const count = (name: string): number => found.schedule.filter((step) => step === name).length;
  t.equal(count('toolstack.run/unpause_target'), 3);
  t.equal(count('live/guest1 begins anew'), 1);
  t.equal(count('live/tpmback1 begins for another guest'), 1);
  t.equal(count('live/tpmback2 begins for another guest'), 1);
  t.equal(found.schedule.filter((step) => step.startsWith('fault/kill tpmback2')).length, 1);
  t.equal(found.token, null, 'no scenario has three');
});

/** Of these the first step has a row of its own: nobody looks at how a guest or its first backend begins. */
const FIRST = ['a-backend.1', 'b-backend.1', 'a-guest.1', 'a-guest.2', 'b-guest.1', 'b-guest.2'];
const FIRST_END = 3;
/** One change in so many is tried. */
const CHANGE_EVERY = 17;

interface Recorded {
  readonly state?: { readonly [name: string]: number };
  readonly store?: readonly (readonly string[])[];
  readonly response?: number;
  readonly request?: number;
}

/** The same with something else in it, one thing at a time. */
function others({ state, store, response, request }: Recorded): readonly Recorded[] {
  return [
    ...Object.entries(state ?? {}).map(([name, value]) => ({ state: { ...state, [name]: value + 1 } })),
    ...(store === undefined ? [] : [{ store: [...store, ['READ', 'device/vtpm/0/state', '4']] }]),
    ...(response === undefined ? [] : [{ response: response ^ 1 }]),
    ...(request === undefined ? [] : [{ request: request ^ 1 }]),
  ];
}

t.test('each value that a part has recorded of itself counts, on both hosts and after each migration', async (t) => {
  const trace = keptTrace('three-migrations');
  const changes = [...trace].flatMap(([file, lines]) =>
    lines.flatMap((text, index) =>
      index + 1 === FIRST_END && FIRST.includes(file.replace('.jsonl', ''))
        ? []
        : others(JSON.parse(text) as Recorded).map((other) => ({ file, number: index + 1, other })),
    ),
  );
  const tried = changes.filter((_, index) => index % CHANGE_EVERY === 0);
  t.ok(tried.length > 20, `${tried.length} changes`);
  const accepted = tried.filter(({ file, number, other }) => {
    try {
      return followed(changed(trace, file, number, (line) => ({ ...line, ...other }))).accepted;
    } catch (error) {
      // Commands that are not numbered one after the other.
      if (error instanceof QuiesceError && error.code === 'BAD_RECORDING') return false;
      throw error;
    }
  });
  t.strictSame(accepted, []);
});

t.test('what a migration has left or brought is not taken for granted', async (t) => {
  const trace = keptTrace('three-migrations');
  const without = (file: string, step: string, count: number): TraceFiles => {
    const { begin, end } = placeOf(trace, file, step, count);
    return changed(
      changed(trace, file, end, () => null),
      file,
      begin,
      () => null,
    );
  };
  const renamed = (step: string, count: number, name: string): TraceFiles =>
    changed(trace, TOOLSTACK, placeOf(trace, TOOLSTACK, step, count).begin, (each) => ({ ...each, begin: name }));

  const once = without(TOOLSTACK, 'toolstack/destroy guest1', 2);
  t.equal(refusal(once), 'accepted', 'the one before has done it');
  const { begin, end } = placeOf(once, TOOLSTACK, 'toolstack/destroy guest1');
  const never = changed(
    changed(once, TOOLSTACK, end, () => null),
    TOOLSTACK,
    begin,
    () => null,
  );
  const asked = placeOf(never, TOOLSTACK, 'toolstack.run/request_suspend', 2);
  const { accepted, refused, others: more } = followed(never);
  t.equal(accepted, false);
  const places = [refused, ...more].map((place) => `${place?.file}:${place?.line} ${place?.why}`);
  t.ok(
    places.includes(`${TOOLSTACK}:${asked.begin} toolstack.run/request_suspend is not possible`),
    'while the toolstack has a guest to take away it asks nobody to suspend',
  );
  const restore = placeOf(trace, TOOLSTACK, 'toolstack/restore guest1');
  t.equal(
    refusal(renamed('toolstack/restore guest1', 1, 'toolstack/restore guest2')),
    `${TOOLSTACK}:${restore.begin} toolstack/restore guest2: the guest moves to guest1`,
  );
  const goesOn = placeOf(trace, 'a-guest.2.jsonl', 'guest1.kernel/gnttab_resume');
  t.match(
    refusal(renamed('toolstack/unpause guest1', 2, 'toolstack/resume guest2')),
    `a-guest.2.jsonl:${goesOn.begin} guest1.kernel/gnttab_resume: `,
  );
});

t.test(
  'to refuse the end of a run takes a few tries for each event, and not the ways of events that wait',
  async (t) => {
    const trace = keptTrace('three-migrations');
    const file = 'b-guest.2.jsonl';
    const last = (trace.get(file) ?? []).findLastIndex((line) => line.includes('"response":')) + 1;
    const spoiled = changed(trace, file, last, (line) => ({ ...line, response: 1 }));
    const { complete, refused, tried, events } = followed(spoiled);
    t.strictSame([complete, refused?.file, refused?.recorded], [true, file, 'guest2.tpmfront/interrupt']);
    t.ok(tried < 6 * events, `${tried} tries for ${events} events`);
  },
);
