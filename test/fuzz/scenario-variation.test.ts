/** Names of varied scenarios: what goes in comes out, and what is none is refused. */
import fc from 'fast-check';
import t from 'tap';
import { QuiesceError } from '../../protocol/errors.js';
import { findScenario } from '../../scenarios/find-scenario.js';
import { SCENARIOS } from '../../scenarios/scenarios.js';
import { varied } from '../../simulator/scenario-variation.js';
import { type FaultBudget, NO_FAULTS } from '../../simulator/world-options.js';

t.test('a varied scenario is found by its name', async (t) => {
  const fault = fc.integer({ min: 0, max: 3 });
  const variation = fc.record({
    ...(Object.fromEntries(Object.keys(NO_FAULTS).map((name) => [name, fault])) as Record<
      keyof FaultBudget,
      typeof fault
    >),
    sequenceBits: fc.integer({ min: 2, max: 32 }),
  });
  fc.assert(
    fc.property(fc.constantFrom(...SCENARIOS), variation, (base, change) => {
      const made = varied(base, change);
      const { sequenceBits, ...faults } = change;
      t.strictSame(findScenario(made.name), made);
      t.strictSame(made.faults, faults);
      t.equal(made.sequenceBits ?? 32, sequenceBits);
    }),
    { numRuns: 100 },
  );
  const scenario = findScenario('checkpoint');
  t.equal(varied(scenario, {}), scenario, 'what is not changed keeps its name');
  t.equal(varied(scenario, { spuriousEvents: 2 }).name, 'checkpoint+spurious-events=2');
});

t.test('any other name is refused, and no name throws anything else', async (t) => {
  for (const name of ['x', 'checkpoint+', 'checkpoint+x=1', 'checkpoint+backend-kills=4', 'checkpoint+backend-kills'])
    t.throws(() => findScenario(name), { code: 'UNKNOWN_NAME' }, name);
  t.throws(() => findScenario('checkpoint+backend-kills=1+backend-kills=1'), { message: /once/ });
  t.throws(() => findScenario('checkpoint+sequence-bits=1'), { message: /sequence-bits=2\.\.32/ });
  const parts = fc.array(fc.oneof(fc.string(), fc.constantFrom('+', '=', 'checkpoint', 'backend-kills', '2')));
  fc.assert(
    fc.property(parts, (words) => {
      try {
        findScenario(words.join(''));
      } catch (error) {
        t.ok(error instanceof QuiesceError);
      }
    }),
  );
});
