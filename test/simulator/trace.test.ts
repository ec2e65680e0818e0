import t from 'tap';
import { CHOICES_MAX } from '../../simulator/explore/explore.js';
import { changesSince, describeChange, traceMap } from '../../simulator/field-changes.js';
import { replay, stepsByName } from '../../simulator/replay.js';
import { formatTrace, Recorder, type TraceStep } from '../../simulator/trace.js';
import { namesOf, worldOf } from '../../simulator/verdict.js';
import { pairingOf } from '../support/pairings.js';

const PAIRING = pairingOf('no-hook', 'clean-migration');
const NAMES = namesOf(PAIRING, { commands: 1 });

const EXCHANGE = [
  'guest1.user/issue',
  'guest1.tpmfront.transmit/fill',
  'guest1.tpmfront.transmit/publish',
  'guest1.tpmfront.transmit/notify',
  'tpmback1/interrupt',
  'toolstack.run/request_suspend',
  'guest1.xenwatch/shutdown control/shutdown',
];

function record(names: readonly string[]): readonly TraceStep[] {
  const world = worldOf(PAIRING, NAMES);
  const recorder = new Recorder(world);
  const { diverged } = replay(world, stepsByName(names), (choice) => recorder.take(choice));
  t.equal(diverged, null);
  return recorder.steps;
}

const texts = (step: TraceStep | undefined): readonly string[] => (step?.changes ?? []).map(describeChange);

t.test('a step tells who changed which field from what to what', async (t) => {
  const steps = record(EXCHANGE);
  t.strictSame(
    steps.map(({ step }) => step),
    [1, 2, 3, 4, 5, 6, 7],
  );
  t.strictSame(
    steps.map(({ actor }) => actor),
    ['guest1', 'guest1', 'guest1', 'guest1', 'tpmback1', 'toolstack', 'guest1'],
  );
  t.ok(texts(steps[1]).includes('guest1 ring page 0: tpmif_shared_page.length: 0 -> 12'));
  t.ok(texts(steps[1]).includes('guest1 ring page 0: bytes 8 to 19'), 'a packet is one run of bytes');
  t.ok(texts(steps[2]).includes('guest1 ring page 0: tpmif_shared_page.state: 0 -> 1'));
  t.ok(
    texts(steps[3]).some((text) => /^dom0a event \d+ pending: 0 -> 1$/.test(text)),
    texts(steps[3]).join(),
  );
  t.ok(texts(steps[4]).some((text) => /^dom0a event \d+ pending: 1 -> 0$/.test(text)));
});

t.test('a step tells what it asked of xenstored', async (t) => {
  const steps = record(EXCHANGE);
  t.strictSame(steps[5]?.store, [
    { client: 'toolstack', operation: 'WRITE', path: '/local/domain/1/control/shutdown', value: 'suspend' },
  ]);
  t.match(steps[6]?.store, [{ client: 'guest1', operation: 'READ', path: 'control/shutdown', value: 'suspend' }]);
  t.strictSame(steps[0]?.store, []);
});

t.test('what is tried out on the way is not heard', async (t) => {
  const pairing = pairingOf('sequenced', 'backend-restart');
  const world = worldOf(pairing, { commands: 1, grain: 'fine', daemon: 'c' });
  const recorder = new Recorder(world);
  const choices = new Int32Array(CHOICES_MAX);
  world.enumerate(choices);
  recorder.take(choices[0] as number);
  // Where a backend may be killed, looking for choices runs its steps and takes them back.
  for (let i = 0; i < 5; i++) world.enumerate(choices);
  t.strictSame(
    recorder.steps.map(({ store }) => store.length),
    [0],
  );
});

t.test('every page there is has a name', async (t) => {
  const world = worldOf(PAIRING, NAMES);
  const { memory } = world;
  const map = traceMap(world.machine);
  const choices = new Int32Array(CHOICES_MAX);
  while (world.enumerate(choices) > 0) world.step(choices[0] as number);
  const changes = changesSince(memory, map, 0);
  const unnamed = changes.filter(({ owner }) => owner === 'memory').map(describeChange);
  t.strictSame(unnamed, []);
  t.ok(changes.some(({ owner }) => owner === 'guest2'));
});

t.test('as text a trace is a header, a record for each step, and the end', async (t) => {
  const steps = record(EXCHANGE);
  const text = formatTrace({
    header: { trace: 1, seed: null, ...NAMES },
    steps,
    end: { holds: true, oracle: null, quiescent: false },
  });
  const records = text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  t.equal(records.length, EXCHANGE.length + 2);
  t.match(records[0], {
    trace: 1,
    scenario: 'clean-migration',
    tpmfront: 'no-hook',
    tpmback: 'v2',
    commands: 1,
    grain: 'fine',
  });
  t.match(records[1], { step: 1, choice: 'guest1.user/issue', actor: 'guest1', violations: [], fault: null });
  t.strictSame(records.at(-1), { end: { holds: true, oracle: null, quiescent: false } });
});
