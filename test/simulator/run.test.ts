import t from 'tap';
import { replay, stepsByName } from '../../simulator/replay.js';
import { run } from '../../simulator/run.js';
import { actorOf, formatTrace, type Trace } from '../../simulator/trace.js';
import { namesOf, worldOf } from '../../simulator/verdict.js';
import { pairingOf } from '../support/pairings.js';

function traceOf(tpmfront: string, scenario: string, seed: number): Trace {
  const pairing = pairingOf(tpmfront, scenario);
  const names = namesOf(pairing, { commands: 3 });
  const { holds, oracle, quiescent, steps } = run(worldOf(pairing, names), seed);
  return { header: { trace: 1, seed, ...names }, steps, end: { holds, oracle, quiescent } };
}

const choices = ({ steps }: Trace): readonly string[] => steps.map(({ choice }) => choice);

t.test('the same seed gives the same bytes, another seed another order', async (t) => {
  const first = formatTrace(traceOf('sequenced', 'toolstack-dies', 1));
  t.equal(formatTrace(traceOf('sequenced', 'toolstack-dies', 1)), first);
  t.not(formatTrace(traceOf('sequenced', 'toolstack-dies', 2)), first);
});

t.test('a design that holds comes to a quiet end in every order', async (t) => {
  for (const scenario of ['clean-migration', 'backend-restart', 'slow-command', 'spurious-event', 'save-restore']) {
    for (let seed = 0; seed < 4; seed++) {
      t.match(
        traceOf('sequenced', scenario, seed).end,
        { holds: true, oracle: null, quiescent: true },
        `${scenario} ${seed}`,
      );
    }
  }
});

t.test('a fault strikes exactly as often as budgeted, at moments of the seed', async (t) => {
  const moments = new Set<number>();
  for (let seed = 0; seed < 10; seed++) {
    const steps = choices(traceOf('sequenced', 'backend-restart', seed));
    const faults = steps.flatMap((choice, step) => (actorOf(choice) === 'fault' ? [step] : []));
    t.equal(faults.length, 1, `seed ${seed}`);
    moments.add(faults[0] ?? -1);
  }
  t.ok(moments.size > 4, `${moments.size} moments`);
  t.notOk(choices(traceOf('sequenced', 'clean-migration', 1)).some((choice) => actorOf(choice) === 'fault'));
});

t.test('a run ends at the first failure, and its schedule fails again', async (t) => {
  const failing = Array.from({ length: 30 }, (_, seed) => traceOf('no-hook', 'checkpoint', seed)).find(
    ({ end }) => !end.holds,
  );
  t.ok(failing);
  if (failing === undefined) return;
  const world = worldOf(pairingOf('no-hook', 'checkpoint'), failing.header);
  t.match(replay(world, stepsByName(choices(failing))), { holds: false, oracle: failing.end.oracle });
  t.strictSame(failing.steps.at(-1)?.violations, [failing.end.oracle]);
});
