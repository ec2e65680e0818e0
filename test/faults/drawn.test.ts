/** Which faults the fuzzer draws: those that somebody survives, where they can strike. */
import t from 'tap';
import { findScenario } from '../../scenarios/find-scenario.js';
import { SCENARIOS } from '../../scenarios/scenarios.js';
import { FAULT_PREFIX, FAULTS } from '../../simulator/faults.js';
import { drawWorld, EVERY_DAEMON, EVERY_GRAIN, EVERY_TPMFRONT } from '../../simulator/fuzz/swarm.js';
import { Random } from '../../simulator/random.js';
import { type FaultBudget, NO_FAULTS, strikesOf } from '../../simulator/world-options.js';

const UNASKED: readonly (keyof FaultBudget)[] = ['doubleResumes', 'lostEvents', 'mixedRestores', 'hostileStores'];

t.test('every fault that somebody survives is drawn, and no other is unless it is asked for', async (t) => {
  const drawn = new Set<string>();
  for (let seed = 0; seed < 2000; seed++) {
    const { scenario } = drawWorld(
      {
        scenarios: SCENARIOS.filter(({ name }) => name !== 'both-copies-run'),
        varies: true,
        tpmfronts: EVERY_TPMFRONT,
        tpmback: null,
        sessions: ['ima_extends'],
        commands: null,
        grains: EVERY_GRAIN,
        daemons: EVERY_DAEMON,
      },
      new Random(seed),
    );
    const { faults, plan } = findScenario(scenario);
    for (const [fault, strikes] of Object.entries(faults)) if (strikes > 0) drawn.add(fault);
    if (faults.streamCuts > 0) t.equal(plan.operation, 'migrate', scenario);
    if (faults.staleRestores > 0) t.equal(plan.operation, 'checkpoint', scenario);
  }
  const expected = Object.keys(NO_FAULTS).filter((fault) => !UNASKED.some((unasked) => unasked === fault));
  t.strictSame([...drawn].sort(), expected.sort());
});

t.test('each fault that strikes as a step is listed, and without a budget none can', async (t) => {
  t.equal(strikesOf(NO_FAULTS), 0);
  t.equal(strikesOf({ ...NO_FAULTS, streamCuts: 1, backendKills: 2 }), 3);
  const steps = FAULTS.flatMap(({ step }) => (step === null ? [] : [step]));
  for (const step of steps) t.ok(step.startsWith(FAULT_PREFIX), step);
  t.ok(steps.length >= Object.keys(NO_FAULTS).length, 'every budget has an entry');
});
